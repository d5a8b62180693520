import type { SessionStore, TokenSession } from '../token-service/sessions.ts'
import type { RedisLink } from './redis-link.ts'

/** The sessions of the token service on Redis; all methods reject while that is away. */
export class RedisSessions implements SessionStore {
  readonly #link: RedisLink

  constructor(link: RedisLink) {
    this.#link = link
  }

  async get(id: string): Promise<TokenSession | null> {
    const text = await this.#link.run((client) => client.hget(this.#key(id), 'session'))
    return text === null ? null : (JSON.parse(text) as TokenSession)
  }

  async add(id: string, session: TokenSession, forgetAt: number): Promise<void> {
    await this.#put(id, '', { session, forgetAt })
  }

  async replace(id: string, current: string, next: Kept): Promise<boolean> {
    return (await this.#put(id, current, next)) === 1
  }

  async count(): Promise<number> {
    return Number(await this.#link.script('countSessions', [this.#link.key('sessions')], []))
  }

  #put(id: string, current: string, { session, forgetAt }: Kept): Promise<unknown> {
    const keys = [this.#key(id), this.#link.key('sessions')]
    const lifeMs = Math.ceil(forgetAt - Date.now()) // as a length: the clock of Redis may be another
    return this.#link.script('putSession', keys, [
      current,
      session.tokenHash,
      JSON.stringify(session),
      lifeMs,
    ])
  }

  #key(id: string): string {
    return this.#link.key('session', id)
  }
}

interface Kept {
  readonly session: TokenSession
  readonly forgetAt: number
}
