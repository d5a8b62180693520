import { isUtf8 } from 'node:buffer'
import { ByteQueue } from './byte-queue.ts'
import { isWireCloseCode } from './close-codes.ts'
import { applyMask, OPCODE } from './wire.ts'

/**
 * A fragment up to this size is passed on when it is whole. Its receiver could not have used a part of it, and
 * a relay that has not passed on half a fragment can still say why it closes. Bigger ones are passed on as
 * they come, so memory does not grow with them.
 */
const MOST_HELD_BYTES = 64 * 1024

const INCOMPLETE = 0
const INVALID = -1

/** A breach of RFC 6455 or of a bound, and the close code that answers it. */
export interface Violation {
  readonly code: 1002 | 1007 | 1008 | 1009
  /** What was wrong, in words that hold nothing of the message. */
  readonly message: string
}

/** What a walker finds, in the order in which it came. */
export interface WalkerEvents {
  /** Bytes of data messages, to be passed on as they are. Control messages are never among them. */
  forward(bytes: Buffer): void
  /** A data message begins; `walker.peek` may be asked about it until this call returns. */
  message(binary: boolean): void
  ping(payload: Buffer): void
  pong(): void
  /** The peer's close; nothing follows. `code` is 1005 where it had none. */
  close(code: number, reason: string): void
  /** The peer broke the protocol or a bound; nothing follows. */
  violation(violation: Violation): void
}

export interface WalkerOptions {
  /** Whether the peer must mask: true for what a client sends, false for what a server sends. */
  readonly masked: boolean
  /** The greatest payload of one message over all its fragments, in bytes. */
  readonly maxMessageBytes: number
  /** The greatest number of fragments in one message. */
  readonly maxFragments: number
}

/**
 * Walks along the bytes of one direction of a WebSocket without touching them: finds where messages begin and
 * end, takes control messages out, checks what RFC 6455 demands, and hands the rest on. A client's bytes are
 * masked already, as the provider demands; the provider's need no mask. So nothing is unmasked, masked again
 * or copied, and what arrived as one chunk leaves as one.
 *
 * UTF-8 inside text messages is not checked: both endpoints must do that, and a fault there is theirs.
 *
 * It does no I/O, and chunks may be cut anywhere.
 */
export class MessageWalker {
  readonly #options: WalkerOptions
  readonly #events: WalkerEvents
  readonly #held = new ByteQueue()
  /** The beginning of a header or of a control message; its rest is in the next chunk. */
  #leftover: Buffer | null = null
  /** Payload bytes of the current fragment that have not come yet. */
  #remaining = 0
  /** Whether the current fragment is passed on as it comes. */
  #streaming = false
  #done = false
  /** Whether a message has begun whose last fragment has not been passed on. */
  #open = false
  #messageBytes = 0
  #fragments = 0
  #messages = 0
  // The header read last.
  #final = false
  #opcode = 0
  #length = 0
  #violation: Violation | null = null
  // What `peek` reads.
  #bytes: Buffer | null = null
  #payloadAt = 0

  constructor(options: WalkerOptions, events: WalkerEvents) {
    this.#options = options
    this.#events = events
  }

  /** Whether part of a fragment was passed on and the rest is to come: nothing may be put in between. */
  get midFragment(): boolean {
    return this.#streaming && this.#remaining > 0
  }

  /** Whether part of a message was passed on: only control messages may be put in between. */
  get midMessage(): boolean {
    return this.#open || this.midFragment
  }

  /** Whether part of a fragment is kept until the rest of it comes. */
  get holding(): boolean {
    return this.#held.bytes > 0
  }

  /** Whether the next chunk may be passed on in more than one piece. */
  get cuts(): boolean {
    return this.holding
  }

  /** How many data messages have begun. */
  get messages(): number {
    return this.#messages
  }

  /**
   * Walks along the next chunk.
   *
   * @param chunk Any number of bytes; the walker and whoever it hands them to own them from now on.
   */
  push(chunk: Buffer): void {
    if (this.#done) return
    const bytes = this.#leftover === null ? chunk : Buffer.concat([this.#leftover, chunk])
    this.#leftover = null
    let position = this.#continueFragment(bytes)
    let start = this.#remaining > 0 ? position : 0
    while (position < bytes.length) {
      const headerBytes = this.#readHeader(bytes, position)
      if (headerBytes === INVALID) {
        this.#fail(bytes, start, position)
        return
      }
      const end = position + headerBytes + this.#length
      const control = this.#opcode >= OPCODE.close
      if (headerBytes === INCOMPLETE || (control && end > bytes.length)) {
        this.#forward(bytes, start, position)
        this.#leftover = Buffer.from(bytes.subarray(position)) // a copy, or it would pin the whole chunk
        return
      }
      if (control) {
        this.#forward(bytes, start, position)
        this.#control(bytes, end)
        if (this.#done) return
        start = end
      } else {
        this.#begin(bytes, position + headerBytes)
        if (end > bytes.length) {
          this.#beginPart(bytes, start, position, end)
          return
        }
        this.#open = !this.#final
      }
      position = end
    }
    this.#forward(bytes, start, position)
  }

  /**
   * The first bytes of the message that begins, as Latin-1 text: as many as are here, at most `length`.
   * Only while `message` is being called.
   */
  peek(length: number): string {
    if (this.#bytes === null) return ''
    const at = this.#payloadAt
    const payload = this.#bytes.subarray(at, at + Math.min(length, this.#length))
    if (!this.#options.masked) return payload.toString('latin1')
    return this.#unmasked(this.#bytes, at, payload.length).toString('latin1')
  }

  /** Takes what belongs to the fragment that an earlier chunk began; gives where the next header is. */
  #continueFragment(bytes: Buffer): number {
    if (this.#remaining === 0) return 0
    if (bytes.length < this.#remaining) {
      this.#remaining -= bytes.length
      if (this.#streaming) this.#events.forward(bytes)
      else this.#held.push(bytes)
      return bytes.length
    }
    const end = this.#remaining
    this.#remaining = 0
    this.#open = !this.#final
    for (const piece of this.#held.take()) this.#events.forward(piece)
    return end
  }

  /** The current fragment ends in a later chunk. */
  #beginPart(bytes: Buffer, start: number, position: number, end: number): void {
    this.#remaining = end - bytes.length
    this.#streaming = end - position > MOST_HELD_BYTES
    this.#forward(bytes, start, this.#streaming ? bytes.length : position)
    if (!this.#streaming) this.#held.push(bytes.subarray(position))
  }

  /** A data fragment begins, and is within all bounds. */
  #begin(bytes: Buffer, payloadAt: number): void {
    const first = this.#opcode !== OPCODE.continuation
    this.#messageBytes = (first ? 0 : this.#messageBytes) + this.#length
    this.#fragments = (first ? 0 : this.#fragments) + 1
    if (!first) return
    this.#messages += 1
    this.#bytes = bytes
    this.#payloadAt = payloadAt
    this.#events.message(this.#opcode === OPCODE.binary)
    this.#bytes = null
  }

  #control(bytes: Buffer, end: number): void {
    const payloadAt = end - this.#length
    switch (this.#opcode) {
      case OPCODE.ping:
        this.#events.ping(this.#payload(bytes, payloadAt))
        return
      case OPCODE.pong:
        this.#events.pong()
        return
      default:
        this.#close(this.#payload(bytes, payloadAt))
        return
    }
  }

  #close(payload: Buffer): void {
    this.#done = true
    if (payload.length === 0) {
      this.#events.close(1005, '')
      return
    }
    const code = payload.readUInt16BE(0)
    const reason = payload.subarray(2)
    if (!isWireCloseCode(code)) {
      this.#events.violation({ code: 1002, message: 'a close has a code that may not be sent' })
    } else if (!isUtf8(reason)) {
      this.#events.violation({ code: 1007, message: 'a close has a reason that is not UTF-8' })
    } else {
      this.#events.close(code, reason.toString())
    }
  }

  #fail(bytes: Buffer, start: number, position: number): void {
    this.#forward(bytes, start, position)
    this.#done = true
    this.#events.violation(this.#violation!)
  }

  #forward(bytes: Buffer, start: number, end: number): void {
    if (start === 0 && end === bytes.length) this.#events.forward(bytes)
    else if (start < end) this.#events.forward(bytes.subarray(start, end))
  }

  /**
   * Reads the header at `at` into the fields above; a breach is seen as soon as its byte is here.
   *
   * @returns The header's length, `INCOMPLETE`, or `INVALID` with `#violation` set.
   */
  #readHeader(bytes: Buffer, at: number): number {
    const available = bytes.length - at
    if (available < 2) return INCOMPLETE
    const first = bytes[at]!
    const second = bytes[at + 1]!
    this.#final = (first & 0x80) !== 0
    this.#opcode = first & 0x0f
    this.#length = second & 0x7f
    this.#violation = this.#judgeStart(first, second)
    if (this.#violation !== null) return INVALID
    const lengthBytes = this.#length < 126 ? 0 : this.#length === 126 ? 2 : 8
    if (available < 2 + lengthBytes) return INCOMPLETE
    if (lengthBytes > 0) this.#length = readLength(bytes, at + 2, lengthBytes)
    this.#violation = this.#judgeLength(lengthBytes)
    if (this.#violation !== null) return INVALID
    const headerBytes = 2 + lengthBytes + (this.#options.masked ? 4 : 0)
    return available < headerBytes ? INCOMPLETE : headerBytes
  }

  #judgeStart(first: number, second: number): Violation | null {
    const opcode = this.#opcode
    if ((first & 0x70) !== 0) return breach('a reserved bit is set')
    if (opcode > OPCODE.pong || (opcode > OPCODE.binary && opcode < OPCODE.close)) {
      return breach('an opcode is unknown')
    }
    if (((second & 0x80) !== 0) !== this.#options.masked) {
      return breach(this.#options.masked ? 'a mask is missing' : 'a mask is set')
    }
    if (opcode >= OPCODE.close) return this.#judgeControl()
    if (opcode === OPCODE.continuation && !this.#open) return breach('a message begins with a continuation')
    if (opcode !== OPCODE.continuation && this.#open) return breach('a message begins inside another')
    return null
  }

  #judgeControl(): Violation | null {
    if (!this.#final) return breach('a control message is fragmented')
    if (this.#length > 125) return breach('a control message is longer than 125 bytes')
    if (this.#opcode === OPCODE.close && this.#length === 1) return breach('a close has one byte')
    return null
  }

  #judgeLength(lengthBytes: number): Violation | null {
    if (this.#opcode >= OPCODE.close) return null
    if (lengthBytes === 2 && this.#length < 126) return breach('a length is not written in its shortest form')
    if (lengthBytes === 8 && this.#length < 65536)
      return breach('a length is not written in its shortest form')
    const continued = this.#opcode === OPCODE.continuation
    const { maxMessageBytes, maxFragments } = this.#options
    if ((continued ? this.#messageBytes : 0) + this.#length > maxMessageBytes) {
      return { code: 1009, message: `a message is longer than ${maxMessageBytes} bytes` }
    }
    if (continued && this.#fragments >= maxFragments) {
      return { code: 1008, message: `a message has more than ${maxFragments} fragments` }
    }
    return null
  }

  #payload(bytes: Buffer, at: number): Buffer {
    if (this.#options.masked) return this.#unmasked(bytes, at, this.#length)
    return bytes.subarray(at, at + this.#length)
  }

  /** A copy, as the bytes themselves may still have to be passed on. */
  #unmasked(bytes: Buffer, at: number, length: number): Buffer {
    const payload = Buffer.from(bytes.subarray(at, at + length))
    applyMask(payload, bytes.subarray(at - 4, at))
    return payload
  }
}

function breach(message: string): Violation {
  return { code: 1002, message }
}

/** A length beyond 2^53 loses precision, never its size: it is over every bound. */
function readLength(bytes: Buffer, at: number, lengthBytes: number): number {
  if (lengthBytes === 2) return bytes.readUInt16BE(at)
  return bytes.readUInt32BE(at) * 2 ** 32 + bytes.readUInt32BE(at + 4)
}
