import { VoiceError } from '../errors.ts'
import type { VoiceWarning } from '../events.ts'
import type {
  Command,
  Endpoint,
  Provider,
  ProviderEvent,
  SessionContext,
  WireData,
} from '../providers/provider.ts'
import {
  type Loss,
  ReconnectingWebSocket,
  type ReconnectOptions,
} from '../transport/reconnecting-websocket.ts'
import type { Chunk } from './audio-backlog.ts'
import { closeError, isFatalClose } from './close.ts'
import { ConnectClock, type ConnectTimings } from './latency.ts'
import { Uplink } from './uplink.ts'

export interface ConnectionOptions {
  readonly provider: Provider
  readonly endpoint: (signal: AbortSignal) => Promise<Endpoint>
  /** Asked where a dial is refused: a better reason than the close code, or null. */
  readonly diagnose: () => Promise<VoiceError | null>
  /** Asked at every connect. */
  readonly context: () => SessionContext
  readonly reconnect?: ReconnectOptions
  readonly WebSocket?: typeof WebSocket
  /** How long a dial may take, in ms; default 10 000. */
  readonly connectTimeoutMs?: number
  /** From the open socket to the provider's readiness, in ms; default 15 000. */
  readonly readyTimeoutMs?: number
  /** From a request to the first message that follows, in ms; default 20 000. */
  readonly stallTimeoutMs?: number
  readonly onready: () => void
  /** What the provider says, without what concerns the handshake alone. */
  readonly onevent: (event: ProviderEvent) => void
  readonly onwarning: (warning: VoiceWarning) => void
  readonly onmessage: (direction: 'in' | 'out', data: WireData) => void
  /** The line was lost and another attempt follows; null where it was given up on purpose. */
  readonly onlost: (error: VoiceError | null) => void
  /** It is over for good. */
  readonly onend: (error: VoiceError) => void
}

/** How often to look whether a keep-alive message is due and the line moves, in ms. */
const TICK_MS = 250

/** A line that has taken nothing of what waits for so long is taken for broken, in ms. */
const STUCK_MS = 10_000

/** How long last results are waited for, in ms. */
const FINISH_MS = 3000

/** What a server that is there answers at once. */
const ANSWERED: ReadonlySet<string> = new Set(['text', 'image', 'say', 'update'])

/**
 * One conversation with a provider over whatever sockets it takes: nothing but the handshake is sent before
 * the provider is ready, on every socket anew; audio waits, bounded, until it can leave.
 */
export class Connection {
  readonly #options: ConnectionOptions
  readonly #socket: ReconnectingWebSocket
  readonly #uplink: Uplink
  readonly #clock = new ConnectClock()
  #ready = false
  #wasReady = false
  /** Why the socket was given up, which its close does not say. */
  #lastError: VoiceError | null = null
  /** Why the last dial was refused, where that could be found out. */
  #diagnosis: VoiceError | null = null
  #readyTimer: ReturnType<typeof setTimeout> | undefined
  #stallTimer: ReturnType<typeof setTimeout> | undefined
  #ticker: ReturnType<typeof setInterval> | undefined
  #keptAliveAt = 0
  /** Bytes that had left when last something left, and when that was. */
  #left = 0
  #leftAt = 0
  #bytesSent = 0
  #bytesReceived = 0
  #finished: (() => void) | null = null
  #closed = false

  constructor(options: ConnectionOptions) {
    const { provider, endpoint, reconnect, WebSocket, connectTimeoutMs } = options
    this.#options = options
    this.#uplink = new Uplink({
      provider,
      bufferedAmount: () => this.#socket.bufferedAmount,
      transmit: (data) => this.#transmit(data),
      onwarning: options.onwarning,
    })
    this.#socket = new ReconnectingWebSocket({
      ...reconnect,
      ...(WebSocket && { WebSocket }),
      ...(connectTimeoutMs !== undefined && { connectTimeoutMs }),
      endpoint: async (signal) => {
        this.#clock.begin()
        const found = await endpoint(signal)
        this.#clock.passed('token')
        return found
      },
      isFatal: (loss) => this.#isFatal(loss),
      onopen: () => this.#opened(),
      onmessage: (data) => this.#received(data),
      onretry: (_attempt, loss) => this.#lost(this.#reason(loss)),
      onend: (loss) => void this.#explain(loss),
    })
  }

  /** Payload bytes of messages sent and received, and microphone audio given up, in ms. */
  get stats(): { bytesSent: number; bytesReceived: number; droppedMs: number; connect: ConnectTimings } {
    const { droppedMs } = this.#uplink
    return {
      bytesSent: this.#bytesSent,
      bytesReceived: this.#bytesReceived,
      droppedMs,
      connect: this.#clock.timings,
    }
  }

  /** Whether a command would reach the provider now. */
  get ready(): boolean {
    return this.#ready
  }

  open(): void {
    void this.#socket.connect()
  }

  /** Sends a command, or nothing where the provider is not ready. @returns Whether there was something to send. */
  send(command: Command): boolean {
    if (!this.#ready) return false
    // What the user has said belongs to the turn, and to the stream, that ends.
    if (command.type === 'end-turn' || command.type === 'close') this.#uplink.flush()
    let sent = false
    for (const data of this.#options.provider.encode(command)) {
      this.#transmit(data)
      sent = true
    }
    if (sent && ANSWERED.has(command.type)) this.#expectAnswer()
    return sent
  }

  /** Sends a message as it is, or nothing where the provider is not ready. */
  sendRaw(data: WireData): void {
    if (this.#ready) this.#transmit(data)
  }

  /**
   * Sends a chunk now, or as soon as there is a line that takes it.
   *
   * @param samples May be used again when this returns.
   * @param muted Whether it holds the silence of a muted microphone.
   */
  sendAudio(samples: Chunk, muted: boolean): void {
    this.#uplink.push(samples, muted)
  }

  /** Goes on over a new socket, though nothing is wrong with this one. */
  renew(): void {
    this.#lost(null)
    this.#socket.renew()
  }

  /** Ends it as `close` does, once the provider has given the results that it still owes. */
  async finish(): Promise<void> {
    let owed = false
    try {
      owed = this.send({ type: 'close' })
    } catch (error) {
      // A provider of somebody's own: the line is closed all the same.
      reportError(error)
    }
    if (owed) {
      // A stream that was ended takes nothing more.
      clearInterval(this.#ticker)
      this.#uplink.close()
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#finished = resolve
      const timer = setTimeout(resolve, FINISH_MS)
      await promise
      clearTimeout(timer)
    }
    this.close()
  }

  /** Ends it: nothing is sent, received or dialled afterwards. */
  close(): void {
    this.#closed = true
    this.#disarm()
    this.#socket.close()
  }

  #opened(): void {
    const { provider, context, readyTimeoutMs = 15_000 } = this.#options
    this.#clock.passed('dial')
    this.#lastError = this.#diagnosis = null
    this.#readyTimer = setTimeout(() => this.#fail(readyTimeout(readyTimeoutMs)), readyTimeoutMs)
    for (const event of provider.open(context())) this.#handle(event)
  }

  #received(data: string | ArrayBuffer): void {
    const { provider, onmessage } = this.#options
    clearTimeout(this.#stallTimer)
    this.#bytesReceived += byteLength(data)
    onmessage('in', data)
    for (const event of provider.decode(data)) this.#handle(event)
    if (this.#ready) this.#socket.ready()
  }

  #handle(event: ProviderEvent): void {
    // Whoever was told of a message may have ended it before the message has taken effect.
    if (this.#closed) return
    switch (event.type) {
      case 'reply':
        this.#transmit(event.data)
        break
      case 'ready':
        this.#becomeReady()
        break
      case 'closed':
        this.#finished?.()
        break
      case 'error':
        if (event.fatal) this.#fail(event.error)
        else this.#options.onevent(event)
        break
      default:
        this.#options.onevent(event)
    }
  }

  #becomeReady(): void {
    clearTimeout(this.#readyTimer)
    this.#clock.passed('handshake')
    this.#ready = true
    // Later ones count as ready with a message of the server: where there is no handshake, it may accept and drop.
    if (!this.#wasReady) this.#socket.ready()
    this.#wasReady = true
    this.#keptAliveAt = this.#leftAt = performance.now()
    this.#ticker = setInterval(() => this.#tick(), TICK_MS)
    this.#options.onready()
    if (this.#ready) this.#uplink.open()
  }

  #tick(): void {
    const now = performance.now()
    const waiting = this.#socket.bufferedAmount
    if (waiting === 0 || this.#bytesSent - waiting !== this.#left) {
      this.#left = this.#bytesSent - waiting
      this.#leftAt = now
    } else if (now - this.#leftAt >= STUCK_MS) {
      this.#fail(lost('The line takes nothing any more'))
      return
    }
    const { keepAlive } = this.#options.provider
    // A line on which something waits is alive, and what stands for silence would take the place of speech there.
    if (!keepAlive || waiting > 0 || this.#finished) return
    const due = Math.max(this.#keptAliveAt, this.#uplink.lastSentAt) + keepAlive.intervalMs
    if (now < due) return
    // What stands for silence is to last as long as it.
    this.#keptAliveAt = now - due < keepAlive.intervalMs ? due : now
    this.#transmit(keepAlive.data)
  }

  /** A line can break without a word: the server then stays silent though it was asked. */
  #expectAnswer(): void {
    const { stallTimeoutMs = 20_000 } = this.#options
    clearTimeout(this.#stallTimer)
    this.#stallTimer = setTimeout(
      () => this.#fail(lost(`The server has said nothing for ${stallTimeoutMs} ms`)),
      stallTimeoutMs,
    )
  }

  #transmit(data: WireData): void {
    this.#bytesSent += byteLength(data)
    this.#options.onmessage('out', data)
    this.#socket.send(data)
  }

  /** The provider cannot go on over this socket: begin anew where that may help, end it where not. */
  #fail(error: VoiceError): void {
    this.#lastError = error
    if (this.#finished) {
      this.#finished()
    } else if (this.#wasReady && error.retryable) {
      this.#socket.restart(1006, error.message)
    } else {
      this.#socket.close()
      this.#ended(error)
    }
  }

  #lost(error: VoiceError | null): void {
    this.#disarm()
    this.#options.onlost(error)
  }

  #isFatal(loss: Loss): boolean | Promise<boolean> {
    // Nothing was lost that is still wanted.
    if (this.#finished) return true
    if ('cause' in loss) return !endpointError(loss.cause).retryable
    const { code, opened } = loss.close
    if (opened) return this.#options.provider.isFatalClose?.(code) ?? isFatalClose(code)
    return this.#options.diagnose().then((diagnosis) => {
      this.#diagnosis = diagnosis
      return diagnosis?.retryable === false
    })
  }

  async #explain(loss: Loss): Promise<void> {
    if (this.#finished) {
      this.#finished()
      return
    }
    if ('close' in loss && !loss.close.opened) this.#diagnosis ??= await this.#options.diagnose()
    this.#ended(this.#reason(loss))
  }

  #ended(error: VoiceError): void {
    this.#disarm()
    this.#options.onend(error)
  }

  #disarm(): void {
    this.#ready = false
    this.#uplink.close()
    clearTimeout(this.#readyTimer)
    clearTimeout(this.#stallTimer)
    clearInterval(this.#ticker)
  }

  #reason(loss: Loss): VoiceError {
    if ('cause' in loss) return endpointError(loss.cause)
    const known = loss.close.opened ? this.#lastError : this.#diagnosis
    return known ?? closeError(loss.close, this.#wasReady)
  }
}

function byteLength(data: WireData): number {
  return typeof data === 'string' ? data.length : data.byteLength
}

function lost(message: string): VoiceError {
  return new VoiceError('connection-lost', message)
}

function readyTimeout(ms: number): VoiceError {
  return new VoiceError('ready-timeout', `The agent was not ready within ${ms} ms`)
}

/** What `getToken` threw is the application's own and passes unchanged where it is an error of ours. */
function endpointError(cause: unknown): VoiceError {
  if (cause instanceof VoiceError) return cause
  if (cause instanceof DOMException && cause.name === 'SyntaxError') {
    const text = 'The address or a subprotocol is not one that WebSocket takes'
    return new VoiceError('connection-failed', text, { retryable: false, cause })
  }
  return new VoiceError('token-failed', 'getToken did not return a token', { cause })
}
