import type { AudioEncoding } from './audio-format.ts'
import { decodeAlaw, decodeMulaw } from './g711.ts'

/** Turns bytes as they come from the wire, cut anywhere, into 16-bit samples. */
export class ChunkDecoder {
  readonly #encoding: AudioEncoding
  /** The first byte of a sample whose second byte is to come, and whose it is. */
  #carry: { itemId: string; byte: number } | null = null

  constructor(encoding: AudioEncoding) {
    this.#encoding = encoding
  }

  /** @returns The samples that are complete, in a buffer of their own; half a sample waits for its item's next chunk. */
  decode(itemId: string, data: Uint8Array): Int16Array<ArrayBuffer> {
    switch (this.#encoding) {
      case 'mulaw':
        return decodeMulaw(data)
      case 'alaw':
        return decodeAlaw(data)
      case 'pcm16':
        return this.#join(itemId, data)
    }
  }

  /** Forgets the half sample. */
  reset(): void {
    this.#carry = null
  }

  #join(itemId: string, data: Uint8Array): Int16Array<ArrayBuffer> {
    const carried = this.#carry?.itemId === itemId ? [this.#carry.byte] : []
    const length = carried.length + data.length
    const bytes = new Uint8Array(length + (length % 2))
    bytes.set(carried)
    bytes.set(data, carried.length)
    if (length > 0) this.#carry = length % 2 === 1 ? { itemId, byte: bytes[length - 1]! } : null
    return new Int16Array(length % 2 === 1 ? bytes.buffer.slice(0, -2) : bytes.buffer)
  }
}
