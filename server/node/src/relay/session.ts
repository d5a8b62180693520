import type { Agent } from 'node:http'
import type { Socket } from 'node:net'
import type { RelayCode } from '../codes.ts'
import { PEEK_BYTES, showsActivity } from './activity.ts'
import { ByteQueue } from './byte-queue.ts'
import { type Close, mapCloseCode } from './close-codes.ts'
import { DialError, type Dialled, dial } from './dial.ts'
import { Leg } from './leg.ts'
import { MessageWalker, type Violation, type WalkerEvents } from './message-walker.ts'
import { errorNotice, warningNotice } from './notices.ts'
import type { ProviderPath, Route } from './routes.ts'
import { SessionClock } from './session-clock.ts'
import type { ChunkSample, SessionMeter, SessionTraffic } from './session-meter.ts'
import type { TimerWheel, WheelTimer } from './timer-wheel.ts'

/** How long a side has to answer a close: with the second leg, below the 1.5 s that a session may outlive its client. */
const CLOSE_MS = 1000
/** How often a paused side is written to, so that one that has gone shows itself. */
const PROBE_MS = 500

/** A session's bounds. Times are ms. */
export interface SessionLimits {
  readonly heartbeatMs: number
  /** 0: no limit. */
  readonly inactivityMs: number
  readonly connectTimeoutMs: number
  /** How long a side may refuse to read before the session ends. */
  readonly stallMs: number
  readonly maxMessageBytes: number
  readonly maxFragments: number
  /** What a client may send before the provider has answered. */
  readonly maxEarlyBytes: number
}

/** Where to dial, and as whom. */
export interface UpstreamRequest {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly protocols: readonly string[]
  readonly agent: Agent
  /** The provider's key, which no close reason may carry to a client. */
  readonly secret: string
}

export interface SessionOptions {
  readonly route: Route
  readonly upstream: UpstreamRequest
  readonly limits: SessionLimits
  /** 0: no limit. */
  readonly maxSessionMs: number
  readonly wheel: TimerWheel
  /** Measures chunks as they pass. */
  readonly meter?: SessionMeter
  /** How the provider took the handshake; null: well. Not called where the client left before it did. */
  readonly onDial?: (code: RelayCode | null, connectMs: number) => void
  /** Called once, when both connections are gone. */
  readonly onEnd: (summary: SessionSummary) => void
}

/** What a session was, once it is over. */
export interface SessionSummary extends Omit<SessionTraffic, 'bufferedBytes'> {
  readonly durationMs: number
  /** The handshake with the provider, refused or not; null where the client left before its end. */
  readonly connectMs: number | null
  readonly endedBy: 'client' | 'upstream' | 'relay'
  /** Why, where it was the relay's doing or a connection was lost. */
  readonly code: RelayCode | null
  /** What each side closed with, else what it was closed with; 1006 where neither came about. */
  readonly clientCloseCode: number
  readonly upstreamCloseCode: number
  /** The HTTP status with which the provider refused. */
  readonly upstreamStatus: number | null
}

type State = 'dialling' | 'open' | 'closing' | 'closed'

/**
 * One client and one provider, from the client's accepted handshake until both connections are gone. It wires
 * the walkers to the sockets and sees to it that both legs die together; everything else is beside it.
 */
export class Session {
  readonly #options: SessionOptions
  readonly #client: Leg
  #upstream: Leg | null = null
  readonly #fromClient: MessageWalker
  readonly #fromUpstream: MessageWalker
  readonly #clock: SessionClock
  readonly #abort = new AbortController()
  readonly #early = new ByteQueue()
  readonly #startedAt = performance.now()
  #state: State = 'dialling'
  #dialling = true
  #deadline: WheelTimer | null = null
  #probe: WheelTimer | null = null
  #waiting: string[] = []
  #endedBy: SessionSummary['endedBy'] = 'relay'
  #code: RelayCode | null = null
  #upstreamStatus: number | null = null
  #connectMs: number | null = null
  #sample: ChunkSample | null = null

  /** @param socket The client's, after the handshake. */
  constructor(socket: Socket, options: SessionOptions) {
    this.#options = options
    const { limits, wheel } = options
    this.#client = new Leg(socket, false)
    this.#fromClient = new MessageWalker({ ...limits, masked: true }, this.#clientEvents())
    this.#fromUpstream = new MessageWalker({ ...limits, masked: false }, this.#upstreamEvents())
    this.#clock = new SessionClock(
      wheel,
      { ...limits, lengthMs: options.maxSessionMs },
      {
        beat: () => this.#beat(),
        idle: () => this.end('inactivity_timeout', 4408, 'Nothing was said for too long'),
        warn: (seconds) => this.warn('session_limit', `The session ends in ${seconds} seconds`),
        expire: () => this.end('session_limit', 4408, 'The session reached its greatest length'),
      },
    )
  }

  get path(): ProviderPath {
    return this.#options.route.path
  }

  get traffic(): SessionTraffic {
    const waiting = (leg: Leg | null) => leg?.socket.writableLength ?? 0
    return {
      bytesUp: this.#client.bytesIn,
      bytesDown: this.#upstream?.bytesIn ?? 0,
      messagesUp: this.#fromClient.messages,
      messagesDown: this.#fromUpstream.messages,
      bufferedBytes: waiting(this.#client) + waiting(this.#upstream) + this.#early.bytes,
    }
  }

  /** Begins to relay. @param head What the client sent right behind its handshake. */
  start(head: Buffer): void {
    this.#listen(this.#client, this.#fromClient)
    if (head.length > 0) this.#receive(this.#client, this.#fromClient, head)
    if (this.#state !== 'dialling') {
      this.#dialEnded()
      return
    }
    const { upstream, limits } = this.#options
    dial(upstream.url, { ...upstream, timeoutMs: limits.connectTimeoutMs, signal: this.#abort.signal }).then(
      (dialled) => this.#open(dialled),
      (error: unknown) => this.#refused(error),
    )
  }

  /** Tells the client that the end is near; as soon as no message is in the way. */
  warn(code: RelayCode, message: string): void {
    if (this.#state !== 'dialling' && this.#state !== 'open') return
    this.#waiting.push(warningNotice(this.#options.route.provider, code, message))
    this.#speak()
  }

  /** Ends the session for a reason of the relay's: the client gets the error message, then the close. */
  end(code: RelayCode, closeCode: number, message: string): void {
    this.#endWith({ code, message, client: { code: closeCode, reason: code }, upstream: GOING_AWAY })
  }

  /** Drops both connections without a word. */
  destroy(): void {
    this.#abort.abort()
    this.#client.socket.destroy()
    this.#upstream?.socket.destroy()
  }

  #listen(leg: Leg, walker: MessageWalker): void {
    const { socket } = leg
    socket.on('data', (chunk: Buffer) => this.#receive(leg, walker, chunk))
    socket.on('drain', () => this.#drained(leg))
    socket.on('end', () => this.#ended(leg))
    socket.on('error', () => {}) // 'close' follows, and says all that matters
    socket.on('close', () => this.#gone(leg))
  }

  #receive(leg: Leg, walker: MessageWalker, chunk: Buffer): void {
    leg.heard = true
    leg.bytesIn += chunk.length
    const sink = this.#other(leg)?.socket
    const many = walker.holding && sink !== undefined
    if (many) sink.cork()
    const sample = this.#options.meter?.sample(leg === this.#client ? 'up' : 'down') ?? null
    this.#sample = sample
    walker.push(chunk)
    this.#sample = null
    sample?.end(!walker.holding)
    if (many) sink.uncork()
    this.#speak()
  }

  #clientEvents(): WalkerEvents {
    return {
      forward: (bytes) => this.#forwardUp(bytes),
      message: (binary) => this.#noticeActivity(binary),
      ...this.#controlEvents(() => this.#client),
      violation: (violation) => this.#clientViolated(violation),
    }
  }

  #upstreamEvents(): WalkerEvents {
    return {
      forward: (bytes) => this.#forward(bytes, this.#client),
      message: () => {
        this.#clock.active = true
      },
      ...this.#controlEvents(() => this.#upstream!),
      violation: () => this.#upstreamViolated(),
    }
  }

  #controlEvents(leg: () => Leg): Pick<WalkerEvents, 'ping' | 'pong' | 'close'> {
    return {
      // RFC 6455 §5.5.3: of several pings the last one needs an answer, which `#speak` gives behind the chunk.
      ping: (payload) => {
        leg().pong = payload
      },
      pong: () => {}, // that bytes came at all is what the heartbeat asks for
      close: (code, reason) => this.#received(leg(), { code, reason }),
    }
  }

  #forwardUp(bytes: Buffer): void {
    if (this.#state !== 'dialling') {
      this.#forward(bytes, this.#upstream)
      return
    }
    this.#early.push(bytes)
    if (this.#early.bytes <= this.#options.limits.maxEarlyBytes) return
    this.end('message_too_big', 1009, 'Too much was sent before the provider answered')
  }

  #forward(bytes: Buffer, sink: Leg | null): void {
    if (this.#state !== 'open' || sink === null) return
    sink.write(bytes, this.#sample?.write())
    if (sink.clogged) this.#pause(this.#other(sink)!)
  }

  #noticeActivity(binary: boolean): void {
    if (this.#clock.active) return
    const start = this.#fromClient.peek(PEEK_BYTES)
    this.#clock.active = showsActivity(this.#options.route.provider, binary, start)
  }

  #sendPong(leg: Leg): void {
    if (leg.pong === null || leg.clogged || this.#feeder(leg).midFragment) return
    leg.sendPong(leg.pong)
    leg.pong = null
  }

  /** Says what had to wait for the end of a message. */
  #speak(): void {
    if (this.#state !== 'dialling' && this.#state !== 'open') return
    this.#sendPong(this.#client)
    if (this.#upstream !== null) this.#sendPong(this.#upstream)
    if (this.#waiting.length === 0 || this.#fromUpstream.midMessage) return
    for (const text of this.#waiting.splice(0)) this.#client.sendText(text)
  }

  #open({ socket, head }: Dialled): void {
    this.#dialling = false
    this.#dialTimed(null)
    if (this.#state !== 'dialling') {
      socket.on('error', () => {}) // the client left in the same moment; nobody is left to be told
      socket.destroy()
      this.#finishIfGone()
      return
    }
    this.#state = 'open'
    this.#upstream = new Leg(socket, true)
    this.#listen(this.#upstream, this.#fromUpstream)
    for (const bytes of this.#early.take()) this.#upstream.write(bytes)
    if (this.#upstream.clogged) this.#pause(this.#client)
    if (head.length > 0) this.#receive(this.#upstream, this.#fromUpstream, head)
  }

  #refused(error: unknown): void {
    this.#dialEnded()
    const { code, closeCode, message, status } =
      error instanceof DialError
        ? error
        : new DialError('upstream_unavailable', 'The provider cannot be dialled')
    this.#upstreamStatus = status
    if (!this.#abort.signal.aborted) this.#dialTimed(code)
    this.end(code, closeCode, message)
  }

  #dialTimed(code: RelayCode | null): void {
    const connectMs = performance.now() - this.#startedAt
    this.#connectMs = Math.round(connectMs)
    this.#options.onDial?.(code, connectMs)
  }

  #dialEnded(): void {
    this.#dialling = false
    this.#finishIfGone()
  }

  /** A side closed: it gets its answer, and the other side the same close as far as it may be sent. */
  #received(leg: Leg, close: Close): void {
    leg.received = close
    if (this.#state === 'closing') {
      leg.endIfClosed()
      return
    }
    if (!this.#beginClosing(leg === this.#client ? 'client' : 'upstream', null)) return
    this.#shut(leg, { code: close.code, reason: '' }, null)
    const reason = close.reason.includes(this.#options.upstream.secret) ? '' : close.reason
    this.#shut(this.#other(leg), { code: mapCloseCode(close.code), reason }, null)
  }

  #clientViolated({ code, message }: Violation): void {
    if (this.#state === 'closing') {
      this.destroy()
      return
    }
    const name = VIOLATION_CODES[code]
    this.#endWith({ code: name, message, client: { code, reason: name }, upstream: GOING_AWAY })
  }

  #upstreamViolated(): void {
    if (this.#state === 'closing') {
      this.destroy()
      return
    }
    const code = 'upstream_protocol_error'
    const upstream = { code: 1002, reason: '' }
    this.#endWith({
      code,
      message: 'The provider broke the protocol',
      client: { code: 1011, reason: code },
      upstream,
    })
  }

  /** A connection ended without a close. */
  #lost(leg: Leg): void {
    leg.socket.destroy()
    if (leg === this.#upstream) {
      const client = { code: 1011, reason: 'upstream_lost' }
      const message = 'The connection to the provider was lost'
      this.#endWith({ code: 'upstream_lost', message, client, upstream: client, endedBy: 'upstream' })
      return
    }
    if (!this.#beginClosing('client', null)) return
    this.#shut(this.#upstream, { code: 1011, reason: '' }, null)
    this.#finishIfGone()
  }

  #endWith({ code, message, client, upstream, endedBy = 'relay' }: Ending): void {
    if (!this.#beginClosing(endedBy, code)) return
    this.#shut(this.#client, client, errorNotice(this.#options.route.provider, code, message))
    this.#shut(this.#upstream, upstream, null)
    this.#finishIfGone()
  }

  /** @returns Whether this is what ends the session; false where it was ending before. */
  #beginClosing(endedBy: SessionSummary['endedBy'], code: RelayCode | null): boolean {
    if (this.#state === 'closing' || this.#state === 'closed') return false
    this.#state = 'closing'
    this.#endedBy = endedBy
    this.#code = code
    this.#clock.stop()
    this.#probe?.cancel()
    this.#abort.abort()
    this.#early.take()
    this.#deadline = this.#options.wheel.schedule(CLOSE_MS, () => this.destroy())
    return true
  }

  /** Says why and closes, as far as what was passed on before allows; then reads on until the answer. */
  #shut(leg: Leg | null, close: Close, notice: string | null): void {
    if (leg === null || leg.socket.destroyed) return
    const feeder = this.#feeder(leg)
    if (feeder.midFragment) return void leg.socket.destroy()
    if (notice !== null && !feeder.midMessage) leg.sendText(notice)
    leg.sendClose(close)
    leg.endIfClosed()
    leg.resume()
  }

  #pause(leg: Leg): void {
    leg.pause()
    this.#probe ??= this.#options.wheel.schedule(PROBE_MS, () => this.#probePaused())
  }

  /** `sink` has written everything: whoever waited for it may go on. */
  #drained(sink: Leg): void {
    if (this.#state !== 'open') return
    this.#speak()
    const source = this.#other(sink)
    if (source !== null && source.pausedAt !== null) source.resume()
  }

  /** A socket that is not read does not say that its peer has gone; one that is written to does. */
  #probePaused(): void {
    this.#probe = null
    const oldest = performance.now() - this.#options.limits.stallMs
    const paused = [this.#client, this.#upstream].filter((leg) => leg !== null && leg.pausedAt !== null)
    if (paused.length === 0) return
    if (paused.some((leg) => leg!.pausedAt! <= oldest)) {
      this.end('slow_consumer', 1013, 'One side did not read for too long')
      return
    }
    for (const leg of paused) this.#ping(leg!)
    this.#probe = this.#options.wheel.schedule(PROBE_MS, () => this.#probePaused())
  }

  #beat(): void {
    for (const leg of [this.#client, this.#upstream]) {
      if (leg === null || leg.pausedAt !== null) continue
      if (!leg.heard) this.#lost(leg)
      else if (this.#ping(leg)) leg.heard = false
    }
  }

  /** @returns Whether the ping could be sent. */
  #ping(leg: Leg): boolean {
    if (this.#feeder(leg).midFragment) return false
    leg.sendPing()
    return true
  }

  #ended(leg: Leg): void {
    if (this.#state === 'closing') leg.socket.end()
    else this.#lost(leg)
  }

  #gone(leg: Leg): void {
    if (this.#state !== 'closing') this.#lost(leg)
    this.#finishIfGone()
  }

  #finishIfGone(): void {
    if (this.#state !== 'closing' || this.#dialling) return
    if (!this.#client.socket.closed || this.#upstream?.socket.closed === false) return
    this.#state = 'closed'
    this.#deadline?.cancel()
    this.#options.onEnd(this.#summary())
  }

  #summary(): SessionSummary {
    const { bufferedBytes, ...passed } = this.traffic
    return {
      durationMs: Math.round(performance.now() - this.#startedAt),
      connectMs: this.#connectMs,
      ...passed,
      endedBy: this.#endedBy,
      code: this.#code,
      clientCloseCode: closeCodeOf(this.#client),
      upstreamCloseCode: closeCodeOf(this.#upstream),
      upstreamStatus: this.#upstreamStatus,
    }
  }

  #other(leg: Leg): Leg | null {
    return leg === this.#client ? this.#upstream : this.#client
  }

  /** The walker whose bytes go out on this leg. */
  #feeder(leg: Leg): MessageWalker {
    return leg === this.#client ? this.#fromUpstream : this.#fromClient
  }
}

interface Ending {
  readonly code: RelayCode
  readonly message: string
  readonly client: Close
  readonly upstream: Close
  readonly endedBy?: SessionSummary['endedBy']
}

const GOING_AWAY: Close = { code: 1001, reason: '' }

const VIOLATION_CODES: Readonly<Record<Violation['code'], RelayCode>> = {
  1002: 'protocol_error',
  1007: 'protocol_error',
  1008: 'too_many_fragments',
  1009: 'message_too_big',
}

function closeCodeOf(leg: Leg | null): number {
  return leg?.received?.code ?? leg?.sent?.code ?? 1006
}
