import { ByteQueue } from './byte-queue.ts'
import { applyMask, OPCODE } from './wire.ts'

/** One whole text or binary message. */
export class DataMessage {
  readonly binary: boolean
  /** Its bytes on the wire, where it came in one fragment; null where it came in several. */
  readonly raw: Buffer | null
  readonly #payload: Buffer
  readonly #mask: Buffer | null
  #unmasked: Buffer | null = null

  constructor(binary: boolean, raw: Buffer | null, payload: Buffer, mask: Buffer | null) {
    this.binary = binary
    this.raw = raw
    this.#payload = payload
    this.#mask = mask
  }

  /** What it says, unmasked; whoever does not ask does not pay for it. */
  get payload(): Buffer {
    this.#unmasked ??= this.#mask === null ? this.#payload : unmask(this.#payload, this.#mask)
    return this.#unmasked
  }
}

/**
 * Puts whole messages together from the bytes that a `MessageWalker` passes on. The walker has checked them
 * already: fragments are in order, complete and within their bounds, and no control message is among them.
 *
 * It does no I/O, and pieces may be cut anywhere.
 */
export class MessageAssembler {
  readonly #onMessage: (message: DataMessage) => void
  /** The beginning of a fragment whose end has not come. */
  readonly #held = new ByteQueue()
  /** How many bytes that fragment has, as far as is known. */
  #needed = 0
  /** The payloads of the fragments of a message whose last one has not come. */
  readonly #parts = new ByteQueue()
  /** Whether there is such a message, be it without a byte so far. */
  #open = false
  #binary = false

  constructor(onMessage: (message: DataMessage) => void) {
    this.#onMessage = onMessage
  }

  /** Whether part of a message is here, and the rest is to come. */
  get holding(): boolean {
    return this.#held.bytes > 0 || this.#open
  }

  /** Takes the next piece, and owns it from now on. */
  push(piece: Buffer): void {
    const bytes = this.#join(piece)
    if (bytes === null) return
    let at = 0
    while (at < bytes.length) {
      const end = at + fragmentBytes(bytes, at)
      if (end > bytes.length) {
        this.#needed = end - at
        this.#held.push(bytes.subarray(at))
        return
      }
      this.#take(bytes.subarray(at, end))
      at = end
    }
  }

  #join(piece: Buffer): Buffer | null {
    if (this.#held.bytes === 0) return piece
    this.#held.push(piece)
    if (this.#held.bytes < this.#needed) return null
    return Buffer.concat(this.#held.take())
  }

  /** One whole fragment. */
  #take(fragment: Buffer): void {
    const opcode = fragment[0]! & 0x0f
    const final = (fragment[0]! & 0x80) !== 0
    const headerBytes = headerLength(fragment, 0)
    const payload = fragment.subarray(headerBytes)
    const mask = (fragment[1]! & 0x80) === 0 ? null : fragment.subarray(headerBytes - 4, headerBytes)
    if (opcode !== OPCODE.continuation) this.#binary = opcode === OPCODE.binary
    if (final && opcode !== OPCODE.continuation) {
      this.#onMessage(new DataMessage(this.#binary, fragment, payload, mask))
      return
    }
    this.#parts.push(mask === null ? payload : unmask(payload, mask))
    this.#open = !final
    if (final) this.#onMessage(new DataMessage(this.#binary, null, Buffer.concat(this.#parts.take()), null))
  }
}

/** How long the fragment at `at` is, header included; where its header is not whole, longer than what is here. */
function fragmentBytes(bytes: Buffer, at: number): number {
  const available = bytes.length - at
  const headerBytes = available < 2 ? 2 : headerLength(bytes, at)
  if (available < headerBytes) return headerBytes
  const length = bytes[at + 1]! & 0x7f
  if (length < 126) return headerBytes + length
  if (length === 126) return headerBytes + bytes.readUInt16BE(at + 2)
  return headerBytes + bytes.readUInt32BE(at + 2) * 2 ** 32 + bytes.readUInt32BE(at + 6)
}

function headerLength(bytes: Buffer, at: number): number {
  const length = bytes[at + 1]! & 0x7f
  const lengthBytes = length < 126 ? 0 : length === 126 ? 2 : 8
  return 2 + lengthBytes + ((bytes[at + 1]! & 0x80) === 0 ? 0 : 4)
}

function unmask(payload: Buffer, mask: Buffer): Buffer {
  const bytes = Buffer.from(payload)
  applyMask(bytes, mask)
  return bytes
}
