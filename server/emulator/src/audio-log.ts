import { type AudioFormat, decodeAudio, durationMs } from './audio-format.ts'

/** Some bytes of sound as they stood in one message. */
export interface AudioChunk {
  /** When it passed, on the clock of `performance.now()`. */
  readonly at: number
  readonly format: AudioFormat
  readonly bytes: Uint8Array
}

/** Sound in the order in which it passed, byte for byte. Beyond its limit the oldest is dropped and counted. */
export class AudioLog {
  readonly chunks: AudioChunk[] = []
  /** Bytes of the chunks that were dropped. */
  droppedBytes = 0
  readonly #limitMs: number
  #keptMs = 0

  /** @param limitMs Milliseconds of sound to keep; default: all. */
  constructor(limitMs: number = Number.POSITIVE_INFINITY) {
    this.#limitMs = limitMs
  }

  /** Milliseconds of sound kept. */
  get ms(): number {
    return this.#keptMs
  }

  /** Notes one chunk. The bytes are copied. */
  append(bytes: Uint8Array, format: AudioFormat): void {
    this.chunks.push({ at: performance.now(), format, bytes: bytes.slice() })
    this.#keptMs += durationMs(bytes.length, format)
    while (this.#keptMs > this.#limitMs && this.chunks.length > 1) {
      const oldest = this.chunks.shift()!
      this.droppedBytes += oldest.bytes.length
      this.#keptMs -= durationMs(oldest.bytes.length, oldest.format)
    }
  }

  /** All bytes kept, joined. */
  bytes(): Uint8Array {
    return Buffer.concat(this.chunks.map(({ bytes }) => bytes))
  }

  /** All sound kept as 16-bit samples; a sample that two chunks share is whole. */
  pcm(): Int16Array {
    const runs: { encoding: AudioFormat['encoding']; parts: Uint8Array[] }[] = []
    for (const { bytes, format } of this.chunks) {
      const run = runs.at(-1)
      if (run?.encoding === format.encoding) run.parts.push(bytes)
      else runs.push({ encoding: format.encoding, parts: [bytes] })
    }
    const decoded = runs.map(({ encoding, parts }) => decodeAudio(Buffer.concat(parts), encoding))
    const pcm = new Int16Array(decoded.reduce((length, part) => length + part.length, 0))
    let at = 0
    for (const part of decoded) {
      pcm.set(part, at)
      at += part.length
    }
    return pcm
  }
}
