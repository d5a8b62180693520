import { MemoryUsedTickets, type UsedTickets } from '../tokens.ts'
import type { RedisLink } from './redis-link.ts'

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
      return true
    }
  }

  async #mark(id: string, expiresAt: number): Promise<boolean> {
    // One second more than needed: it must not be forgotten before the ticket has expired.
    const seconds = Math.max(1, Math.ceil(expiresAt - Date.now() / 1000) + 1)
    return (await this.#link.run((client) => client.set(this.#key(id), '1', 'EX', seconds, 'NX'))) === 'OK'
  }

  async #tell(): Promise<void> {
    const untold = [...this.#untold]
    this.#untold.clear()
    const told = untold.map(async ([id, expiresAt]) => {
      if (expiresAt <= Date.now() / 1000) return
      await this.#mark(id, expiresAt).catch(() => this.#untold.set(id, expiresAt)) // next time
    })
    await Promise.all(told)
  }

  #key(id: string): string {
    return this.#link.key('ticket', id)
  }
}
