import type { RelayLogger } from '../log.ts'
import type { HealthStatus } from '../token-service/provider-health.ts'
import { RedisBudgets } from './redis-budgets.ts'
import { RedisLeases } from './redis-leases.ts'
import { RedisBlocks, RedisWindows } from './redis-limits.ts'
import { checkNumber, RedisLink, type RedisOptions } from './redis-link.ts'
import { RedisRevocations } from './redis-revocations.ts'
import { RedisSessions } from './redis-sessions.ts'
import { RedisUsedTickets } from './redis-tickets.ts'
import type { SharedState } from './shared-state.ts'

/** State on Redis, for all instances with the same server and prefix. It connects when it is first used. */
export class RedisState implements SharedState {
  readonly #link: RedisLink
  readonly windows: RedisWindows
  readonly blocks: RedisBlocks
  readonly usedTickets: RedisUsedTickets
  readonly leases: RedisLeases
  readonly sessions: RedisSessions
  readonly budgets: RedisBudgets
  readonly revocations: RedisRevocations

  /**
   * @throws {TypeError} Where the URL is none of Redis.
   * @throws {RangeError} Where a number is out of range.
   */
  constructor(options: RedisOptions, log: RelayLogger) {
    const { leaseMs = 60_000 } = options
    checkNumber('leaseMs', leaseMs, { least: 1000, most: 3_600_000 })
    const link = new RedisLink(options, log)
    this.#link = link
    // First what must be there again before anybody asks.
    this.leases = new RedisLeases(link, leaseMs)
    this.usedTickets = new RedisUsedTickets(link)
    this.revocations = new RedisRevocations(link)
    this.budgets = new RedisBudgets(link)
    this.windows = new RedisWindows(link)
    this.blocks = new RedisBlocks(link)
    this.sessions = new RedisSessions(link)
  }

  get status(): HealthStatus {
    return this.#link.here ? 'healthy' : 'degraded'
  }

  opened(): Promise<void> {
    return this.#link.open()
  }

  close(): Promise<void> {
    this.leases.close()
    this.revocations.close()
    return this.#link.close()
  }
}
