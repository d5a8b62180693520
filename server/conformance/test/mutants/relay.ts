import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { WebSocket, WebSocketServer } from 'ws'
import type { Settings } from '../../src/settings.ts'
import { type Admission, Door, protocolsOf } from './admission.ts'
import type { Fault, Has } from './faults.ts'
import { Refusal } from './refusal.ts'
import { findRoute, type Route } from './routes.ts'
import { Session } from './session.ts'
import { type Answer, TokenService } from './token-service.ts'

/**
 * A small relay that does what the full profile wants in the simplest way, and that can be told to do single
 * things wrong. It is for the tests of the suite: nobody should put it in front of a provider.
 */
export class ReferenceRelay {
  readonly #settings: Settings
  readonly #has: Has
  readonly #door: Door
  readonly #tokens: TokenService
  readonly #server: Server
  readonly #sockets: WebSocketServer
  readonly #sessions = new Set<{ session: Session; client: WebSocket }>()
  /** Also those whose client is gone. */
  readonly #all: Session[] = []
  readonly #models = new Set<string>()

  constructor(settings: Settings, faults: readonly Fault[] = []) {
    const set = new Set<Fault>(faults)
    this.#settings = settings
    this.#has = (fault) => set.has(fault)
    this.#door = new Door(settings, this.#has)
    this.#tokens = new TokenService(settings, this.#door, this.#has)
    const has = this.#has
    this.#server = createServer({
      connectionsCheckingInterval: 500,
      headersTimeout: has('waits-for-headers') ? 0 : 10_000,
      requestTimeout: has('waits-for-headers') ? 0 : 10_000,
      maxHeaderSize: has('any-header-size') ? 200_000 : 16_384,
    })
    this.#sockets = new WebSocketServer({
      noServer: true,
      perMessageDeflate: false,
      maxPayload: 16 * 1024 * 1024,
      maxFragments: has('any-fragments') ? 0 : 131_072,
      autoPong: !has('answers-no-pings'),
      handleProtocols: (offered) => this.#select([...offered]),
    } as ConstructorParameters<typeof WebSocketServer>[0])
    this.#sockets.on('headers', (headers, request) => this.#spoil(headers, request))
    this.#server.on('request', (request, response) => void this.#serve(request, response))
    this.#server.on('upgrade', (request, socket, head) => void this.#upgrade(request, socket, head))
    this.#server.on('clientError', (_error, socket) => socket.destroy())
  }

  /** @returns The port. */
  async listen(port = 0): Promise<number> {
    this.#server.listen(port, '127.0.0.1')
    await once(this.#server, 'listening')
    return (this.#server.address() as AddressInfo).port
  }

  close(): void {
    for (const session of this.#all) session.destroy()
    this.#server.closeAllConnections()
    this.#server.close()
  }

  /** Ends it as SIGTERM does. */
  async drain(): Promise<void> {
    const gentle = !this.#has('drains-silently')
    this.#door.draining = true
    if (gentle) for (const { session } of this.#sessions) session.warn('draining')
    const left = new Promise((resolve) => setTimeout(resolve, this.#settings.drainSeconds * 1000))
    await left
    for (const { session } of this.#sessions) session.end('draining', 1012)
    while (this.#sessions.size > 0) await new Promise((resolve) => setTimeout(resolve, 20))
    this.close()
  }

  async #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    socket.on('error', () => {}) // it is gone, which is all that matters
    try {
      const route = findRoute(request.url ?? '', this.#settings.prefix, this.#has)
      if (route === null) throw new Refusal(404, 'not_found')
      this.#checkForm(request)
      const admission = await this.#door.admit(request, route)
      const rest = this.#has('drops-head') ? Buffer.alloc(0) : head
      this.#sockets.handleUpgrade(request, socket, rest, (client) =>
        this.#open(client, request, route, admission),
      )
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      if (this.#has('dials-for-strangers')) await this.#dialInVain(request)
      this.#refuse(request, socket, error)
    }
  }

  #open(client: WebSocket, request: IncomingMessage, route: Route, { claims, release }: Admission): void {
    for (const model of route.models) this.#models.add(model)
    const session = new Session(client, {
      settings: this.#settings,
      has: this.#has,
      route,
      request,
      claims,
      release,
      endAll: () => {
        for (const each of this.#sessions) each.client.terminate()
      },
      forgive: () => {
        if (claims !== null) this.#door.used.delete(claims.jti)
      },
    })
    const entry = { session, client }
    this.#sessions.add(entry)
    this.#all.push(session)
    if (this.#has('shares-providers')) client.on('message', (data) => this.#toAll(client, data as Buffer))
    client.once('close', () => this.#sessions.delete(entry))
  }

  #toAll(from: WebSocket, data: Buffer): void {
    for (const { client } of this.#sessions) if (client !== from) client.send(data.toString())
  }

  async #dialInVain(request: IncomingMessage): Promise<void> {
    const { upstreamHost, upstreamPort } = this.#settings
    const socket = new WebSocket(`ws://${upstreamHost}:${upstreamPort}${request.url}`)
    socket.on('error', () => {}) // it is ended at once
    const dialled = once(socket, 'upgrade').catch(() => null)
    await Promise.race([dialled, new Promise((resolve) => setTimeout(resolve, 100))])
    socket.terminate()
  }

  /** @throws {Refusal} */
  #checkForm(request: IncomingMessage): void {
    const { headers, method, httpVersion } = request
    const has = this.#has
    if (method === 'PUT' && has('puts-welcome')) request.method = 'GET'
    else if (method !== 'GET') throw new Refusal(405, 'method_not_allowed', { Allow: 'GET' })
    const bad = new Refusal(400, 'bad_request')
    if (httpVersion !== '1.1' && !has('old-http')) throw bad
    if (headers.upgrade?.toLowerCase() !== 'websocket')
      throw has('other-upgrades-426') ? new Refusal(426, 'bad_request') : bad
    if (headers['content-length'] !== undefined && !has('bodies-welcome')) throw bad
    if (headers['sec-websocket-version'] !== '13') {
      throw has('version-400') ? bad : new Refusal(426, 'bad_request', { Upgrade: 'websocket' })
    }
    if (/^[+/\w]{22}==$/.test(headers['sec-websocket-key'] ?? '')) return
    if (!has('any-key')) throw bad
    headers['sec-websocket-key'] = Buffer.alloc(16).toString('base64')
  }

  #select(offered: readonly string[]): string | false {
    const has = this.#has
    const isSecret = (name: string) =>
      name.length >= 32 || /^(?:sk-|ek_|openai-insecure-api-key\.|access_token\.)/.test(name)
    const plain = offered.find((name) => !isSecret(name))
    const known = ['realtime', 'token', 'bearer'].find((name) => offered.includes(name))
    const selected = has('selects-first') ? plain : (known ?? plain)
    if (selected !== undefined) return selected
    const [only = ''] = offered
    return has('selects-secrets') || only.startsWith('access_token.') ? only : false
  }

  #spoil(headers: string[], request: IncomingMessage): void {
    const has = this.#has
    if (has('wrong-accept')) headers[3] = `Sec-WebSocket-Accept: ${Buffer.alloc(20).toString('base64')}`
    if (has('agrees-to-extensions') && request.headers['sec-websocket-extensions'] !== undefined) {
      headers.push('Sec-WebSocket-Extensions: permessage-deflate')
    }
    if (has('selects-unoffered') && protocolsOf(request).length === 0)
      headers.push('Sec-WebSocket-Protocol: realtime')
  }

  #refuse(request: IncomingMessage, socket: Duplex, refusal: Refusal): void {
    const has = this.#has
    const bare = has('forms-without-code') && [400, 405, 426].includes(refusal.status)
    const text = bare ? 'no' : refusal.body
    const common = this.#common(request)
    if (has('refusals-without-credentials')) delete common['Access-Control-Allow-Credentials']
    const headers = {
      ...common,
      'Content-Length': String(Buffer.byteLength(text)),
      Connection: 'close',
      ...refusal.headers,
    }
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
    socket.resume()
    socket.write(`HTTP/1.1 ${refusal.status} ${STATUS_CODES[refusal.status]}\r\n${lines.join('')}\r\n${text}`)
    if (has('keeps-refused')) return
    socket.end()
    setTimeout(() => socket.destroy(), 1000)
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const { status, headers = {}, body } = await this.#answer(request)
      response.writeHead(status, { ...this.#common(request), 'Content-Type': 'application/json', ...headers })
      response.end(status === 204 ? '' : JSON.stringify(body))
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      const common = this.#common(request)
      if (this.#has('unreadable-400') && error.status === 400) delete common['Access-Control-Allow-Origin']
      response.writeHead(error.status, { ...common, 'Content-Type': 'application/json', ...error.headers })
      const half = this.#has('refusals-without-success') && request.method === 'GET'
      response.end(half ? error.body.replace('"success":false,', '') : error.body)
    }
  }

  async #answer(request: IncomingMessage): Promise<Answer> {
    const has = this.#has
    const { prefix, metricsToken } = this.#settings
    const [whole = ''] = (request.url ?? '').split('?', 1)
    if (!whole.startsWith(prefix)) throw new Refusal(404, 'not_found')
    const path = whole.slice(prefix.length)
    const tokens = await this.#tokens.answer(path, request)
    if (tokens !== null) return tokens
    const route = findRoute(request.url ?? '', prefix, has)
    const isOwn = ['/health', '/ready', '/metrics', '/stats'].includes(path)
    if (route === null && !isOwn) throw new Refusal(404, 'not_found')
    if (request.method === 'OPTIONS') return preflight(has)
    if (request.method !== 'GET') {
      throw new Refusal(405, 'method_not_allowed', has('no-allow') ? {} : { Allow: 'GET, OPTIONS' })
    }
    if (route !== null) return this.#door.preview(request, route)
    const shown = request.headers.authorization === `Bearer ${metricsToken}`
    switch (path) {
      case '/health':
        return { status: has('health-202') ? 202 : 200, body: { status: 'ok' } }
      case '/ready':
        if (this.#door.draining) throw new Refusal(503, 'draining')
        if (this.#door.full) throw new Refusal(503, 'at_capacity')
        return { status: has('ready-202') ? 202 : 200, body: { status: 'ok' } }
      default:
        if (!shown && !(path === '/stats' && has('open-stats'))) throw new Refusal(401, 'unauthenticated')
        return {
          status: 200,
          body: { type: '# TYPE', ...(has('model-labels') && { models: [...this.#models] }) },
        }
    }
  }

  #common(request: IncomingMessage): Record<string, string> {
    const { origin = null } = request.headers
    const reflects = this.#has('reflects-origins') && origin !== null
    return {
      'Cache-Control': 'no-store',
      Vary: 'Origin',
      'X-Content-Type-Options': 'nosniff',
      ...(!this.#has('no-referrer-policy') && { 'Referrer-Policy': 'no-referrer' }),
      'Content-Security-Policy': "default-src 'none'",
      ...((reflects || this.#door.allows(origin)) && {
        'Access-Control-Allow-Origin': origin!,
        'Access-Control-Allow-Credentials': 'true',
      }),
    }
  }
}

function preflight(has: Has): Answer {
  const names = has('preflight-without-authorization') ? 'Content-Type' : 'Authorization, Content-Type'
  const headers = { 'Access-Control-Allow-Methods': 'GET, OPTIONS', 'Access-Control-Allow-Headers': names }
  return { status: 204, headers, body: {} }
}
