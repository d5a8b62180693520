import { MemoryUsedTickets, type UsedTickets } from '../tokens.ts'
import type { RedisLink } from './redis-link.ts'

/** So many are told at once, for Redis to answer others in between. */
const AT_ONCE = 200
/** Expired ones are looked for whenever there are so many more. */
const MANY = 1000

/**
 * Used tickets on Redis. While that is away a ticket is good once at each instance; what was used meanwhile is made
 * known as soon as it is back.
 */
export class RedisUsedTickets implements UsedTickets {
  readonly #link: RedisLink
  readonly #memory = new MemoryUsedTickets()
  readonly #untold = new Map<string, number>()

  constructor(link: RedisLink) {
    this.#link = link
    link.onBack(() => void this.#tell())
  }

  async has(id: string): Promise<boolean> {
    if (await this.#memory.has(id)) return true
    try {
      return (await this.#link.run((client) => client.exists(this.#key(id)))) === 1
    } catch {
      return false // as far as this instance knows
    }
  }

  async use(id: string, expiresAt: number): Promise<boolean> {
    if (!(await this.#memory.use(id, expiresAt))) return false
    try {
      return await this.#mark(id, expiresAt)
    } catch {
      this.#untold.set(id, expiresAt)
      if (this.#untold.size % MANY === 0) this.#forgetExpired()
      return true
    }
  }

  async #mark(id: string, expiresAt: number): Promise<boolean> {
    // One second more than needed: it must not be forgotten before the ticket has expired.
    const seconds = Math.max(1, Math.ceil(expiresAt - Date.now() / 1000) + 1)
    return (await this.#link.run((client) => client.set(this.#key(id), '1', 'EX', seconds, 'NX'))) === 'OK'
  }

  async #tell(): Promise<void> {
    this.#forgetExpired()
    const untold = [...this.#untold]
    this.#untold.clear()
    for (let at = 0; at < untold.length; at += AT_ONCE) {
      const told = untold
        .slice(at, at + AT_ONCE)
        .map(([id, expiresAt]) => this.#mark(id, expiresAt).catch(() => this.#untold.set(id, expiresAt))) // next time
      await Promise.all(told)
    }
  }

  #forgetExpired(): void {
    const now = Date.now() / 1000
    for (const [id, expiresAt] of this.#untold) if (expiresAt < now) this.#untold.delete(id)
  }

  #key(id: string): string {
    return this.#link.key('ticket', id)
  }
}
