import type { Socket } from 'node:net'
import { encodeClose, encodeMessage, OPCODE } from '../../server/node/src/relay/wire.ts'
import { now } from './clock.ts'
import {
  type Found,
  type Kind,
  LightWalker,
  microsOf,
  type Shape,
  sequenceOf,
  shapeOf,
  Template,
} from './messages.ts'

/** Between two messages of one side of a session. */
const PERIOD_MS = 20
/** How many times of arrival are kept between two looks. */
const MOST_TIMES = 500_000

/** What one end of all sessions saw since it began, and the times that messages took since the last look. */
export interface Tally {
  readonly sent: number
  readonly received: number
  /** Messages that came behind a later one of their session. */
  readonly reordered: number
  /** Messages that came as another type, of another length, or in pieces. */
  readonly changed: number
  /** From a message's stamp until its arrival, in ms. */
  readonly times: Float32Array
}

/** All sessions of one process: each sends a message every 20 ms, at moments of its own. */
export class Talkers {
  readonly fromClient: boolean
  readonly #talking = new Set<Talker>()
  readonly #times = new Float32Array(MOST_TIMES)
  #count = 0
  sent = 0
  received = 0
  reordered = 0
  changed = 0

  /** @param fromClient Whether these are the clients' ends. */
  constructor(fromClient: boolean) {
    this.fromClient = fromClient
    // The platform's finest timer: who is due within the same millisecond is served one after the other.
    setInterval(() => this.#tick(), 1)
  }

  start(talker: Talker): void {
    talker.dueAt = now() + Math.random() * PERIOD_MS
    this.#talking.add(talker)
  }

  stop(talker: Talker): void {
    this.#talking.delete(talker)
  }

  stopAll(): void {
    this.#talking.clear()
  }

  /** Forgets all counts and times. */
  reset(): void {
    this.#count = 0
    this.sent = this.received = this.reordered = this.changed = 0
  }

  /** Says what was seen, and begins to gather times anew. */
  look(): Tally {
    const { sent, received, reordered, changed } = this
    const times = this.#times.slice(0, this.#count)
    this.#count = 0
    return { sent, received, reordered, changed, times }
  }

  arrived(micros: number): void {
    this.received++
    if (this.#count < MOST_TIMES) this.#times[this.#count++] = now() - micros / 1000
  }

  #tick(): void {
    const time = now()
    for (const talker of this.#talking) {
      if (talker.dueAt > time) continue
      talker.dueAt += PERIOD_MS
      talker.say()
    }
  }
}

export interface TalkerOptions {
  readonly socket: Socket
  readonly kind: Kind
  /** Whether each message is answered with its own stamp, instead of being counted. */
  readonly echo?: boolean
}

const templates = new Map<string, Template>()

/** The template of a kind and direction; one for all sessions. */
export function templateOf(kind: Kind, fromClient: boolean): Template {
  const name = `${kind} ${fromClient}`
  const template = templates.get(name) ?? new Template(kind, fromClient)
  templates.set(name, template)
  return template
}

/** One end of one session. */
export class Talker {
  readonly socket: Socket
  readonly #talkers: Talkers
  readonly #walker = new LightWalker((found) => this.#take(found))
  readonly #template: Template
  /** Of what comes. */
  readonly #shape: Shape
  readonly #echo: boolean
  /** When the next message is to be sent, in ms of `now()`. */
  dueAt = 0
  /** What the other side closed with; null while it has not. */
  closeCode: number | null = null
  #sent = 0
  #expected = 0

  constructor(talkers: Talkers, { socket, kind, echo = false }: TalkerOptions) {
    this.socket = socket
    this.#talkers = talkers
    this.#template = templateOf(kind, talkers.fromClient)
    this.#shape = knownShape(kind, !talkers.fromClient)
    this.#echo = echo
    socket.on('data', (chunk: Buffer) => this.#walker.push(chunk))
    socket.on('end', () => socket.end())
    socket.on('close', () => talkers.stop(this))
    socket.resume()
  }

  say(): void {
    if (!this.socket.writable) return
    this.#talkers.sent++
    this.#template.send(this.socket, this.#sent++)
  }

  /** Takes what came behind the handshake. */
  takeHead(head: Buffer): void {
    if (head.length > 0) this.#walker.push(head)
  }

  /** Closes as a well-behaved client does. */
  close(): void {
    this.#talkers.stop(this)
    if (this.socket.writable)
      this.socket.write(encodeClose({ code: 1000, reason: '' }, this.#talkers.fromClient))
  }

  #take(found: Found): void {
    if (found.opcode >= OPCODE.close) {
      this.#control(found)
      return
    }
    const talkers = this.#talkers
    const { opcode, length } = this.#shape
    if (found.opcode !== opcode || found.length !== length || !found.final) {
      talkers.changed++
      return
    }
    const sequence = sequenceOf(found, this.#shape)
    const micros = microsOf(found, this.#shape)
    if (sequence < this.#expected) talkers.reordered++
    else this.#expected = sequence + 1
    talkers.arrived(micros)
    if (!this.#echo) return
    talkers.sent++
    this.#template.send(this.socket, sequence, micros)
  }

  #control({ opcode, bytes, payloadAt, length, masked }: Found): void {
    const toServer = this.#talkers.fromClient
    if (opcode === OPCODE.ping) {
      if (this.socket.writable) this.socket.write(encodeMessage(OPCODE.pong, Buffer.alloc(0), toServer))
      return
    }
    if (opcode !== OPCODE.close) return
    const mask = masked ? bytes.readUInt16BE(payloadAt - 4) : 0
    this.closeCode = length < 2 ? 1005 : bytes.readUInt16BE(payloadAt) ^ mask
    this.#talkers.stop(this)
    if (this.socket.writable) this.socket.end(encodeClose({ code: 1000, reason: '' }, toServer))
  }
}

const shapes = new Map<string, Shape>()

function knownShape(kind: Kind, fromClient: boolean): Shape {
  const name = `${kind} ${fromClient}`
  const shape = shapes.get(name) ?? shapeOf(kind, fromClient)
  shapes.set(name, shape)
  return shape
}
