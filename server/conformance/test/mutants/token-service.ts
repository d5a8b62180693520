import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Settings } from '../../src/settings.ts'
import type { Door } from './admission.ts'
import type { Has } from './faults.ts'
import { Refusal } from './refusal.ts'
import { issueTicket } from './tickets.ts'

const GRACE_MS = 30_000

interface Kept {
  token: string
  expiresAt: number
  refreshes: number
  readonly claims: object
  readonly origin: string | null
}

/** What a path answers. */
export interface Answer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body: object
}

/** Tokens and their refreshes, in the simplest way. */
export class TokenService {
  readonly #settings: Settings
  readonly #door: Door
  readonly #has: Has
  readonly #sessions = new Map<string, Kept>()

  constructor(settings: Settings, door: Door, has: Has) {
    this.#settings = settings
    this.#door = door
    this.#has = has
  }

  /** @returns null where the path is not the service's. @throws {Refusal} */
  async answer(path: string, request: IncomingMessage): Promise<Answer | null> {
    const name = /^\/api\/voice-agent\/(token|refresh-token|health)$/.exec(path)?.[1]
    if (name === undefined) return null
    if (name === 'health') return this.#health()
    const origin = request.headers.origin ?? null
    const lets = this.#has('foreign-methods') && request.method === 'GET'
    if (!lets && origin !== null && !this.#door.allows(origin)) throw new Refusal(403, 'origin_forbidden')
    if (request.method === 'OPTIONS')
      return { status: 204, headers: { 'Access-Control-Allow-Methods': 'POST' }, body: {} }
    if (request.method !== 'POST') {
      const bare = this.#has('bare-405') && request.method === 'PUT'
      throw new Refusal(405, 'method_not_allowed', bare ? {} : { Allow: 'POST, OPTIONS' })
    }
    this.#door.take(`${name} ${this.#door.addressOf(request)}`)
    const body = await this.#read(request)
    return name === 'token' ? this.#issue(request, origin, body) : this.#refresh(request, origin, body)
  }

  #issue(request: IncomingMessage, origin: string | null, body: Record<string, unknown>): Answer {
    const { provider, use } = body
    const { serviceKey } = this.#settings
    const known = serviceKey === null || request.headers.authorization === `Bearer ${serviceKey}`
    if (!known && !this.#has('serves-strangers')) throw new Refusal(401, 'unauthenticated')
    const providers = [undefined, 'openai', 'deepgram']
    const quoted = this.#has('quotes') ? `bad_request: ${String(provider)}` : 'bad_request'
    if (!providers.includes(provider as string)) throw new Refusal(400, quoted)
    if (![undefined, 'relay', 'direct'].includes(use as string)) throw new Refusal(400, 'bad_request')
    if (use === 'direct') {
      const headers = this.#has('key-as-fallback')
        ? { 'Retry-After': '1', 'X-Token': this.#settings.keys.openai! }
        : {}
      throw this.#has('direct-400') ? new Refusal(400, 'bad_request') : new FallbackRefusal(headers)
    }
    const claims = {
      sub: 'anonymous',
      ...(origin !== null && !this.#has('tokens-without-origin') && { origin }),
      ...(provider !== undefined && !this.#has('tokens-without-provider') && { provider }),
      ...(!this.#has('tokens-for-ever') && { issued: false }),
      once: randomUUID(),
    }
    const sessionId = randomUUID()
    const kept = { token: '', expiresAt: 0, refreshes: 0, claims, origin }
    this.#sessions.set(sessionId, kept)
    return this.#give(sessionId, kept)
  }

  #give(sessionId: string, kept: Kept): Answer {
    const { tokenDurationMs, secret } = this.#settings
    const expiresIn = Math.ceil(tokenDurationMs / 1000)
    kept.token = issueTicket({ ...kept.claims, sub: `anonymous-${randomUUID()}` }, secret!, expiresIn)
    kept.expiresAt = Date.now() + expiresIn * 1000
    const expiresAt = this.#has('expires-in-seconds') ? Math.floor(kept.expiresAt / 1000) : kept.expiresAt
    const body = { success: true, token: kept.token, expiresAt, expiresIn, sessionId, mode: 'relay' }
    return {
      status: 200,
      ...(this.#has('stores-tokens') && { headers: { 'Cache-Control': 'private' } }),
      body,
    }
  }

  async #refresh(
    request: IncomingMessage,
    origin: string | null,
    body: Record<string, unknown>,
  ): Promise<Answer> {
    const has = this.#has
    const shown = /^Bearer (\S+)$/.exec(request.headers.authorization ?? '')?.[1]
    if (shown === undefined) throw new Refusal(401, 'ticket_missing')
    const kept = this.#sessions.get(String(body['sessionId']))
    if (kept === undefined) {
      throw has('unknown-404') ? new Refusal(404, 'not_found') : new Refusal(401, 'session_unknown')
    }
    if (kept.origin !== origin && !has('refreshes-anywhere')) throw new Refusal(403, 'origin_forbidden')
    if (kept.token !== shown) {
      const mine = kept.refreshes > 0 && has('old-is-unknown')
      throw mine ? new Refusal(401, 'session_unknown') : new Refusal(403, 'session_forbidden')
    }
    const grace = has('no-grace') ? 0 : GRACE_MS
    if (Date.now() > kept.expiresAt + grace) throw new Refusal(401, 'session_unknown')
    if (kept.refreshes >= (has('few-refreshes') ? 2 : 60)) throw new Refusal(403, 'refresh_limit')
    if (has('late-rotation')) await new Promise((resolve) => setTimeout(resolve, 400))
    kept.refreshes += 1
    if (!has('new-session')) return this.#give(String(body['sessionId']), kept)
    return this.#give(randomUUID(), kept)
  }

  #health(): Answer {
    const services = { provider: 'healthy', rateLimit: 'degraded', sessions: 'healthy' }
    const counts = { totalRequests: 0, activeSessions: 0, totalRefreshes: 0, errorRate: 0 }
    const status = this.#has('always-healthy') ? 'healthy' : 'degraded'
    const told = this.#has('tells-origins') ? { origins: this.#settings.origins } : {}
    const metrics = { ...counts, averageResponseTime: 0 }
    return { status: 200, body: { status, uptime: 1, version: '1', services, metrics, ...told } }
  }

  async #read(request: IncomingMessage): Promise<Record<string, unknown>> {
    let text = ''
    for await (const chunk of request) text += String(chunk)
    if (text.length > 4096) throw new Refusal(this.#has('too-big-400') ? 400 : 413, 'body_too_big')
    if (text === '' && !this.#has('no-empty-body')) return {}
    const json = request.headers['content-type']?.startsWith('application/json') === true
    if (!json && !this.#has('any-media-type')) throw new Refusal(415, 'unsupported_media_type')
    try {
      const value: unknown = JSON.parse(text)
      if (typeof value === 'object' && value !== null && !Array.isArray(value))
        return value as Record<string, unknown>
    } catch {
      // Told below: it is no JSON.
    }
    throw new Refusal(400, 'bad_request')
  }
}

/** Says no to a direct token, where a fault has it with the key of the provider. */
class FallbackRefusal extends Refusal {
  constructor(headers: Readonly<Record<string, string>>) {
    super(403, 'direct_forbidden', headers)
  }

  override get body(): string {
    const key = this.headers['X-Token']
    return key === undefined ? super.body : super.body.replace('The relay says no', key)
  }
}
