import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import { applyMask, OPCODE } from '../../server/node/src/relay/wire.ts'
import { now } from './clock.ts'

/** 20 ms of 24 kHz PCM16, as it is or as base64 in the message of OpenAI Realtime that carries it. */
export type Kind = 'binary' | 'json'

const CHUNK_BYTES = 960
/** A number and a time, in µs, are written as so many digits each: valid inside JSON, and quickly read. */
const DIGITS = 10
const ZERO = 48

const STAMP = 'S'.repeat(DIGITS) + 'T'.repeat(DIGITS)

/** @returns The payload that a client or a provider sends, with `STAMP` in it. */
function payload(kind: Kind, fromClient: boolean): Buffer {
  const sound = randomBytes(CHUNK_BYTES)
  if (kind === 'binary') return Buffer.concat([Buffer.from(STAMP), sound.subarray(STAMP.length)])
  const event = { event_id: `event_${STAMP}` }
  const message = fromClient
    ? { type: 'input_audio_buffer.append', ...event, audio: sound.toString('base64') }
    : {
        type: 'response.output_audio.delta',
        ...event,
        response_id: 'resp_C9CKz2BrDU4iGbkPXfdT1',
        item_id: 'item_C9CKzPmCw3GsqWxqZ8Vk0',
        output_index: 0,
        content_index: 0,
        delta: sound.toString('base64'),
      }
  return Buffer.from(JSON.stringify(message))
}

/** What every message of a kind and direction looks like. */
export interface Shape {
  readonly opcode: number
  readonly length: number
  /** Where in the payload its stamp is. */
  readonly stampOffset: number
}

export function shapeOf(kind: Kind, fromClient: boolean): Shape {
  const data = payload(kind, fromClient)
  return { opcode: opcodeOf(kind), length: data.length, stampOffset: data.indexOf(STAMP) }
}

function opcodeOf(kind: Kind): number {
  return kind === 'binary' ? OPCODE.binary : OPCODE.text
}

/** A message that was built and masked beforehand; only its stamp is written anew each time. */
export class Template {
  #bytes: Buffer
  readonly #stampAt: number
  /** What the digits are masked with; zeros towards a client. */
  readonly #mask: Buffer

  constructor(kind: Kind, fromClient: boolean) {
    const data = payload(kind, fromClient)
    const stampOffset = data.indexOf(STAMP)
    const head = Buffer.from([0x80 | opcodeOf(kind), (fromClient ? 0x80 : 0) | 126, 0, 0])
    head.writeUInt16BE(data.length, 2)
    // Not zeros, for which `ws` would not unmask at all.
    const mask = fromClient ? Buffer.from([0x37, 0xfa, 0x21, 0x3d]) : Buffer.alloc(0)
    if (fromClient) applyMask(data, mask)
    this.#bytes = Buffer.concat([head, mask, data])
    this.#stampAt = head.length + mask.length + stampOffset
    this.#mask = Buffer.alloc(DIGITS * 2)
    if (fromClient) {
      for (let index = 0; index < this.#mask.length; index++) {
        this.#mask[index] = mask[(stampOffset + index) & 3]!
      }
    }
  }

  /** Sends the message. @param micros Default: now. */
  send(socket: Socket, sequence: number, micros: number = Math.round(now() * 1000)): void {
    this.#writeDigits(sequence, 0)
    this.#writeDigits(micros, DIGITS)
    socket.write(this.#bytes)
    // The kernel took it at once, or else the bytes now belong to the socket.
    if (socket.writableLength > 0) this.#bytes = Buffer.from(this.#bytes)
  }

  /** @returns At least `bytes` bytes of whole messages. */
  block(bytes: number): Buffer {
    return Buffer.concat(Array.from({ length: Math.ceil(bytes / this.#bytes.length) }, () => this.#bytes))
  }

  #writeDigits(value: number, from: number): void {
    let rest = value
    for (let index = from + DIGITS - 1; index >= from; index--) {
      const tenth = Math.floor(rest / 10)
      this.#bytes[this.#stampAt + index] = (ZERO + rest - tenth * 10) ^ this.#mask[index]!
      rest = tenth
    }
  }
}

/** One message on the wire, as a walker found it. */
export interface Found {
  bytes: Buffer
  opcode: number
  final: boolean
  length: number
  payloadAt: number
  masked: boolean
}

function readDigits({ bytes, payloadAt, masked }: Found, from: number): number {
  let value = 0
  for (let index = from; index < from + DIGITS; index++) {
    const mask = masked ? bytes[payloadAt - 4 + (index & 3)]! : 0
    value = value * 10 + (bytes[payloadAt + index]! ^ mask) - ZERO
  }
  return value
}

/** The number of a message. */
export function sequenceOf(found: Found, { stampOffset }: Shape): number {
  return readDigits(found, stampOffset)
}

/** When a message was sent, in µs. */
export function microsOf(found: Found, { stampOffset }: Shape): number {
  return readDigits(found, stampOffset + DIGITS)
}

/** Finds messages in a stream of chunks; copies only what a chunk's end cuts through. */
export class LightWalker {
  readonly #onMessage: (found: Found) => void
  readonly #found: Found = {
    bytes: Buffer.alloc(0),
    opcode: 0,
    final: true,
    length: 0,
    payloadAt: 0,
    masked: false,
  }
  #rest: Buffer | null = null

  /** @param onMessage What it is given is good until it returns. */
  constructor(onMessage: (found: Found) => void) {
    this.#onMessage = onMessage
  }

  push(chunk: Buffer): void {
    const bytes = this.#rest === null ? chunk : Buffer.concat([this.#rest, chunk])
    let at = 0
    for (let end = this.#read(bytes, at); end <= bytes.length; end = this.#read(bytes, at)) {
      this.#onMessage(this.#found)
      at = end
    }
    this.#rest = at === bytes.length ? null : Buffer.from(bytes.subarray(at))
  }

  /** @returns Where the message at `at` ends; beyond all bytes where that cannot be told yet. */
  #read(bytes: Buffer, at: number): number {
    if (bytes.length - at < 2) return Number.POSITIVE_INFINITY
    const second = bytes[at + 1]!
    const short = second & 0x7f
    const lengthBytes = short < 126 ? 0 : short === 126 ? 2 : 8
    const masked = (second & 0x80) !== 0
    const payloadAt = at + 2 + lengthBytes + (masked ? 4 : 0)
    if (payloadAt > bytes.length) return Number.POSITIVE_INFINITY
    const found = this.#found
    found.bytes = bytes
    found.opcode = bytes[at]! & 0x0f
    found.final = (bytes[at]! & 0x80) !== 0
    found.masked = masked
    found.payloadAt = payloadAt
    found.length =
      lengthBytes === 0 ? short : lengthBytes === 2 ? bytes.readUInt16BE(at + 2) : bytes.readUInt32BE(at + 6)
    return payloadAt + found.length
  }
}
