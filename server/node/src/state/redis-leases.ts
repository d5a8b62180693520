import { randomUUID } from 'node:crypto'
import { type Claimant, type ConnectionCaps, ConnectionLimits } from '../limits.ts'
import type { RedisLink } from './redis-link.ts'
import type { Cap, Lease, Leases } from './shared-state.ts'

/** Renewed so often within its life that a lease outlives a renewal that fails. */
const RENEWALS = 3
/** In one command: some milliseconds, as more would hold up others. */
const MOST_RENEWED = 500
const CAPS = ['total', 'ip', 'user'] as const

/**
 * Places on Redis that expire unless they are renewed, so that an instance that was killed gives its own back. While
 * Redis is away each instance counts its own sessions, and holds their places there as soon as it is back.
 */
export class RedisLeases implements Leases {
  readonly #link: RedisLink
  readonly #leaseMs: number
  readonly #here = new ConnectionLimits()
  /** The keys of each lease of this instance. */
  readonly #held = new Map<string, readonly string[]>()
  readonly #instance = randomUUID()
  readonly #timer: NodeJS.Timeout
  #count = 0

  constructor(link: RedisLink, leaseMs: number) {
    this.#link = link
    this.#leaseMs = leaseMs
    this.#timer = setInterval(() => void this.#renew(), leaseMs / RENEWALS).unref()
    link.onBack(() => void this.#renew())
  }

  async check(claimant: Claimant, caps: ConnectionCaps): Promise<Cap | null> {
    return this.#here.check(claimant, caps) ?? (await this.#ask('', claimant, caps))
  }

  async hold(claimant: Claimant, caps: ConnectionCaps): Promise<Lease> {
    // Held here first: what this instance has alone can be too much already, and others may come in meanwhile.
    const here = this.#here.check(claimant, caps)
    if (here !== null) return { refusedBy: here }
    const giveBack = this.#here.hold(claimant)
    this.#count += 1
    const id = `${this.#instance}:${this.#count}`
    const refusedBy = await this.#ask(id, claimant, caps)
    if (refusedBy !== null) {
      giveBack()
      return { refusedBy }
    }
    this.#held.set(id, this.#keys(claimant))
    return { refusedBy, release: () => this.#release(id, giveBack) }
  }

  async hasRoom({ total }: ConnectionCaps): Promise<boolean> {
    if (total === 0) return true
    if (this.#here.total >= total) return false
    try {
      return (await this.#link.script('hold', [this.#link.key('leases')], ['', 0, total])) === 0
    } catch {
      return true // as far as this instance knows
    }
  }

  /** Renews nothing any more. */
  close(): void {
    clearInterval(this.#timer)
  }

  #keys({ ip, user }: Claimant): string[] {
    const keys = [this.#link.key('leases'), this.#link.key('leases:ip', ip)]
    return user === null ? keys : [...keys, this.#link.key('leases:user', user)]
  }

  async #ask(id: string, claimant: Claimant, caps: ConnectionCaps): Promise<Cap | null> {
    const limits = [caps.total, caps.perIp, caps.perUser]
    try {
      const full = await this.#link.script('hold', this.#keys(claimant), [id, this.#leaseMs, ...limits])
      return CAPS[Number(full) - 1] ?? null
    } catch {
      return null // it was checked here
    }
  }

  #release(id: string, giveBack: () => void): void {
    const keys = this.#held.get(id)
    if (keys === undefined) return
    this.#held.delete(id)
    giveBack()
    this.#link.script('release', keys, [id]).catch(() => {}) // it expires
  }

  async #renew(): Promise<void> {
    const held = [...this.#held]
    for (let at = 0; at < held.length; at += MOST_RENEWED) {
      // Some may have been given back while the ones before were renewed.
      const some = held.slice(at, at + MOST_RENEWED).filter(([id]) => this.#held.has(id))
      const keys = some.flatMap(([, ofLease]) => ofLease)
      const ids = some.flatMap(([id, ofLease]) => ofLease.map(() => id))
      await this.#link.script('renew', keys, [this.#leaseMs, ...ids]).catch(() => {}) // there is time for another
    }
  }
}
