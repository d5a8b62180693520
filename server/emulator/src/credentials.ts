import { createHmac, randomBytes } from 'node:crypto'

/** What became of a credential: `null` where none was shown. */
export type Verdict = 'accepted' | 'refused' | null

/** Which long-lived keys count. Without a list, every key that looks like one does. */
export interface ApiKeys {
  readonly openai?: readonly string[]
  readonly deepgram?: readonly string[]
}

const OPENAI_KEY = /^sk-[\w-]{4,}$/
const OPENAI_SECRET = /^ek_[\w-]{4,}$/
const DEEPGRAM_KEY = /^[\w-]{8,}$/
const JWT = /^[\w-]+\.[\w-]+\.[\w-]+$/

/** Knows the keys, mints the short-lived tokens, and forgets nothing that has expired. */
export class Credentials {
  readonly #keys: ApiKeys
  readonly #now: () => number
  readonly #secret = randomBytes(32)
  readonly #expiries = new Map<string, number>()
  /** What a secret was minted for: OpenAI's session configuration. */
  readonly #sessions = new Map<string, unknown>()

  /** @param now Milliseconds since the epoch. */
  constructor(keys: ApiKeys, now: () => number) {
    this.#keys = keys
    this.#now = now
  }

  /** Whether this is a long-lived key of OpenAI. */
  isOpenAIKey(key: string): boolean {
    return this.#keys.openai ? this.#keys.openai.includes(key) : OPENAI_KEY.test(key)
  }

  /** Whether OpenAI lets this key or ephemeral secret open a session now. */
  opensOpenAI(credential: string): boolean {
    if (this.isOpenAIKey(credential)) return true
    const expiry = this.#expiries.get(credential)
    if (expiry !== undefined) return this.#now() < expiry
    // A secret that was minted elsewhere can only be believed where every key is.
    return !this.#keys.openai && OPENAI_SECRET.test(credential)
  }

  /** Whether this is a long-lived key of Deepgram. */
  isDeepgramKey(key: string): boolean {
    return this.#keys.deepgram ? this.#keys.deepgram.includes(key) : DEEPGRAM_KEY.test(key)
  }

  /** Whether this is a token that Deepgram takes now; a key is none. */
  isDeepgramToken(token: string): boolean {
    const expiry = this.#expiries.get(token)
    if (expiry !== undefined) return this.#now() < expiry
    return !this.#keys.deepgram && JWT.test(token)
  }

  /** Makes an ephemeral secret for a session. */
  mintSecret(seconds: number, session: unknown): { value: string; expiresAt: number } {
    const value = `ek_${randomBytes(24).toString('hex')}`
    const expiresAt = this.#remember(value, seconds)
    this.#sessions.set(value, session)
    return { value, expiresAt }
  }

  /** The session configuration that a secret was minted with, or `undefined`. */
  sessionOf(secret: string): unknown {
    return this.#sessions.get(secret)
  }

  /** Makes a JWT for Deepgram, signed with a key that lives as long as the process. */
  mintToken(seconds: number): string {
    const now = Math.floor(this.#now() / 1000)
    const head = base64url({ alg: 'HS256', typ: 'JWT' })
    const body = base64url({ iat: now, exp: now + seconds, jti: randomBytes(8).toString('hex') })
    const signature = createHmac('sha256', this.#secret).update(`${head}.${body}`).digest('base64url')
    const token = `${head}.${body}.${signature}`
    this.#remember(token, seconds)
    return token
  }

  /** @returns The expiry in whole seconds since the epoch. */
  #remember(token: string, seconds: number): number {
    const expiry = this.#now() + seconds * 1000
    this.#expiries.set(token, expiry)
    return Math.floor(expiry / 1000)
  }
}

function base64url(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}
