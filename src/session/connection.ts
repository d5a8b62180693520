import { VoiceError } from '../errors.ts'
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
import { AudioBacklog } from './audio-backlog.ts'
import { closeError, isFatalClose } from './close.ts'

export interface ConnectionOptions {
  readonly provider: Provider
  readonly endpoint: (signal: AbortSignal) => Promise<Endpoint>
  /** Asked once where the first dial fails: a better reason than the close code, or null. */
  readonly diagnose: () => Promise<VoiceError | null>
  /** Asked at every connect. */
  readonly context: () => SessionContext
  readonly reconnect?: ReconnectOptions
  readonly WebSocket?: typeof WebSocket
  /** From the open socket to the provider's readiness, in ms; default 15 000. */
  readonly readyTimeoutMs?: number
  readonly onready: () => void
  /** What the provider says, without what concerns the handshake alone. */
  readonly onevent: (event: ProviderEvent) => void
  readonly onmessage: (direction: 'in' | 'out', data: WireData) => void
  /** The line was lost; another attempt follows. */
  readonly onlost: (error: VoiceError) => void
  /** It is over for good. */
  readonly onend: (error: VoiceError) => void
}

/** How much microphone audio waits while there is no line, in ms. */
const BACKLOG_MS = 2000

/** More than this in the socket's own buffer means that the network is slower than speech, in ms of sound. */
const CONGESTION_MS = 1000

/** How often to look whether a keep-alive message is due, in ms. */
const KEEP_ALIVE_TICK_MS = 1000

/**
 * One conversation with a provider over whatever sockets it takes: nothing but the handshake is sent before
 * the provider is ready, on every socket anew; audio waits, bounded, until it can leave.
 */
export class Connection {
  readonly #options: ConnectionOptions
  readonly #socket: ReconnectingWebSocket
  readonly #backlog: AudioBacklog
  #ready = false
  #wasReady = false
  /** What the provider said was wrong, in case a close follows that does not say it. */
  #lastError: VoiceError | null = null
  #readyTimer: ReturnType<typeof setTimeout> | undefined
  #keepAliveTimer: ReturnType<typeof setInterval> | undefined
  #lastAudioAt = 0
  #bytesSent = 0
  #bytesReceived = 0

  constructor(options: ConnectionOptions) {
    const { provider, endpoint, reconnect, WebSocket } = options
    this.#options = options
    this.#backlog = new AudioBacklog(provider.inputFormat.sampleRate, BACKLOG_MS)
    this.#socket = new ReconnectingWebSocket({
      ...reconnect,
      ...(WebSocket && { WebSocket }),
      endpoint,
      isFatal: (loss) => this.#isFatal(loss),
      onopen: () => this.#opened(),
      onmessage: (data) => this.#received(data),
      onretry: (_attempt, loss) => this.#lost(this.#reason(loss)),
      onend: (loss) => void this.#explain(loss),
    })
  }

  /** Payload bytes of messages sent and received, and microphone audio given up, in ms. */
  get stats(): { bytesSent: number; bytesReceived: number; droppedMs: number } {
    const { droppedMs } = this.#backlog
    return { bytesSent: this.#bytesSent, bytesReceived: this.#bytesReceived, droppedMs }
  }

  open(): void {
    void this.#socket.connect()
  }

  /** Sends a command, or nothing where the provider is not ready. */
  send(command: Command): void {
    if (!this.#ready) return
    for (const data of this.#options.provider.encode(command)) this.#transmit(data)
  }

  /** Sends a chunk now, or a copy as soon as there is a line that takes it. */
  sendAudio(pcm: Int16Array<ArrayBuffer>): void {
    if (this.#ready) this.#flush()
    if (this.#ready && this.#backlog.empty && !this.#congested) this.#transmitAudio(pcm)
    else this.#backlog.push(pcm)
  }

  /** Ends it: nothing is sent, received or dialled afterwards. */
  close(): void {
    this.#disarm()
    this.#socket.close()
  }

  #opened(): void {
    const { provider, context, readyTimeoutMs = 15_000 } = this.#options
    this.#lastError = null
    this.#readyTimer = setTimeout(() => this.#fail(readyTimeout(readyTimeoutMs)), readyTimeoutMs)
    for (const event of provider.open(context())) this.#handle(event)
  }

  #received(data: string | ArrayBuffer): void {
    const { provider, onmessage } = this.#options
    this.#bytesReceived += byteLength(data)
    onmessage('in', data)
    for (const event of provider.decode(data)) this.#handle(event)
  }

  #handle(event: ProviderEvent): void {
    switch (event.type) {
      case 'reply':
        this.#transmit(event.data)
        break
      case 'ready':
        this.#becomeReady()
        break
      case 'error':
        this.#lastError = event.error
        if (event.fatal) this.#fail(event.error)
        else this.#options.onevent(event)
        break
      default:
        this.#options.onevent(event)
    }
  }

  #becomeReady(): void {
    clearTimeout(this.#readyTimer)
    this.#ready = true
    this.#wasReady = true
    this.#socket.ready()
    this.#keepAlive()
    this.#options.onready()
    this.#flush()
  }

  #flush(): void {
    while (!this.#congested) {
      const chunk = this.#backlog.shift()
      if (!chunk) return
      this.#transmitAudio(chunk)
    }
  }

  get #congested(): boolean {
    const { sampleRate } = this.#options.provider.inputFormat
    return this.#socket.bufferedAmount >= (CONGESTION_MS / 1000) * sampleRate * 2
  }

  #transmitAudio(pcm: Int16Array<ArrayBuffer>): void {
    this.#lastAudioAt = performance.now()
    this.#transmit(this.#options.provider.encodeAudio(pcm))
  }

  #keepAlive(): void {
    const { keepAlive } = this.#options.provider
    if (!keepAlive) return
    this.#lastAudioAt = performance.now()
    this.#keepAliveTimer = setInterval(() => {
      if (performance.now() - this.#lastAudioAt < keepAlive.intervalMs) return
      this.#lastAudioAt = performance.now()
      this.#transmit(keepAlive.data)
    }, KEEP_ALIVE_TICK_MS)
  }

  #transmit(data: WireData): void {
    this.#bytesSent += byteLength(data)
    this.#options.onmessage('out', data)
    this.#socket.send(data)
  }

  /** The provider cannot go on over this socket: begin anew where that may help, end it where not. */
  #fail(error: VoiceError): void {
    this.#lastError = error
    if (this.#wasReady && error.retryable) {
      this.#socket.restart(1006, error.message)
      return
    }
    this.#socket.close()
    this.#ended(error)
  }

  #lost(error: VoiceError): void {
    this.#disarm()
    this.#options.onlost(error)
  }

  #isFatal(loss: Loss): boolean {
    if ('cause' in loss) return !endpointError(loss.cause).retryable
    const { code } = loss.close
    return this.#options.provider.isFatalClose?.(code) ?? isFatalClose(code)
  }

  async #explain(loss: Loss): Promise<void> {
    const refused = 'close' in loss && !loss.close.opened && !this.#wasReady
    const diagnosis = refused ? await this.#options.diagnose() : null
    this.#ended(diagnosis ?? this.#reason(loss))
  }

  #ended(error: VoiceError): void {
    this.#disarm()
    this.#options.onend(error)
  }

  #disarm(): void {
    this.#ready = false
    clearTimeout(this.#readyTimer)
    clearInterval(this.#keepAliveTimer)
  }

  #reason(loss: Loss): VoiceError {
    if ('cause' in loss) return endpointError(loss.cause)
    return this.#lastError ?? closeError(loss.close, this.#wasReady)
  }
}

function byteLength(data: WireData): number {
  return typeof data === 'string' ? data.length : data.byteLength
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
