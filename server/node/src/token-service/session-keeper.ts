import { Refusal } from '../codes.ts'
import type { HealthStatus } from './provider-health.ts'
import type { SessionStore, TokenSession } from './sessions.ts'

/** A store's time to answer; a store that hangs must not hold requests. */
const MOST_STORE_MS = 5000

/** Keeps sessions in a store that may fail, and remembers whether it does. */
export class SessionKeeper {
  readonly #store: SessionStore
  readonly #graceMs: number
  #status: HealthStatus = 'healthy'

  /** @param graceMs How long after its token's end a session can still be refreshed. */
  constructor(store: SessionStore, graceMs: number) {
    this.#store = store
    this.#graceMs = graceMs
  }

  /** Whether the store answered the last time. */
  get status(): HealthStatus {
    return this.#status
  }

  /** @throws {Refusal} 503 where the store fails, as all methods. */
  get(id: string): Promise<TokenSession | null> {
    return this.#use(() => this.#store.get(id))
  }

  /** Remembers a new session for as long as its token can be refreshed. */
  add(id: string, session: TokenSession): Promise<void> {
    return this.#use(() => this.#store.add(id, session, session.expiresAt + this.#graceMs))
  }

  /** Puts a session's next state in the place of the one with the token `current`. */
  replace(id: string, current: string, session: TokenSession): Promise<boolean> {
    const forgetAt = session.expiresAt + this.#graceMs
    return this.#use(() => this.#store.replace(id, current, { session, forgetAt }))
  }

  /** How many sessions there are; 0 where the store fails. */
  async count(): Promise<number> {
    try {
      return await this.#use(() => this.#store.count())
    } catch {
      return 0 // `status` says so
    }
  }

  async #use<T>(act: () => Promise<T>): Promise<T> {
    const timeout = Promise.withResolvers<never>()
    const timer = setTimeout(() => timeout.reject(new Error('The store did not answer')), MOST_STORE_MS)
    try {
      const result = await Promise.race([act(), timeout.promise])
      this.#status = 'healthy'
      return result
    } catch {
      this.#status = 'unhealthy' // what was wrong may name hosts or ids
      throw new Refusal(503, 'sessions_unavailable', 'Sessions cannot be kept at the moment', {
        retryAfterSeconds: 5,
      })
    } finally {
      clearTimeout(timer)
    }
  }
}
