import type { Socket } from 'node:net'
import { demand, show, Violation, within } from './violation.ts'
import { closePayload, encodeFragment, type Fragment, FragmentReader, OPCODE } from './wire.ts'

/** How long a rule waits for something that must come and has no time of its own in the protocol, in ms. */
export const PATIENCE_MS = 8000

/** One message that came. */
export interface Received {
  readonly data: Buffer
  readonly binary: boolean
}

/** How a WebSocket ended: with a close (`code` as it stood there, 1005 without one), or 1006 where none came. */
export interface Closing {
  readonly code: number
  readonly reason: string
}

export interface PeerOptions {
  /** Whether it is the client, which masks. */
  readonly client: boolean
  /** What came right behind the handshake. */
  readonly head: Buffer
}

/**
 * One end of a WebSocket on a bare socket: it says what a rule has it say, right or wrong, and takes down all
 * that comes. It answers pings and closes as RFC 6455 wants unless it is told not to.
 */
export class Peer {
  readonly socket: Socket
  /** Ends with the close that came, or with the connection. */
  readonly closing: Promise<Closing>
  /** Ends when the connection is gone. */
  readonly gone: Promise<void>
  /** The payloads of the control messages that came. */
  readonly pings: Buffer[] = []
  readonly pongs: Buffer[] = []
  /** What came that RFC 6455 does not let the other side send. */
  readonly breaches: string[] = []
  /** Whether pings are answered. */
  answersPings = true
  /** Whether a close is answered. */
  answersClose = true
  /** Bytes of all messages that came. */
  bytes = 0
  readonly #client: boolean
  readonly #reader = new FragmentReader()
  readonly #received: Received[] = []
  #parts: Buffer[] = []
  #binary: boolean | null = null
  #closing: Closing | null = null
  #gone = false
  #closeSent = false
  #wake: (() => void)[] = []
  readonly #closingResolved = Promise.withResolvers<Closing>()

  constructor(socket: Socket, { client, head }: PeerOptions) {
    this.socket = socket
    this.#client = client
    this.closing = this.#closingResolved.promise
    this.gone = new Promise((resolve) => {
      const end = () => {
        this.#gone = true
        this.#close({ code: 1006, reason: '' })
        resolve()
        this.#stir()
      }
      if (socket.destroyed) end()
      else socket.once('close', end)
    })
    socket.on('error', () => {}) // 'close' follows
    socket.on('end', () => socket.end())
    socket.on('data', (chunk: Buffer) => this.#take(chunk))
    if (head.length > 0) this.#take(head)
  }

  get isGone(): boolean {
    return this.#gone
  }

  /** How many messages wait to be read by the rule. */
  get waiting(): number {
    return this.#received.length
  }

  /** Sends one whole message: text for a string, binary for bytes. */
  send(data: string | Buffer): void {
    this.fragment(typeof data === 'string' ? OPCODE.text : OPCODE.binary, data)
  }

  /** Sends one fragment, or a control message. */
  fragment(
    opcode: number,
    payload: string | Buffer,
    options: { final?: boolean; masked?: boolean; reserved?: number; declared?: number } = {},
  ): void {
    this.write(encodeFragment(opcode, payload, { masked: this.#client, ...options }))
  }

  ping(payload: string): void {
    this.fragment(OPCODE.ping, payload)
  }

  /** Begins the close; 1005: without a code. */
  close(code = 1000, reason: string | Buffer = ''): void {
    this.#closeSent = true
    this.fragment(OPCODE.close, closePayload(code, reason))
  }

  /** Ends the connection without a close, as a process that is killed does. */
  reset(): void {
    this.socket.resetAndDestroy?.() ?? this.socket.destroy()
  }

  write(bytes: Buffer): void {
    if (!this.socket.destroyed) this.socket.write(bytes)
  }

  /** Reads nothing more until `resume`. */
  pause(): void {
    this.socket.pause()
  }

  resume(): void {
    this.socket.resume()
  }

  /** The next message. @throws {Violation} Where none comes, or the connection ends before. */
  async next(what = 'a message'): Promise<Received> {
    await this.until(() => this.#received.length > 0 || this.#closing !== null, what)
    const received = this.#received.shift()
    if (received !== undefined) return received
    throw new Violation(`in place of ${what} came ${describe(this.#closing!)}`)
  }

  /** The next message, which must be JSON text. */
  async nextJson(what = 'a message'): Promise<Record<string, unknown>> {
    const { data, binary } = await this.next(what)
    const value = binary ? null : parse(data.toString())
    demand(typeof value === 'object' && value !== null, `in place of ${what} came ${show(data.toString())}`)
    return value as Record<string, unknown>
  }

  /** The next JSON message for which `test` holds; others are passed over. */
  async find(
    test: (message: Record<string, unknown>) => boolean,
    what: string,
  ): Promise<Record<string, unknown>> {
    for (;;) {
      const { data, binary } = await this.next(what)
      const value = binary ? null : parse(data.toString())
      if (typeof value === 'object' && value !== null && test(value as Record<string, unknown>)) {
        return value as Record<string, unknown>
      }
    }
  }

  /** All messages that came and that nobody has read, as text. */
  drain(): string[] {
    return this.#received.splice(0).map(({ data }) => data.toString())
  }

  /** Waits until `test` holds; it is asked after everything that comes. @throws {Violation} After `ms`. */
  async until(test: () => boolean, what: string, ms = PATIENCE_MS): Promise<void> {
    let waits = true
    const wait = async () => {
      while (waits && !test()) await new Promise<void>((resolve) => this.#wake.push(resolve))
    }
    try {
      await within(ms, wait(), what)
    } finally {
      waits = false
    }
  }

  /** How the other side ended it. @throws {Violation} Where it does not within `ms`. */
  closed(ms = PATIENCE_MS): Promise<Closing> {
    return within(ms, this.closing, 'a close')
  }

  #take(chunk: Buffer): void {
    for (const fragment of this.#reader.push(chunk)) this.#judge(fragment)
    this.#stir()
  }

  #judge(fragment: Fragment): void {
    const { opcode, payload, masked, reserved } = fragment
    if (masked === this.#client) this.breaches.push(masked ? 'a masked message' : 'an unmasked message')
    if (reserved !== 0) this.breaches.push('a reserved bit')
    if (this.#closing !== null) this.breaches.push('something after the close')
    switch (opcode) {
      case OPCODE.ping:
        this.pings.push(Buffer.from(payload))
        if (this.answersPings) this.fragment(OPCODE.pong, payload)
        return
      case OPCODE.pong:
        this.pongs.push(Buffer.from(payload))
        return
      case OPCODE.close:
        this.#takeClose(payload)
        return
      default:
        this.#takeData(fragment)
    }
  }

  #takeData({ opcode, payload, final }: Fragment): void {
    this.bytes += payload.length
    if (opcode !== OPCODE.continuation) this.#binary = opcode === OPCODE.binary
    this.#parts.push(payload)
    if (!final) return
    this.#received.push({ data: Buffer.concat(this.#parts), binary: this.#binary === true })
    this.#parts = []
  }

  #takeClose(payload: Buffer): void {
    const code = payload.length >= 2 ? payload.readUInt16BE(0) : 1005
    this.#close({ code, reason: payload.subarray(2).toString() })
    if (!this.answersClose) return
    if (!this.#closeSent) this.fragment(OPCODE.close, payload)
    this.socket.end()
  }

  #close(closing: Closing): void {
    if (this.#closing !== null) return
    this.#closing = closing
    this.#closingResolved.resolve(closing)
  }

  #stir(): void {
    for (const wake of this.#wake.splice(0)) wake()
  }
}

/** An end in words. */
export function describe({ code, reason }: Closing): string {
  if (code === 1006) return 'the end of the connection without a close'
  return `a close with ${code === 1005 ? 'no code' : code}${reason === '' ? '' : ` ${show(reason)}`}`
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null // it is no JSON, which is for the caller to say
  }
}
