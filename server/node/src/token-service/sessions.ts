import type { TicketClaims } from '../tokens.ts'

/** What a token is for: this relay, or a provider directly. */
export type TokenMode = 'relay' | 'openai' | 'deepgram'

/** What a session may go on with, from its first token until its last one can no longer be refreshed. */
export interface TokenSession {
  /** What every token of the session allows, and to whom. */
  readonly claims: TicketClaims
  readonly mode: TokenMode
  /** Of the page that began it; null where it came from none. */
  readonly origin: string | null
  /** SHA-256 of the current token, as hex: the token itself is kept nowhere. */
  readonly tokenHash: string
  /** When the current token expires, in ms of the epoch. */
  readonly expiresAt: number
  /** When it began, in ms of the epoch: who revokes a user revokes what began before; default 0. */
  readonly beganAt?: number
  /** How often it was refreshed. */
  readonly refreshes: number
}

/** Remembers sessions until they cannot be refreshed any more. */
export interface SessionStore {
  /** @returns null where there is none, or it was forgotten. */
  get(id: string): Promise<TokenSession | null>
  /** Remembers a new session until `forgetAt`, in ms of the epoch. */
  add(id: string, session: TokenSession, forgetAt: number): Promise<void>
  /**
   * Puts another state in the place of the one whose `tokenHash` is `current`; of several callers at once exactly
   * one gets true.
   */
  replace(id: string, current: string, next: { session: TokenSession; forgetAt: number }): Promise<boolean>
  /** How many sessions there are. */
  count(): Promise<number>
}

interface Kept {
  readonly session: TokenSession
  readonly forgetAt: number
}

export interface MemorySessionStoreOptions {
  /** Beyond it the session that was longest without a new token is forgotten; default 100,000. */
  readonly maxSessions?: number
  /** A clock in ms of the epoch; default `Date.now`. */
  readonly now?: () => number
}

/** How often what expired is looked for: seldom enough to cost nothing, often enough to stay small. */
const SWEEP_MS = 10_000

/** Sessions in memory: for one process. */
export class MemorySessionStore implements SessionStore {
  readonly #kept = new Map<string, Kept>()
  readonly #most: number
  readonly #now: () => number
  #sweptAt = 0

  constructor({ maxSessions = 100_000, now = Date.now }: MemorySessionStoreOptions = {}) {
    this.#most = maxSessions
    this.#now = now
  }

  async get(id: string): Promise<TokenSession | null> {
    return this.#find(id)
  }

  async add(id: string, session: TokenSession, forgetAt: number): Promise<void> {
    this.#put(id, { session, forgetAt })
  }

  async replace(id: string, current: string, next: Kept): Promise<boolean> {
    if (this.#find(id)?.tokenHash !== current) return false
    this.#put(id, next)
    return true
  }

  async count(): Promise<number> {
    this.#forgetExpired()
    return this.#kept.size
  }

  #find(id: string): TokenSession | null {
    const kept = this.#kept.get(id)
    return kept !== undefined && kept.forgetAt > this.#now() ? kept.session : null
  }

  #put(id: string, kept: Kept): void {
    if (this.#now() - this.#sweptAt >= SWEEP_MS) this.#forgetExpired()
    this.#kept.delete(id) // behind all others: the map is in order of the last token
    this.#kept.set(id, kept)
    if (this.#kept.size > this.#most) this.#kept.delete(this.#kept.keys().next().value!)
  }

  #forgetExpired(): void {
    this.#sweptAt = this.#now()
    for (const [id, { forgetAt }] of this.#kept) if (forgetAt <= this.#sweptAt) this.#kept.delete(id)
  }
}
