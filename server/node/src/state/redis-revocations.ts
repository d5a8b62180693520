import { MemoryRevocations, nameOf, REMEMBERED_MS } from './memory-revocations.ts'
import type { RedisLink } from './redis-link.ts'
import type { Holder, Revocations, Revoked } from './shared-state.ts'

/** What was revoked so shortly before the last that was read is read again: it may have been under way. */
const OVERLAP_MS = 60_000
/** Should a subscription be lost without a sign, what was published is found so late. */
const CATCH_UP_MS = 10_000
/** So many are asked for or told at once, for Redis to answer others in between. */
const AT_ONCE = 200

/**
 * Revocations on Redis, published to all instances. Each keeps a copy, for as long as Redis is away and for what
 * must be known at once.
 */
export class RedisRevocations implements Revocations {
  readonly #link: RedisLink
  readonly #memory = new MemoryRevocations()
  readonly #untold = new Map<string, number>()
  readonly #timer: NodeJS.Timeout
  /** By the clock of Redis. */
  #readUntil = 0

  constructor(link: RedisLink) {
    this.#link = link
    link.onBack(() => {
      void this.#tell().then(() => this.#restore())
      void this.#catchUp(0) // the subscription may have been there again before
    })
    link.subscribe(this.#channel, {
      onMessage: (message) => this.#hear(message),
      onReady: () => void this.#catchUp(0),
    })
    this.#timer = setInterval(() => void this.#catchUp(this.#readUntil - OVERLAP_MS), CATCH_UP_MS).unref()
  }

  async revoke(revoked: Revoked): Promise<boolean> {
    const name = nameOf(revoked)
    try {
      this.#memory.learn([[name, await this.#publish(name, 0)]])
      return true
    } catch {
      const at = Date.now()
      this.#untold.set(name, at)
      this.#memory.learn([[name, at]])
      return false
    }
  }

  async has(holder: Holder): Promise<boolean> {
    const { user, ticket, issuedAt } = holder
    if (this.#memory.knows(holder)) return true
    const names = [nameOf({ user }), ...(ticket === null ? [] : [nameOf({ ticket })])]
    try {
      const times = await this.#link.run((client) => client.zmscore(this.#key, ...names))
      // Taken over as if it had been published: this instance may not have heard it.
      this.#memory.learn(names.map((name, index) => [name, Number(times[index] ?? 0)] as const))
      const [userAt, ticketAt] = times
      return Number(userAt ?? 0) >= issuedAt || ticketAt != null
    } catch {
      return false // as far as this instance knows
    }
  }

  knows(holder: Holder): boolean {
    return this.#memory.knows(holder)
  }

  subscribe(listener: () => void): () => void {
    return this.#memory.subscribe(listener)
  }

  /** Reads nothing any more. */
  close(): void {
    clearInterval(this.#timer)
  }

  get #key(): string {
    return this.#link.key('revoked')
  }

  get #channel(): string {
    return this.#link.key('revocations')
  }

  async #publish(name: string, at: number): Promise<number> {
    return Number(await this.#link.script('revoke', [this.#key], [REMEMBERED_MS, this.#channel, at, name]))
  }

  #hear(message: string): void {
    const [, at, name] = /^(\d+) (.+)$/.exec(message) ?? []
    if (name !== undefined) this.#memory.learn([[name, Number(at)]])
  }

  /** Reads what was revoked while nobody listened. @param since In ms of the epoch. */
  async #catchUp(since: number): Promise<void> {
    if (!this.#link.here) return // all is read when it is back
    try {
      const found = await this.#link.run((client) =>
        client.zrangebyscore(this.#key, since, '+inf', 'WITHSCORES'),
      )
      const revoked = found.flatMap((name, index) =>
        index % 2 === 0 ? [[name, Number(found[index + 1])] as const] : [],
      )
      this.#readUntil = Math.max(this.#readUntil, ...revoked.map(([, at]) => at))
      this.#memory.learn(revoked)
    } catch {} // it is read again when Redis is back
  }

  async #tell(): Promise<void> {
    const untold = [...this.#untold]
    this.#untold.clear()
    const told = untold.map(
      ([name, at]) => this.#publish(name, at).catch(() => this.#untold.set(name, at)), // next time
    )
    await Promise.all(told)
  }

  /** Tells a Redis that has lost its data what this instance knows: others may start later. */
  async #restore(): Promise<void> {
    const known = this.#memory.all()
    try {
      for (let at = 0; at < known.length; at += AT_ONCE) {
        const some = known.slice(at, at + AT_ONCE)
        const names = some.map(([name]) => name)
        const times = await this.#link.run((client) => client.zmscore(this.#key, ...names))
        const lost = some.filter((_, index) => times[index] === null)
        await Promise.all(lost.map(([name, revokedAt]) => this.#publish(name, revokedAt)))
      }
    } catch {} // it is looked for again when Redis is back
  }
}
