import { randomUUID } from 'node:crypto'
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import type { WebSocket } from 'ws'
import type { AudioFormat } from './audio-format.ts'
import { AudioLog } from './audio-log.ts'
import { Emitter } from './emitter.ts'
import { parseJson } from './json.ts'
import { isObject } from './schema.ts'

/** Which provider's protocol a connection speaks. */
export type Protocol = 'openai-realtime' | 'deepgram-agent' | 'deepgram-listen' | 'deepgram-flux'

/** One text message as it passed. */
export interface LoggedMessage {
  /** When it passed, on the clock of `performance.now()`. */
  readonly at: number
  /** Its `type`, or an empty string where it has none or is not JSON. */
  readonly type: string
  /**
   * The parsed JSON, or the text itself where it is not JSON. Of OpenAI's audio messages the base64 is
   * replaced by its length, such as `"<1280 characters>"`: the bytes are in the audio logs.
   */
  readonly data: unknown
}

/** What the agent said in one item (OpenAI) or one utterance (Deepgram), byte for byte. */
export interface SpokenItem {
  /** OpenAI's item id; for Deepgram `utterance_1` and so on. */
  readonly itemId: string
  /** OpenAI's response id, else `null`. */
  readonly responseId: string | null
  readonly audio: AudioLog
  /** The words sent so far. */
  text: string
  /** Whether all of it was sent; `false` while it is being spoken and after it was cut off. */
  complete: boolean
  /** Where the client said that hearing ended, in whole milliseconds; `null` if it never did. */
  truncatedAtMs: number | null
}

/** How a connection ended. */
export interface Closed {
  readonly at: number
  /** RFC 6455 close code; 1006 when the line just broke. */
  readonly code: number
  readonly reason: string
  /** Who said it first. */
  readonly by: 'client' | 'emulator'
}

interface ConnectionEvents {
  /** A text message came in. */
  received: LoggedMessage
  /** A text message went out. */
  sent: LoggedMessage
  /** Sound came in: this many bytes of it. */
  audio: { readonly byteLength: number }
  close: Closed
}

/** One message on its way to the client. */
export interface Outgoing {
  /** Text or bytes, as they go out. */
  readonly data: string | Uint8Array
  /** What the text says, where it is known. */
  readonly message?: unknown
}

/** What stands between a session and its client, so that faults can be put in; see `fault-interceptor.ts`. */
export interface Interceptor {
  /** Delivers a message to the client, now or later, or loses it. Returns whether it is not lost. */
  outgoing(message: Outgoing): boolean
  /** Hands a message of the client on by calling `deliver`, now or later, or never. */
  incoming(deliver: () => void): void
  /** Closes by calling `close`, now or later. */
  closing(close: () => void): void
}

/** One client's connection: what it asked for at the handshake, and everything that passed since. */
export class EmulatorConnection extends Emitter<ConnectionEvents> {
  readonly id: string = randomUUID()
  readonly protocol: Protocol
  readonly path: string
  readonly query: URLSearchParams
  /** The headers of the upgrade request, credentials included: for tests, never for a log. */
  readonly headers: IncomingHttpHeaders
  /** The subprotocols offered, in order, credentials included. */
  readonly offered: readonly string[]
  /** The subprotocol answered; an empty string for none. */
  readonly subprotocol: string
  readonly openedAt: number = performance.now()
  readonly received: LoggedMessage[] = []
  readonly sent: LoggedMessage[] = []
  /** Every byte of the user's sound, in the order in which it came. */
  readonly input: AudioLog
  /** Everything the agent said, oldest first. */
  readonly spoken: SpokenItem[] = []
  closed: Closed | null = null
  interceptor: Interceptor = {
    outgoing: (message) => {
      this.deliver(message)
      return true
    },
    incoming: (deliver) => deliver(),
    closing: (close) => close(),
  }
  readonly #socket: WebSocket
  #closedByEmulator = false

  /** The emulator makes it; its declaration would need the types of `ws`. @internal */
  constructor(
    socket: WebSocket,
    request: IncomingMessage,
    { protocol, keepAudioMs }: { protocol: Protocol; keepAudioMs: number },
  ) {
    super()
    const url = new URL(request.url ?? '/', 'http://localhost')
    this.#socket = socket
    this.protocol = protocol
    this.path = url.pathname
    this.query = url.searchParams
    this.headers = request.headers
    this.offered = offeredSubprotocols(request)
    this.subprotocol = socket.protocol
    this.input = new AudioLog(keepAudioMs)
    socket.on('close', (code, reason) => this.#noteClose(code, reason.toString()))
    // A broken line is told by the close event that follows.
    socket.on('error', () => {})
  }

  /** Bytes handed to the socket that are not yet on their way. */
  get bufferedAmount(): number {
    return this.#socket.bufferedAmount
  }

  /** Whether messages can still be sent. */
  get open(): boolean {
    return this.#socket.readyState === this.#socket.OPEN
  }

  /** Sends a message as JSON text and notes it. */
  send(message: { readonly type: string } & Record<string, unknown>): void {
    if (this.open) this.interceptor.outgoing({ data: JSON.stringify(message), message })
  }

  /** Sends bytes as one binary message; returns whether they go out. */
  sendBinary(bytes: Uint8Array): boolean {
    return this.open && this.interceptor.outgoing({ data: bytes })
  }

  /** Writes a message to the socket, past every fault, and notes it where it is text. */
  deliver({ data, message }: Outgoing): void {
    if (!this.open) return
    this.#socket.send(data)
    if (typeof data !== 'string') return
    const entry = logged(message ?? parseJson(data) ?? data)
    this.sent.push(entry)
    this.emit('sent', entry)
  }

  /** Starts the log of one utterance of the agent. */
  startSpeaking(itemId: string, responseId: string | null): SpokenItem {
    const item: SpokenItem = {
      itemId,
      responseId,
      audio: new AudioLog(),
      text: '',
      complete: false,
      truncatedAtMs: null,
    }
    this.spoken.push(item)
    return item
  }

  /** Notes a text message that came in and returns it parsed; `undefined` if it is not JSON. */
  noteReceived(text: string): unknown {
    const data = parseJson(text)
    const entry = logged(data === undefined ? text : data)
    this.received.push(entry)
    this.emit('received', entry)
    return data
  }

  /** Notes sound that came in. */
  noteAudio(bytes: Uint8Array, format: AudioFormat): void {
    this.input.append(bytes, format)
    this.emit('audio', { byteLength: bytes.length })
  }

  /** Resolves with the first message received, earlier ones included, that has this type and passes `filter`. */
  whenReceived(type: string, filter: (data: never) => boolean = () => true): Promise<LoggedMessage> {
    return this.#when('received', type, filter)
  }

  /** Resolves with the first message sent, earlier ones included, that has this type and passes `filter`. */
  whenSent(type: string, filter: (data: never) => boolean = () => true): Promise<LoggedMessage> {
    return this.#when('sent', type, filter)
  }

  /** Closes with a code and a reason of at most 123 bytes. */
  close(code: number, reason: string): void {
    this.interceptor.closing(() => {
      this.#closedByEmulator = true
      this.#socket.close(code, reason)
    })
  }

  /** Breaks the line: no closing handshake. */
  terminate(): void {
    this.#closedByEmulator = true
    this.#socket.terminate()
  }

  /** Stops reading; what the client sends piles up on its side. */
  pause(): void {
    this.#socket.pause()
  }

  /** Reads on after `pause`. */
  resume(): void {
    this.#socket.resume()
  }

  #when(
    direction: 'received' | 'sent',
    type: string,
    filter: (data: never) => boolean,
  ): Promise<LoggedMessage> {
    const matches = (entry: LoggedMessage) => entry.type === type && filter(entry.data as never)
    const earlier = this[direction].find(matches)
    return earlier ? Promise.resolve(earlier) : this.once(direction, { filter: matches })
  }

  #noteClose(code: number, reason: string): void {
    const by = this.#closedByEmulator ? 'emulator' : 'client'
    this.closed = { at: performance.now(), code, reason, by }
    this.emit('close', this.closed)
  }
}

/** The subprotocols a request offers, in order. */
export function offeredSubprotocols(request: IncomingMessage): string[] {
  const header = request.headers['sec-websocket-protocol'] ?? ''
  return header
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
}

/** Messages whose base64 is kept as bytes elsewhere, and the field that holds it. */
const AUDIO_FIELDS: Readonly<Record<string, string>> = {
  'input_audio_buffer.append': 'audio',
  'response.output_audio.delta': 'delta',
}

function logged(data: unknown): LoggedMessage {
  const at = performance.now()
  const type = isObject(data) && typeof data['type'] === 'string' ? data['type'] : ''
  const field = AUDIO_FIELDS[type]
  if (!field || !isObject(data) || typeof data[field] !== 'string') return { at, type, data }
  return { at, type, data: { ...data, [field]: `<${data[field].length} characters>` } }
}
