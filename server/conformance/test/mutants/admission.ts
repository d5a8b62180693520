import type { IncomingMessage } from 'node:http'
import type { Settings } from '../../src/settings.ts'
import type { Has } from './faults.ts'
import { Refusal } from './refusal.ts'
import type { Route } from './routes.ts'
import { readTicket, type TicketClaims } from './tickets.ts'

/** A client that may come in. */
export interface Admission {
  readonly claims: TicketClaims | null
  readonly release: () => void
}

const LATER = { 'Retry-After': '10' }

/** Decides who comes in. */
export class Door {
  readonly #settings: Settings
  readonly #has: Has
  readonly used = new Set<string>()
  readonly #places = new Map<string, number>()
  readonly #windows = new Map<string, number[]>()
  #sessions = 0
  draining = false

  constructor(settings: Settings, has: Has) {
    this.#settings = settings
    this.#has = has
  }

  get full(): boolean {
    return this.#sessions >= this.#settings.maxConnections && !this.#has('no-total')
  }

  /** @throws {Refusal} */
  async admit(request: IncomingMessage, route: Route): Promise<Admission> {
    const address = this.addressOf(request)
    this.take(`upgrade ${address}`)
    checkProtocols(request, this.#has)
    const claims = this.#identify(request, request.headers.origin ?? null, route, true)
    const once = claims !== null && !(claims.issued === true && this.#has('tokens-for-ever'))
    if (once && this.used.has(claims.jti)) {
      throw missing(this.#has('used-is-invalid') ? 'ticket_invalid' : 'ticket_used')
    }
    this.#configured(route)
    const release = this.#hold(address, claims)
    if (this.#has('late-use')) await new Promise((resolve) => setTimeout(resolve, 400))
    if (once) this.used.add(claims.jti)
    return { claims, release }
  }

  /** @throws {Refusal} Always. */
  preview(request: IncomingMessage, route: Route): never {
    if (this.#has('preview-counts')) this.take(`upgrade ${this.addressOf(request)}`)
    checkProtocols(request, this.#has)
    const { origin = this.#ownOrigin(request) } = request.headers
    const claims = this.#identify(request, origin, route, false)
    if (claims !== null && this.used.has(claims.jti)) throw new Refusal(401, 'ticket_used')
    if (claims !== null && this.#has('preview-uses')) this.used.add(claims.jti)
    this.#configured(route)
    const code = this.#has('preview-says-ok') ? 'ok' : 'upgrade_required'
    throw new Refusal(426, code, { Upgrade: 'websocket' })
  }

  /** Counts one of `key`. @throws {Refusal} 429 where there were too many. */
  take(key: string): void {
    const { rateLimit, windowMs } = this.#settings
    const now = performance.now()
    const times = (this.#windows.get(key) ?? []).filter((time) => now - time < windowMs)
    if (this.#has('fixed-window') && times.length === 0) this.#windows.set(`first ${key}`, [now])
    const first = this.#windows.get(`first ${key}`)?.[0]
    if (first !== undefined && now - first >= windowMs) {
      times.length = 0
      this.#windows.set(`first ${key}`, [now])
    }
    if (times.length >= rateLimit) {
      const seconds = String(Math.max(1, Math.ceil((times[0]! + windowMs - now) / 1000)))
      const limits = {
        'RateLimit-Limit': String(rateLimit),
        'RateLimit-Remaining': '0',
        'RateLimit-Reset': seconds,
      }
      const bare = key.startsWith('upgrade') && this.#has('bare-rate-limit')
      const hurried = key.startsWith('token') && this.#has('no-retry-for-tokens')
      throw new Refusal(429, 'rate_limited', {
        ...(!hurried && { 'Retry-After': seconds }),
        ...(!bare && limits),
      })
    }
    this.#windows.set(key, [...times, now])
  }

  addressOf(request: IncomingMessage): string {
    const entries = String(request.headers['x-forwarded-for'] ?? '').split(', ')
    const { trustedProxies } = this.#settings
    if (trustedProxies === 0) return request.socket.remoteAddress ?? ''
    return (this.#has('trusts-first-entry') ? entries[0] : entries.at(-trustedProxies)) ?? ''
  }

  allows(origin: string | null): boolean {
    if (origin === null) return false
    const origins = this.#has('first-origin-only')
      ? this.#settings.origins.slice(0, 1)
      : this.#settings.origins
    if (this.#has('null-allowed') && origin === 'null') return true
    if (this.#has('suffix-origins') && origins.some((allowed) => origin.startsWith(allowed))) return true
    return origins.includes(origin)
  }

  #ownOrigin(request: IncomingMessage): string | null {
    const same = request.headers['sec-fetch-site'] === 'same-origin' && !this.#has('no-same-origin')
    return (
      this.#settings.origins.find((origin) => same && new URL(origin).host === request.headers.host) ?? null
    )
  }

  #identify(
    request: IncomingMessage,
    origin: string | null,
    route: Route,
    upgrade: boolean,
  ): TicketClaims | null {
    const has = this.#has
    if (this.draining) throw new Refusal(503, 'draining', LATER)
    if (this.full) throw new Refusal(503, 'at_capacity', LATER)
    const shown = credentialOf(request, route, has)
    if (has('open-to-all') && shown === null) return null
    if (has('cookies-before-origin') && shown === null && request.headers.cookie)
      throw missing('ticket_missing')
    const checks = origin !== null && !(has('preview-skips-origin') && !upgrade)
    if (checks && !this.allows(origin) && !has('open-to-all')) throw new Refusal(403, 'origin_forbidden')
    if (shown === null) {
      if (has('no-origin-open') && origin === null && upgrade) return null
      throw missing(
        has('missing-is-invalid') && origin !== null && upgrade ? 'ticket_invalid' : 'ticket_missing',
      )
    }
    const claims = this.#read(shown)
    if (has('used-before-scope') && this.used.has(claims.jti)) throw missing('ticket_used')
    try {
      this.#checkScope(claims, route, origin)
    } catch (error) {
      if (has('uses-out-of-scope')) this.used.add(claims.jti)
      throw error
    }
    return claims
  }

  #read(shown: string): TicketClaims {
    try {
      return readTicket(shown, this.#settings.secret!, this.#has)
    } catch (error) {
      if (error instanceof Refusal) throw missing(error.code)
      throw error
    }
  }

  #checkScope(claims: TicketClaims, route: Route, origin: string | null): void {
    const has = this.#has
    const anyOrigin = has('any-ticket-origin') && origin !== null
    if (claims.origin !== undefined && claims.origin !== origin && !anyOrigin) {
      throw new Refusal(403, 'origin_forbidden')
    }
    const anyProvider = has('any-provider-at-listen') && route.path === '/v1/listen'
    if (claims.provider !== undefined && claims.provider !== route.provider && !anyProvider) {
      throw new Refusal(403, 'provider_forbidden')
    }
    const { model } = claims
    if (model === undefined) return
    const one = has('model-among-others') || route.models.length === 1
    if (!one || !route.models.includes(model)) throw new Refusal(403, 'model_forbidden')
  }

  #configured({ provider }: Route): void {
    if (this.#settings.keys[provider] !== undefined) return
    throw this.#has('unconfigured-404')
      ? new Refusal(404, 'not_found')
      : new Refusal(503, 'provider_not_configured', LATER)
  }

  #hold(address: string, claims: TicketClaims | null): () => void {
    const { maxConnectionsPerAddress: perAddress, maxConnectionsPerUser: perUser } = this.#settings
    const keys = [`address ${address}`, ...(claims === null ? [] : [`user ${claims.sub}`])]
    for (const key of keys) {
      const ofUser = key.startsWith('user')
      const most = ofUser ? perUser : perAddress
      if ((this.#places.get(key) ?? 0) < most || (ofUser && this.#has('no-per-user'))) continue
      throw new Refusal(429, 'too_many_connections', !ofUser && this.#has('no-retry-for-places') ? {} : LATER)
    }
    for (const key of keys) this.#places.set(key, (this.#places.get(key) ?? 0) + 1)
    this.#sessions += 1
    let held = true
    return () => {
      if (!held) return
      held = false
      this.#sessions -= 1
      for (const key of keys) this.#places.set(key, this.#places.get(key)! - 1)
    }
  }
}

function missing(code: string): Refusal {
  return new Refusal(401, code, { 'WWW-Authenticate': 'Bearer' })
}

/** The subprotocols a client offers. */
export function protocolsOf(request: IncomingMessage): readonly string[] {
  const header = request.headers['sec-websocket-protocol']
  return header === undefined ? [] : header.split(',').map((name) => name.trim())
}

function checkProtocols(request: IncomingMessage, has: Has): void {
  const offered = protocolsOf(request)
  const valid = offered.every((name) => /^[\w!#$%&'*+\-.^`|~]+$/.test(name))
  if (valid && new Set(offered).size === offered.length) return
  if (!has('any-protocols')) throw new Refusal(400, 'bad_request')
  delete request.headers['sec-websocket-protocol']
}

function credentialOf(request: IncomingMessage, route: Route, has: Has): string | null {
  const schemes = has('bearer-only') ? /^bearer (\S+)$/i : /^(?:bearer|token) (\S+)$/i
  const inHeader = schemes.exec(request.headers.authorization ?? '')?.[1] ?? null
  const inProtocol = inProtocols(protocolsOf(request), has)
  const inQuery = has('no-query') ? null : route.parameters.get('token')
  return has('protocol-first') ? (inProtocol ?? inHeader ?? inQuery) : (inHeader ?? inProtocol ?? inQuery)
}

function inProtocols(offered: readonly string[], has: Has): string | null {
  for (const [index, name] of offered.entries()) {
    if (name.startsWith('openai-insecure-api-key.')) return name.slice(24)
    if (name.startsWith('access_token.') && !has('no-access-token')) return name.slice(13)
    if (name === 'bearer' || name === 'token') return offered[index + 1] ?? null
  }
  return null
}
