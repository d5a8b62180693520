import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { WebSocket } from 'ws'
import type { Settings } from '../../src/settings.ts'
import { protocolsOf } from './admission.ts'
import type { Has } from './faults.ts'
import type { Route } from './routes.ts'
import type { TicketClaims } from './tickets.ts'

const EARLY_BYTES = 1024 * 1024
const MARK_BYTES = 256 * 1024
const STALL_MS = 15_000
const DIAL_MS = 10_000
const CLOSE_MS = 1000

export interface SessionOptions {
  readonly settings: Settings
  readonly has: Has
  readonly route: Route
  readonly request: IncomingMessage
  readonly claims: TicketClaims | null
  readonly release: () => void
  /** Ends all sessions of the relay. */
  readonly endAll: () => void
  /** Takes the ticket for unused. */
  readonly forgive: () => void
}

/** One end, as `ws` has it, and what the session must know of it. */
interface Leg {
  readonly socket: WebSocket
  heard: boolean
  over: boolean
  stalledAt: number
}

/** What `ws` keeps to itself, and a fault needs. */
interface Inner {
  _receiver: { _fragments: Buffer[]; dataMessage: (callback: unknown) => void; _isServer: boolean }
  _isServer: boolean
}

/** One client and one provider, in the simplest way that the protocol allows. */
export class Session {
  readonly #options: SessionOptions
  readonly #has: Has
  readonly #client: Leg
  readonly #upstream: Leg
  readonly #timers: NodeJS.Timeout[] = []
  #early: { data: Buffer; binary: boolean }[] = []
  #earlyBytes = 0
  #ended = false
  #saidAt = performance.now()
  #countUp = 0
  #pings = 0
  #beats = 0

  constructor(client: WebSocket, options: SessionOptions) {
    this.#options = options
    this.#has = options.has
    this.#client = { socket: client, heard: true, over: false, stalledAt: 0 }
    this.#upstream = { socket: this.#dial(), heard: true, over: false, stalledAt: 0 }
    this.#listenClient()
    this.#listenUpstream()
    this.#startClocks()
  }

  /** Ends it for a reason of the relay's. */
  end(code: string, closeCode: number, upstreamCode = 1001): void {
    if (this.#ended) return
    this.#say(this.#notice(code))
    const untold = this.#has('breach-untold') && closeCode === 1002
    this.#close(this.#client, closeCode, untold ? '' : code)
    this.#close(this.#upstream, this.#has('provider-told-1000') ? 1000 : upstreamCode, '')
    this.#ended = true
  }

  /** Drops all that it holds. */
  destroy(): void {
    this.#ended = true
    for (const timer of this.#timers) clearInterval(timer)
    this.#client.socket.terminate()
    this.#upstream.socket.terminate()
  }

  warn(code: string): void {
    const { has } = this.#options
    if (this.#options.route.provider === 'deepgram') {
      this.#say({ type: 'Warning', code, ...(!has('bare-warning') && { description: 'The end is near' }) })
    } else {
      const type = has('plain-warning') ? 'warning' : 'relay.warning'
      this.#say({ type, event_id: 'event_1', warning: { code, message: 'The end is near' } })
    }
  }

  #say(message: object): void {
    const { socket } = this.#client
    if (socket.readyState !== WebSocket.OPEN || this.#ended) return
    const parts = (this.#upstream.socket as unknown as Partial<Inner>)._receiver?._fragments ?? []
    const inside = this.#has('notice-inside') && parts.length > 0 ? Buffer.concat(parts).toString() : ''
    socket.send(inside + JSON.stringify(message))
  }

  #notice(code: string): object {
    const message = 'The session is over'
    if (this.#options.route.provider === 'deepgram') {
      return { type: 'Error', code, ...(!this.#has('bare-notice') && { description: message }) }
    }
    const type = code === 'upstream_rate_limited' ? 'rate_limit_error' : 'server_error'
    const rest = this.#has('short-notice') ? {} : { param: null }
    return { type: 'error', event_id: 'event_1', error: { type, code, message, event_id: null, ...rest } }
  }

  #dial(): WebSocket {
    const { settings, route, request, claims, has } = this.#options
    const { provider } = route
    const key = settings.keys[provider]!
    const scheme = provider === 'openai' || has('bearer-at-deepgram') ? 'Bearer' : 'Token'
    const headers: Record<string, string> = { Authorization: `${scheme} ${key}` }
    if (provider === 'openai' && claims !== null) {
      const hash = createHash('sha256').update(claims.sub).digest('hex')
      headers['OpenAI-Safety-Identifier'] = has('plain-user') ? claims.sub : hash
    }
    if (has('forwards-user-agent')) headers['User-Agent'] = request.headers['user-agent'] ?? 'none'
    const foreign = has('forwards-protocols') ? protocolsOf(request).filter((name) => name.length < 30) : []
    const protocols = provider === 'openai' ? [...new Set(['realtime', ...foreign])] : []
    const named = has('url-parameter') ? route.parameters.get('url') : null
    const shown = has('key-in-url') && provider === 'deepgram' ? `&key=${key}` : ''
    const url = named ?? `ws://${settings.upstreamHost}:${settings.upstreamPort}${route.target}${shown}`
    const socket = new WebSocket(url, protocols, {
      headers,
      perMessageDeflate: false,
      followRedirects: has('follows-redirects'),
      maxPayload: 16 * 1024 * 1024,
    })
    if (!has('waits-for-provider')) {
      const timer = setTimeout(() => this.end('upstream_timeout', 1011), DIAL_MS)
      socket.once('open', () => clearTimeout(timer))
      this.#timers.push(timer)
    }
    return socket
  }

  #listenClient(): void {
    const has = this.#has
    const { socket } = this.#client
    const inner = socket as unknown as Inner
    if (has('masks-for-clients')) inner._isServer = false
    if (has('drops-fragments')) dropFragments(inner)
    // What `ws` finds wrong it would close by itself: the notice comes first.
    const close = socket.close.bind(socket)
    let failing = false
    socket.close = (code, reason) => {
      if (failing || typeof code !== 'number' || this.#ended || reason !== undefined)
        return close(code, reason)
      failing = true
      this.#breached(code)
    }
    socket.on('error', (error: Error & { code?: string }) => this.#lastError(error.code))
    socket.on('message', (data: Buffer, binary) => this.#up(data, binary))
    socket.on('ping', (data: Buffer) => {
      this.#client.heard = true
      this.#pings += 1
      if (has('pings-end-all') && this.#pings > 1000) this.#options.endAll()
      if (has('forwards-pings') && this.#isOpen(this.#upstream)) this.#upstream.socket.ping(data)
    })
    socket.on('pong', () => {
      if (!has('pongs-do-not-count')) this.#client.heard = true
    })
    socket.on('close', (code, reason) => this.#clientGone(code, reason))
  }

  /** `ws` says only afterwards what was wrong, which decides what faults make of it. */
  #breached(code: number): void {
    queueMicrotask(() => {
      const inner = this.#client.socket as unknown as Inner
      const [mapped, told] = this.#mapBreach(code, inner._receiver._fragments.length > 0)
      this.end(told, mapped)
    })
  }

  #errorCode = ''

  #lastError(code = ''): void {
    this.#errorCode = code
  }

  #mapBreach(code: number, inside: boolean): readonly [number, string] {
    const has = this.#has
    const error = this.#errorCode
    if (code === 1009) {
      const told = inside ? has('long-fragments-1008') : has('long-messages-1008')
      return [told ? 1008 : 1009, 'message_too_big']
    }
    if (code === 1008) return [1008, 'too_many_fragments']
    if (code === 1007) return [has('bad-reason-1002') ? 1002 : 1007, 'protocol_error']
    if (error === 'WS_ERR_EXPECTED_MASK') {
      if (has('one-ends-all')) this.#options.endAll()
      return [has('unmasked-1008') ? 1008 : 1002, 'protocol_error']
    }
    if (error === 'WS_ERR_INVALID_CLOSE_CODE') return [has('any-close-code') ? 1000 : 1002, 'protocol_error']
    return [has('breach-1008') ? 1008 : 1002, 'protocol_error']
  }

  #up(data: Buffer, binary: boolean): void {
    const has = this.#has
    this.#client.heard = true
    if (!isSilence(data, binary, this.#options.route.provider) || has('sound-is-words')) this.#spoken()
    if (this.#ended) return
    const { socket } = this.#upstream
    if (socket.readyState !== WebSocket.CONNECTING) {
      this.#countUp += 1
      const late = has('swaps-messages') && data.length < 1000 && this.#countUp % 97 === 0
      if (late) setTimeout(() => this.#pass(data, binary, this.#client, this.#upstream), 20)
      else this.#pass(data, binary, this.#client, this.#upstream)
      return
    }
    this.#early.push({ data, binary })
    this.#earlyBytes += data.length
    const most = has('early-64k') ? 65_536 : EARLY_BYTES
    if (this.#earlyBytes > most && !has('early-unbounded')) this.end('message_too_big', 1009)
  }

  #pass(data: Buffer, binary: boolean, from: Leg, to: Leg): void {
    const has = this.#has
    const up = from === this.#client
    if (data.length === 0 && has('drops-empty')) return
    if (data.length > 500_000 && has('drops-large')) return
    if (to.socket.readyState !== WebSocket.OPEN) return
    const flips = binary
      ? has(up ? 'binary-up-as-text' : 'binary-down-as-text')
      : has(up ? 'text-up-as-binary' : 'text-down-as-binary')
    to.socket.send(data, { binary: binary !== flips }, () => {
      if (to.socket.bufferedAmount > MARK_BYTES) return
      to.stalledAt = 0
      if (from.socket.isPaused) from.socket.resume()
    })
    if (to.socket.bufferedAmount <= MARK_BYTES) return
    if (to.stalledAt === 0) to.stalledAt = performance.now()
    if (!has(up ? 'never-pauses-clients' : 'never-pauses-providers')) from.socket.pause()
  }

  #listenUpstream(): void {
    const has = this.#has
    const { socket } = this.#upstream
    socket.on('open', () => {
      const early = has('early-reversed') ? this.#early.reverse() : this.#early
      for (const { data, binary } of early) {
        this.#pass(data, binary && !has('early-as-text'), this.#client, this.#upstream)
      }
      this.#early = []
    })
    socket.on('unexpected-response', (_request, response) => {
      const [code, closeCode] = refusalOf(response.statusCode ?? 0, has)
      if (has('forgives-refused')) this.#options.forgive()
      if (has('hangs-on-402') && response.statusCode === 402) return
      if (!has('passes-words')) return this.end(code, closeCode)
      let words = ''
      response.on('data', (chunk: Buffer) => {
        words += chunk.toString()
      })
      response.on('end', () => {
        this.#say({ type: 'error', error: { message: words } })
        this.end(code, closeCode)
      })
    })
    socket.on('error', (error: Error & { code?: string }) => this.#upstreamFailed(error))
    socket.on('ping', () => {
      this.#upstream.heard = true
    })
    socket.on('pong', () => {
      this.#upstream.heard = true
    })
    socket.on('message', (data: Buffer, binary) => {
      this.#upstream.heard = true
      this.#spoken()
      if (!has('discards-last-words')) return this.#pass(data, binary, this.#upstream, this.#client)
      setTimeout(() => this.#ended || this.#pass(data, binary, this.#upstream, this.#client), 100)
    })
    socket.on('close', (code, reason) => this.#upstreamGone(code, reason))
    const close = socket.close.bind(socket)
    socket.close = (code, reason) => {
      // `ws` found something wrong, and says what in the error that follows.
      if (this.#ended || reason !== undefined || typeof code !== 'number') return close(code, reason)
      close(has('blames-nobody') ? 1001 : 1002)
    }
  }

  #upstreamFailed({ code = '', message }: Error & { code?: string }): void {
    const has = this.#has
    if (this.#upstream.socket.readyState === WebSocket.OPEN || code.startsWith('WS_ERR')) {
      this.end(has('breach-is-loss') ? 'upstream_lost' : 'upstream_protocol_error', 1011, 1002)
      return
    }
    if (code === 'ECONNREFUSED') {
      this.end(has('unreachable-is-broken') ? 'upstream_protocol_error' : 'upstream_unavailable', 1011)
    } else if (code === 'ECONNRESET') {
      this.end(has('hanging-up-is-refusal') ? 'upstream_refused' : 'upstream_unavailable', 1011)
    } else {
      const garbage = code.startsWith('HPE_') && has('garbage-is-refusal')
      const accept = message.includes('Accept') && has('accept-is-refusal')
      const protocol = message.includes('subprotocol') && has('protocol-is-refusal')
      const extension = /extension/i.test(message) && has('extension-is-refusal')
      const refused = garbage || accept || protocol || extension
      this.end(refused ? 'upstream_refused' : 'upstream_protocol_error', 1011)
    }
  }

  #clientGone(code: number, reason: Buffer): void {
    const has = this.#has
    this.#over(this.#client)
    if (!(has('leaks-places') && code === 1006)) this.#options.release()
    if (this.#ended) return
    const { socket } = this.#upstream
    if (socket.readyState === WebSocket.CONNECTING) {
      this.#ended = true
      if (!has('orphans-dials')) socket.terminate()
      return
    }
    const mapped = code === 1005 ? 1000 : code === 1006 ? (has('lost-clients-1001') ? 1001 : 1011) : code
    const close = () => {
      this.#ended = true
      this.#close(this.#upstream, this.#mapUp(code, mapped), this.#reason(reason.toString()))
    }
    const late = has(code === 1006 ? 'slow-at-lost-clients' : 'slow-at-closing-clients')
    if (late) setTimeout(close, 3500)
    else close()
  }

  #mapUp(code: number, mapped: number): number {
    const has = this.#has
    if (has('no-code-1011') && code === 1005) return 1011
    if (has('4000-is-1000') && code === 4000) return 1000
    return has('codes-up-1011') && code > 1000 && code < 1015 && code !== 1005 ? 1011 : mapped
  }

  #upstreamGone(code: number, reason: Buffer): void {
    const has = this.#has
    this.#over(this.#upstream)
    if (this.#ended) return
    const close = () => {
      if (this.#ended) return
      if (code === 1006 && has('drops-clients')) {
        this.#client.socket.terminate()
        return
      }
      if (code === 1006) {
        if (!has('lost-providers-1001'))
          return this.end(has('losses-untold') ? 'lost' : 'upstream_lost', 1011)
        return this.end('upstream_lost', 1001)
      }
      this.#ended = true
      const mapped = code === 1005 ? 1000 : has('codes-down-1011') && code > 1000 && code < 1015 ? 1011 : code
      this.#close(this.#client, mapped, this.#reason(reason.toString()))
    }
    const late = has(code === 1006 ? 'slow-at-lost-providers' : 'slow-at-closing-providers')
    if (late) setTimeout(close, 3500)
    else close()
  }

  #reason(reason: string): string {
    if (this.#has('drops-reasons')) return ''
    const { keys } = this.#options.settings
    const keyed = [keys.openai, keys.deepgram].some((key) => typeof key === 'string' && reason.includes(key))
    return keyed && !this.#has('passes-keys') ? '' : reason
  }

  #close({ socket }: Leg, code: number, reason: string): void {
    if (socket.readyState === WebSocket.CONNECTING) {
      socket.terminate()
      return
    }
    if (socket.isPaused) socket.resume()
    socket.close(code, reason)
    if (!this.#has('waits-for-closes')) setTimeout(() => socket.terminate(), CLOSE_MS)
  }

  #over(leg: Leg): void {
    leg.over = true
    if (this.#client.over && this.#upstream.over) for (const timer of this.#timers) clearInterval(timer)
  }

  #isOpen({ socket }: Leg): boolean {
    return socket.readyState === WebSocket.OPEN
  }

  #spoken(): void {
    if (!this.#has('words-do-not-count')) this.#saidAt = performance.now()
  }

  #startClocks(): void {
    const { settings, claims } = this.#options
    const has = this.#has
    const every = (ms: number, task: () => void) => this.#timers.push(setInterval(task, ms))
    every(settings.heartbeatMs, () => this.#beat())
    every(settings.inactivityMs / 20, () => {
      if (performance.now() - this.#saidAt < settings.inactivityMs) return
      this.end('inactivity_timeout', has('idle-1000') ? 1000 : 4408)
    })
    every(500, () => {
      const stalled = [this.#client, this.#upstream].some(
        ({ stalledAt }) => stalledAt > 0 && performance.now() - stalledAt > STALL_MS,
      )
      if (stalled && !has('waits-for-slow')) this.end('slow_consumer', 1013)
    })
    const asked = claims?.max_seconds ?? settings.maxSessionSeconds
    const seconds = has('tickets-lengthen') ? asked : Math.min(asked, settings.maxSessionSeconds)
    const ms = Math.max(0, seconds) * 1000
    if (ms === 0) return
    this.#timers.push(setTimeout(() => this.warn('session_limit'), ms * 0.9))
    this.#timers.push(setTimeout(() => this.end('session_limit', has('limit-1000') ? 1000 : 4408), ms))
  }

  #beat(): void {
    const has = this.#has
    this.#beats += 1
    if (has('pings-once') && this.#beats > 2) return
    if (!this.#client.heard && !has('waits-for-clients') && !this.#client.socket.isPaused) {
      this.#client.socket.terminate()
      return
    }
    if (!this.#upstream.heard && !has('waits-for-providers') && !this.#upstream.socket.isPaused) {
      this.#upstream.socket.terminate()
      return
    }
    if (has('pings-once') && this.#beats > 1) return
    for (const leg of [this.#client, this.#upstream]) {
      if (!this.#isOpen(leg)) continue
      leg.heard = false
      leg.socket.ping()
    }
  }
}

function refusalOf(status: number, has: Has): readonly [string, number] {
  if (status === 401 || (status === 403 && !has('403-is-refusal'))) return ['upstream_unauthorized', 1011]
  if (status === 429) return ['upstream_rate_limited', has('rate-limited-1011') ? 1011 : 1013]
  if (status === 404 && has('404-is-unavailable')) return ['upstream_unavailable', 1011]
  if (status >= (has('503-is-refusal') ? 600 : 500) || status === 500) return ['upstream_unavailable', 1011]
  return ['upstream_refused', 1011]
}

/** What a client sends without saying anything. */
function isSilence(data: Buffer, binary: boolean, provider: string): boolean {
  if (provider === 'deepgram') return binary || data.includes('"KeepAlive"')
  return data.includes('"input_audio_buffer.append"')
}

/** Has `ws` lose what comes in more than one fragment. */
function dropFragments({ _receiver: receiver }: Inner): void {
  const assemble = receiver.dataMessage.bind(receiver)
  receiver.dataMessage = (callback) => {
    if (receiver._fragments.length > 1) receiver._fragments.splice(1)
    assemble(callback)
  }
}
