import type { Socket } from 'node:net'
import type { RelayCode } from '../codes.ts'
import { PEEK_BYTES, showsActivity } from './activity.ts'
import { Backpressure } from './backpressure.ts'
import { ByteQueue } from './byte-queue.ts'
import { ByteRate } from './byte-rate.ts'
import { type Close, mapCloseCode } from './close-codes.ts'
import { DialError, type Dialled, dial } from './dial.ts'
import { byRefusal, byRelay, byViolation, type Ending, UPSTREAM_LOST, UPSTREAM_VIOLATION } from './endings.ts'
import { Leg } from './leg.ts'
import { clientStream, type MessageStream, upstreamStream } from './message-stream.ts'
import type { WalkerEvents } from './message-walker.ts'
import { errorNotice, warningNotice } from './notices.ts'
import type { ProviderPath } from './routes.ts'
import { SessionClock } from './session-clock.ts'
import type { ChunkSample, SessionTraffic } from './session-meter.ts'
import type { SessionLimits, SessionOptions, SessionSummary } from './session-options.ts'
import { SessionRecord } from './session-record.ts'
import type { WheelTimer } from './timer-wheel.ts'
import { UsageReader } from './usage-reader.ts'
import { encodeMessage, OPCODE } from './wire.ts'

/** How long a side has to answer a close: with the second leg, below the 1.5 s that a session may outlive its client. */
const CLOSE_MS = 1000

/** Ends after which a client has much more on its way than an answer. */
const FLOODS: ReadonlySet<RelayCode> = new Set(['message_too_big', 'too_fast'])

type State = 'dialling' | 'open' | 'closing' | 'closed'

/**
 * One client and one provider, from the client's accepted handshake until both connections are gone. It wires
 * the streams to the sockets and sees to it that both legs die together; everything else is beside it.
 */
export class Session {
  readonly #options: SessionOptions
  readonly #client: Leg
  #upstream: Leg | null = null
  readonly #fromClient: MessageStream
  readonly #fromUpstream: MessageStream
  readonly #backpressure: Backpressure
  readonly #rate: ByteRate | null
  readonly #usage: UsageReader | null
  readonly #clock: SessionClock
  readonly #abort = new AbortController()
  readonly #early = new ByteQueue()
  readonly #record = new SessionRecord()
  #state: State = 'dialling'
  #dialling = true
  #deadline: WheelTimer | null = null
  #waiting: string[] = []
  #sample: ChunkSample | null = null

  /** @param socket The client's, after the handshake. */
  constructor(socket: Socket, options: SessionOptions) {
    this.#options = options
    const { limits, wheel, filter, onUsage } = options
    this.#client = new Leg(socket, false, (chunk) => this.#receive(this.#client, this.#fromClient, chunk))
    this.#fromClient = clientStream(limits, filter, this.#clientEvents())
    this.#fromUpstream = upstreamStream(limits, filter, this.#upstreamEvents())
    this.#rate = byteRate(limits)
    const counts = onUsage !== undefined && filter === null && options.route.provider === 'openai'
    this.#usage = counts ? new UsageReader((tokens) => onUsage({ tokens })) : null
    this.#backpressure = new Backpressure(wheel, limits.stallMs, {
      probe: (leg) => this.#ping(leg),
      stalled: () => this.end('slow_consumer', 1013, 'One side did not read for too long'),
    })
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
    this.#listen(this.#client)
    this.#startFilter()
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
    this.#endWith(byRelay(code, closeCode, message))
  }

  /** Drops both connections without a word. */
  destroy(): void {
    this.#abort.abort()
    this.#client.socket.destroy()
    this.#upstream?.socket.destroy()
  }

  #startFilter(): void {
    this.#options.filter?.start({
      toProvider: (text) => this.#forwardUp(encodeMessage(OPCODE.text, Buffer.from(text), true)),
      toClient: (text) => {
        this.#waiting.push(text)
        this.#speak()
      },
      end: (code, closeCode, message) => this.end(code, closeCode, message),
      used: (tokens) => this.#options.onUsage?.({ tokens }),
    })
  }

  #listen(leg: Leg): void {
    const { socket } = leg
    socket.on('drain', () => this.#drained(leg))
    socket.on('end', () => this.#ended(leg))
    socket.on('error', () => {}) // 'close' follows, and says all that matters
    socket.on('close', () => this.#gone(leg))
  }

  #receive(leg: Leg, stream: MessageStream, chunk: Buffer): void {
    leg.heard = true
    leg.bytesIn += chunk.length
    const sink = this.#other(leg)?.socket
    const many = stream.cuts && sink !== undefined
    if (many) sink.cork()
    const sample = this.#options.meter?.sample(leg === this.#client ? 'up' : 'down') ?? null
    this.#sample = sample
    stream.push(chunk)
    this.#sample = null
    sample?.end(!stream.holding)
    if (many) sink.uncork()
    this.#speak()
    if (this.#rate !== null && leg === this.#client) this.#slow(this.#rate, chunk.length)
  }

  /** Whoever sends faster than anything can be said is read more slowly, and in the end not at all. */
  #slow(rate: ByteRate, bytes: number): void {
    const now = performance.now()
    const delayMs = rate.take(bytes, now)
    if (delayMs === 0 || this.#state === 'closing') return
    if (rate.exceeded(now)) {
      this.end('too_fast', 1008, 'Sound came faster than it can be spoken for too long')
      return
    }
    this.#backpressure.slow(this.#client, delayMs)
  }

  #clientEvents(): WalkerEvents {
    return {
      forward: (bytes) => this.#forwardUp(bytes),
      message: (binary) => this.#noticeActivity(binary),
      ...this.#controlEvents(() => this.#client),
      violation: (violation) => this.#violated(byViolation(violation)),
    }
  }

  #upstreamEvents(): WalkerEvents {
    return {
      forward: (bytes) => {
        this.#forward(bytes, this.#client)
        this.#usage?.push(bytes)
      },
      message: () => {
        this.#clock.active = true
      },
      ...this.#controlEvents(() => this.#upstream!),
      violation: () => this.#violated(UPSTREAM_VIOLATION),
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
    if (sink.clogged) this.#backpressure.hold(this.#other(sink)!)
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
    const upstream = new Leg(socket, true, (chunk) => this.#receive(upstream, this.#fromUpstream, chunk))
    this.#upstream = upstream
    this.#listen(upstream)
    for (const bytes of this.#early.take()) this.#upstream.write(bytes)
    if (this.#upstream.clogged) this.#backpressure.hold(this.#client)
    if (head.length > 0) this.#receive(this.#upstream, this.#fromUpstream, head)
  }

  #refused(error: unknown): void {
    this.#dialEnded()
    const failure =
      error instanceof DialError
        ? error
        : new DialError('upstream_unavailable', 'The provider cannot be dialled')
    this.#record.upstreamStatus = failure.status
    if (!this.#abort.signal.aborted) this.#dialTimed(failure.code)
    this.#endWith(byRefusal(failure))
  }

  #dialTimed(code: RelayCode | null): void {
    this.#options.onDial?.(code, this.#record.dialled())
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
    const { upstream, filter } = this.#options
    const tells = close.reason.includes(upstream.secret) || filter?.mayTell(close.reason) === false
    const reason = tells ? '' : close.reason
    this.#shut(this.#other(leg), { code: mapCloseCode(close.code), reason }, null)
  }

  /** One side broke the protocol; while the session closes, nobody is told any more. */
  #violated(ending: Ending): void {
    if (this.#state === 'closing') this.destroy()
    else this.#endWith(ending)
  }

  /** A connection ended without a close. */
  #lost(leg: Leg): void {
    leg.socket.destroy()
    if (leg === this.#upstream) {
      this.#endWith(UPSTREAM_LOST)
      return
    }
    if (!this.#beginClosing('client', null)) return
    this.#shut(this.#upstream, { code: 1011, reason: '' }, null)
    this.#finishIfGone()
  }

  #endWith({ code, message, client, upstream, endedBy }: Ending): void {
    if (!this.#beginClosing(endedBy, code)) return
    this.#shut(this.#client, client, errorNotice(this.#options.route.provider, code, message))
    // Reading on until it has answered would be reading all that it still sends.
    if (FLOODS.has(code)) this.#client.pause()
    this.#shut(this.#upstream, upstream, null)
    this.#finishIfGone()
  }

  /** @returns Whether this is what ends the session; false where it was ending before. */
  #beginClosing(endedBy: SessionSummary['endedBy'], code: RelayCode | null): boolean {
    if (this.#state === 'closing' || this.#state === 'closed') return false
    this.#state = 'closing'
    this.#record.endedBy = endedBy
    this.#record.code = code
    this.#clock.stop()
    this.#backpressure.stop()
    this.#options.filter?.stop()
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

  /** `sink` has written everything: whoever waited for it may go on. */
  #drained(sink: Leg): void {
    if (this.#state !== 'open') return
    this.#speak()
    const source = this.#other(sink)
    if (source !== null) this.#backpressure.release(source)
  }

  #beat(): void {
    for (const leg of [this.#client, this.#upstream]) {
      if (leg === null || leg.paused) continue
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
    this.#options.onEnd(this.#record.summary(this.traffic, this.#client, this.#upstream))
  }

  #other(leg: Leg): Leg | null {
    return leg === this.#client ? this.#upstream : this.#client
  }

  /** The stream whose bytes go out on this leg. */
  #feeder(leg: Leg): MessageStream {
    return leg === this.#client ? this.#fromUpstream : this.#fromClient
  }
}

function byteRate({ maxBytesPerSecond, maxSlowedMs }: SessionLimits): ByteRate | null {
  return maxBytesPerSecond > 0 ? new ByteRate(maxBytesPerSecond, maxSlowedMs) : null
}
