import { createNanoEvents } from 'nanoevents'
import { VoiceError } from '../errors.ts'
import { backoffMs } from '../util/backoff.ts'
import { delay } from '../util/delay.ts'
import { isObject, stringField } from '../util/json.ts'

/** A token as the endpoint grants it. */
export interface TokenGrant {
  readonly token: string
  /** How long it is valid from the moment of the answer, in seconds; null where the endpoint does not tell. */
  readonly expiresIn: number | null
  /** True where it opens one connection only, as a relay's ticket does: it is then never handed out again. */
  readonly singleUse: boolean
}

export interface TokenClientOptions {
  /** Where to ask, absolute or relative to the page. */
  url: string | URL
  /** A token this close to its end is replaced, in ms; default 10 000. */
  refreshMarginMs?: number
  /** Requests before giving up; default 4. */
  maxAttempts?: number
  headers?: Readonly<Record<string, string>>
  /** Sent as JSON; default `{}`. */
  body?: unknown
  /** Default `same-origin`. */
  credentials?: RequestCredentials
  /** Reads an answer of another shape than this project's own. */
  parse?: (answer: unknown) => TokenGrant
  /** Default the global `fetch`. */
  fetch?: typeof fetch
  /** A clock in ms that never jumps; default `performance.now`. */
  now?: () => number
  random?: () => number
}

export interface TokenClientEventMap {
  /** A new token was granted. */
  refresh: { readonly expiresIn: number | null }
  error: VoiceError
}

interface Cached {
  readonly grant: TokenGrant
  readonly until: number
}

/**
 * Fetches short-lived tokens when they are needed and keeps the current one in memory only. Pass
 * `getToken: (context) => client.get(context)` to a session.
 */
export class TokenClient {
  readonly #options: TokenClientOptions
  readonly #emitter =
    createNanoEvents<{
      [K in keyof TokenClientEventMap]: (payload: TokenClientEventMap[K]) => void
    }>()
  #cached: Cached | null = null
  #pending: Promise<TokenGrant> | null = null

  constructor(options: TokenClientOptions) {
    this.#options = options
  }

  /** @returns A function that unbinds the listener. */
  on<K extends keyof TokenClientEventMap>(
    event: K,
    listener: (payload: TokenClientEventMap[K]) => void,
  ): () => void {
    return this.#emitter.on(event, listener as never)
  }

  /**
   * @returns A token that is valid for at least the margin. Callers who ask at the same time share one request.
   * @throws {VoiceError} `token-rejected` (4xx, final) or `token-failed` (after all attempts).
   * @throws The signal's reason; the request goes on for others who wait for it.
   */
  async get({ signal }: { signal?: AbortSignal } = {}): Promise<string> {
    signal?.throwIfAborted()
    const { now = () => performance.now() } = this.#options
    if (this.#cached && this.#cached.until > now()) return this.#cached.grant.token
    this.#pending ??= this.#request().finally(() => {
      this.#pending = null
    })
    const { token } = await abortable(this.#pending, signal)
    return token
  }

  async #request(): Promise<TokenGrant> {
    const { maxAttempts = 4, random } = this.#options
    for (let attempt = 0; ; attempt++) {
      try {
        return this.#keep(parseGrant(await this.#fetch(), this.#options.parse))
      } catch (error) {
        const failure = error instanceof VoiceError ? error : tokenFailed('no answer', error)
        if (!failure.retryable || attempt + 1 >= maxAttempts) {
          this.#emitter.emit('error', failure)
          throw failure
        }
        const wait = backoffMs(attempt, { initialMs: 500, maxMs: 8000, ...(random && { random }) })
        await delay(Math.max(wait, retryAfterMs(failure.cause)), new AbortController().signal)
      }
    }
  }

  async #fetch(): Promise<unknown> {
    const { url, headers, body = {}, credentials = 'same-origin', fetch: request = fetch } = this.#options
    const response = await request(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
      credentials,
      cache: 'no-store',
    })
    if (response.ok) return response.json()
    if (response.status === 429 || response.status >= 500)
      throw tokenFailed(`HTTP ${response.status}`, response)
    const text = `Cannot get a token as the endpoint answered HTTP ${response.status}`
    throw new VoiceError('token-rejected', text, { cause: response })
  }

  #keep(grant: TokenGrant): TokenGrant {
    const { now = () => performance.now(), refreshMarginMs = 10_000 } = this.#options
    const lifeMs = (grant.expiresIn ?? 0) * 1000
    this.#cached = grant.singleUse ? null : { grant, until: now() + lifeMs - refreshMarginMs }
    this.#emitter.emit('refresh', { expiresIn: grant.expiresIn })
    return grant
  }
}

function parseGrant(answer: unknown, parse: TokenClientOptions['parse']): TokenGrant {
  if (parse) return parse(answer)
  if (!isObject(answer) || !stringField(answer, 'token'))
    throw tokenFailed('an answer without a token', answer)
  const expiresIn = answer['expiresIn']
  return {
    token: stringField(answer, 'token'),
    expiresIn: typeof expiresIn === 'number' ? expiresIn : null,
    singleUse: answer['mode'] === 'relay',
  }
}

function tokenFailed(what: string, cause: unknown): VoiceError {
  return new VoiceError('token-failed', `Cannot get a token as the endpoint gave ${what}`, { cause })
}

/** @see https://www.rfc-editor.org/rfc/rfc9110#field.retry-after */
function retryAfterMs(cause: unknown): number {
  const seconds = cause instanceof Response ? Number(cause.headers.get('retry-after')) : 0
  return Number.isFinite(seconds) ? seconds * 1000 : 0
}

function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise
  return new Promise((resolve, reject) => {
    const onabort = (): void => reject(signal.reason)
    signal.addEventListener('abort', onabort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onabort))
  })
}
