import { createNanoEvents } from 'nanoevents'
import { VoiceError } from '../errors.ts'
import { backoffMs } from '../util/backoff.ts'
import { delay } from '../util/delay.ts'
import { emitTo } from '../util/emit.ts'
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
  /** Whether a token is replaced when its margin comes, and not only when one is asked for; default false. See `close`. */
  autoRefresh?: boolean
  headers?: Readonly<Record<string, string>>
  /** Sent as JSON; default `{}`. */
  body?: unknown
  /** Default `same-origin`. */
  credentials?: RequestCredentials
  /** Reads an answer of another shape than this project's own. */
  parse?: (answer: unknown) => TokenGrant
  /** Default the global `fetch`. */
  fetch?: typeof fetch
  /** A clock in ms that never jumps, but may stand still while the device sleeps; default `performance.now`. */
  now?: () => number
  /** The time in ms since the epoch, which goes on while the device sleeps, but may jump; default `Date.now`. */
  date?: () => number
  random?: () => number
}

export interface TokenClientEventMap {
  /** A new token was granted. */
  refresh: { readonly expiresIn: number | null }
  /** The token at hand has come to its end, and there is no new one. */
  expire: { readonly expiresIn: number }
  error: VoiceError
}

interface Cached {
  readonly token: string
  readonly lifeMs: number
  /** When it was granted, on both clocks. */
  readonly at: number
  readonly date: number
}

/** A request that several callers wait for. */
interface Pending {
  readonly grant: Promise<TokenGrant>
  readonly abort: AbortController
  waiting: number
}

/** Nobody waits for longer than this because an endpoint asks for it, in ms. */
const MAX_RETRY_AFTER_MS = 30_000

/** Timers of browsers take no more. */
const MAX_TIMER_MS = 2 ** 31 - 1

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
  #pending: Pending | null = null
  readonly #given = new WeakSet<TokenGrant>()
  #refreshTimer: ReturnType<typeof setTimeout> | undefined
  #expiryTimer: ReturnType<typeof setTimeout> | undefined

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
   * @throws {VoiceError} `token-rejected` (4xx, final), `rate-limited` (to wait for longer than 30 s), or
   *   `token-failed` (after all attempts).
   * @throws The signal's reason; the request goes on while others wait for it.
   */
  async get({ signal }: { signal?: AbortSignal } = {}): Promise<string> {
    signal?.throwIfAborted()
    const { refreshMarginMs = 10_000 } = this.#options
    if (this.#cached && this.#leftMs(this.#cached) > refreshMarginMs) return this.#cached.token
    const grant = await this.#share(signal)
    // What opens one connection is for one of those who shared the request.
    if (grant.singleUse && this.#given.has(grant)) return this.get(signal ? { signal } : {})
    this.#given.add(grant)
    return grant.token
  }

  /** Forgets the token and ends all timers; a later `get` begins anew. */
  close(): void {
    this.#pending?.abort.abort(new DOMException('The token client was closed', 'AbortError'))
    this.#pending = this.#cached = null
    clearTimeout(this.#refreshTimer)
    clearTimeout(this.#expiryTimer)
  }

  async #share(signal?: AbortSignal): Promise<TokenGrant> {
    this.#pending ??= this.#begin()
    const pending = this.#pending
    pending.waiting++
    try {
      return await abortable(pending.grant, signal)
    } finally {
      pending.waiting--
      // Nobody wants it any more.
      if (pending.waiting === 0) pending.abort.abort(signal?.reason)
      if (pending.waiting === 0 && this.#pending === pending) this.#pending = null
    }
  }

  #begin(): Pending {
    const abort = new AbortController()
    return { grant: this.#request(abort.signal), abort, waiting: 0 }
  }

  async #request(signal: AbortSignal): Promise<TokenGrant> {
    const { maxAttempts = 4, random } = this.#options
    for (let attempt = 0; ; attempt++) {
      try {
        return this.#keep(parseGrant(await this.#fetch(signal), this.#options.parse))
      } catch (error) {
        signal.throwIfAborted()
        const failure = error instanceof VoiceError ? error : tokenFailed('no answer', error)
        const retryAfter = retryAfterMs(failure.cause)
        const last = !failure.retryable || attempt + 1 >= maxAttempts || retryAfter > MAX_RETRY_AFTER_MS
        if (last) throw this.#failed(retryAfter > MAX_RETRY_AFTER_MS ? tooBusy(retryAfter) : failure)
        const wait = backoffMs(attempt, { initialMs: 500, maxMs: 8000, ...(random && { random }) })
        await delay(Math.max(wait, retryAfter), signal)
      }
    }
  }

  #failed(error: VoiceError): VoiceError {
    emitTo(this.#emitter.events.error, error)
    return error
  }

  async #fetch(signal: AbortSignal): Promise<unknown> {
    const { url, headers, body = {}, credentials = 'same-origin', fetch: request = fetch } = this.#options
    const response = await request(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
      credentials,
      cache: 'no-store',
      signal,
    })
    if (response.ok) return response.json()
    if (response.status === 429 || response.status >= 500)
      throw tokenFailed(`HTTP ${response.status}`, response)
    const text = `Cannot get a token as the endpoint answered HTTP ${response.status}`
    throw new VoiceError('token-rejected', text, { cause: response })
  }

  #keep(grant: TokenGrant): TokenGrant {
    const { token, expiresIn, singleUse } = grant
    clearTimeout(this.#refreshTimer)
    clearTimeout(this.#expiryTimer)
    this.#cached = null
    // What is over already would be replaced at once, and again.
    if (!singleUse && expiresIn !== null && expiresIn > 0) this.#cache(token, expiresIn)
    emitTo(this.#emitter.events.refresh, { expiresIn })
    return grant
  }

  #cache(token: string, expiresIn: number): void {
    const { now = () => performance.now(), date = Date.now } = this.#options
    const { refreshMarginMs = 10_000, autoRefresh } = this.#options
    const lifeMs = expiresIn * 1000
    this.#cached = { token, lifeMs, at: now(), date: date() }
    const expire = (): void => emitTo(this.#emitter.events.expire, { expiresIn })
    this.#expiryTimer = setTimeout(expire, Math.min(lifeMs, MAX_TIMER_MS))
    if (!autoRefresh) return
    // A token shorter than the margin is replaced at its half.
    const wait = lifeMs > refreshMarginMs ? lifeMs - refreshMarginMs : lifeMs / 2
    this.#refreshTimer = setTimeout(() => this.#refresh(), Math.min(wait, MAX_TIMER_MS))
  }

  #refresh(): void {
    this.#share().catch(() => {
      // `error` has told it; the next `get` tries again.
    })
  }

  /** What is left of a token, in ms, by the clock that has gone further: one stands still in sleep, one may jump. */
  #leftMs({ lifeMs, at, date: granted }: Cached): number {
    const { now = () => performance.now(), date = Date.now } = this.#options
    return lifeMs - Math.max(now() - at, date() - granted)
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

function tooBusy(ms: number): VoiceError {
  const seconds = Math.ceil(ms / 1000)
  return new VoiceError('rate-limited', `Cannot get a token as the endpoint asks to wait for ${seconds} s`, {
    phase: 'token',
    hint: `Try again in ${seconds} s`,
  })
}

/**
 * @returns What the endpoint asks to wait; a date counts from the endpoint's own clock.
 * @see https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
 */
function retryAfterMs(cause: unknown): number {
  const headers = cause instanceof Response ? cause.headers : new Headers()
  const value = headers.get('retry-after') ?? ''
  const ms = /^[\d.]+$/.test(value)
    ? Number(value) * 1000
    : Date.parse(value) - Date.parse(headers.get('date') ?? new Date().toUTCString())
  return Math.max(ms || 0, 0)
}

function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise
  return new Promise((resolve, reject) => {
    const onabort = (): void => reject(signal.reason)
    signal.addEventListener('abort', onabort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onabort))
  })
}
