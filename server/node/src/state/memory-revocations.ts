import { digest } from './digest.ts'
import type { Holder, Revocations, Revoked } from './shared-state.ts'

/**
 * Nothing issued before is good after so long: a ticket lives for an hour at most, clocks differ by two minutes at
 * most on either side, and a token can be refreshed for a while after its end.
 */
export const REMEMBERED_MS = 2 * 3_600_000

/** Whoever can revoke may revoke much, but not fill the memory. */
const MOST_REVOKED = 100_000

/** What was revoked, in memory. */
export class MemoryRevocations implements Revocations {
  readonly #now: () => number
  readonly #at = new Map<string, number>()
  readonly #listeners = new Set<() => void>()

  constructor(now: () => number = Date.now) {
    this.#now = now
  }

  async revoke(revoked: Revoked): Promise<boolean> {
    this.learn([[nameOf(revoked), this.#now()]])
    return true
  }

  async has(holder: Holder): Promise<boolean> {
    return this.knows(holder)
  }

  knows({ user, ticket, issuedAt }: Holder): boolean {
    if (this.#at.size === 0) return false
    const oldest = this.#now() - REMEMBERED_MS
    const userAt = this.#at.get(nameOf({ user })) ?? 0
    if (userAt > oldest && issuedAt <= userAt) return true
    return ticket !== null && (this.#at.get(nameOf({ ticket })) ?? 0) > oldest
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** What is known of all that still matters, with the times in ms of the epoch. */
  all(): [name: string, at: number][] {
    this.#forget()
    return [...this.#at]
  }

  /** Takes over what was revoked, with the times in ms of the epoch; tells of it where it is new. */
  learn(revoked: Iterable<readonly [name: string, at: number]>): void {
    let news = false
    for (const [name, at] of revoked) {
      if (at <= (this.#at.get(name) ?? 0)) continue
      news = true
      this.#at.delete(name) // behind all others: the map is in order of time
      this.#at.set(name, at)
    }
    if (!news) return
    this.#forget()
    for (const listener of this.#listeners) listener()
  }

  #forget(): void {
    const oldest = this.#now() - REMEMBERED_MS
    for (const [name, at] of this.#at) {
      if (at > oldest && this.#at.size <= MOST_REVOKED) return
      this.#at.delete(name)
    }
  }
}

/** How what is revoked is called among instances: no user's name in it. */
export function nameOf(revoked: Revoked): string {
  return 'user' in revoked ? `user ${digest(revoked.user)}` : `ticket ${digest(revoked.ticket)}`
}
