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

  /**
   * @param data Not copied where it can be read as it lies: ten minutes of sound cost no time.
   * @returns The samples that are complete; half a sample waits for its item's next chunk.
   */
  decode(itemId: string, data: Uint8Array<ArrayBuffer>): Int16Array<ArrayBuffer> {
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

  #join(itemId: string, data: Uint8Array<ArrayBuffer>): Int16Array<ArrayBuffer> {
    if (data.length === 0) return new Int16Array(0)
    const carried = this.#carry?.itemId === itemId ? this.#carry.byte : null
    const bytes = carried === null && data.byteOffset % 2 === 0 ? data : prepend(carried, data)
    const odd = bytes.length % 2 === 1
    this.#carry = odd ? { itemId, byte: bytes[bytes.length - 1]! } : null
    return new Int16Array(bytes.buffer, bytes.byteOffset, (bytes.length - (odd ? 1 : 0)) / 2)
  }
}

function prepend(byte: number | null, data: Uint8Array): Uint8Array<ArrayBuffer> {
  const first = byte === null ? 0 : 1
  const bytes = new Uint8Array(first + data.length)
  if (byte !== null) bytes[0] = byte
  bytes.set(data, first)
  return bytes
}
