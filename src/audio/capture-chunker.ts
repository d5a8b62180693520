import { Resampler } from './resampler.ts'

export interface CaptureChunkerOptions {
  /** Samples per second pushed in, in Hz. */
  inputRate: number
  /** Samples per second of the chunks, in Hz. */
  outputRate: number
  /** Length of a chunk, in ms. */
  chunkMs: number
  /** Takes each chunk, in a buffer that may be transferred, and the sum of the squares of its samples. */
  deliver: (chunk: Int16Array<ArrayBuffer>, energy: number) => void
}

/** Chunks made beforehand: one is filled while two are under way. */
const FIRST_CHUNKS = 3

/** As many as a page that is busy for 320 ms holds back of the shortest chunks; what comes back beyond is let go. */
const MAX_FREE_CHUNKS = 32

/**
 * What the capture worklet does with sound: any number of channels in, equal chunks of one channel out. Where the
 * buffers of the chunks come back by `recycle`, nothing is allocated once as many are there as are under way.
 *
 * @throws {RangeError} If a chunk would hold no sample, or the rates cannot be resampled.
 */
export class CaptureChunker {
  readonly #resampler: Resampler
  readonly #deliver: CaptureChunkerOptions['deliver']
  /** Samples in a chunk. */
  readonly #length: number
  readonly #free: Int16Array<ArrayBuffer>[] = []
  #chunk: Int16Array<ArrayBuffer>
  #filled = 0
  #energy = 0
  #mono = new Float32Array(0)
  #resampled = new Float32Array(0)

  constructor({ inputRate, outputRate, chunkMs, deliver }: CaptureChunkerOptions) {
    this.#length = Math.round((outputRate * chunkMs) / 1000)
    if (!(this.#length > 0)) {
      throw new RangeError(
        `Cannot capture as chunkMs must hold at least one sample: current value is ${chunkMs}`,
      )
    }
    this.#resampler = new Resampler({ inputRate, outputRate })
    this.#deliver = deliver
    this.#chunk = new Int16Array(this.#length)
    while (this.#free.length < FIRST_CHUNKS - 1) this.#free.push(new Int16Array(this.#length))
  }

  /**
   * @param channels Mixed at equal parts; none stands for silence, so that time goes on while a track is swapped.
   * @param length Samples in each channel.
   */
  push(channels: readonly Float32Array[], length: number): void {
    if (this.#mono.length !== length) this.#makeRoom(length)
    const input = channels.length === 1 ? channels[0]! : mixDown(channels, this.#mono)
    const count = this.#resampler.processInto(input, this.#resampled)
    for (let i = 0; i < count; i++) this.#add(this.#resampled[i]!)
  }

  /** Takes the buffer of a chunk back for a later one; one of another length, or detached, is let go. */
  recycle(buffer: ArrayBuffer): void {
    if (buffer.byteLength !== this.#chunk.byteLength || this.#free.length >= MAX_FREE_CHUNKS) return
    this.#free.push(new Int16Array(buffer))
  }

  #makeRoom(length: number): void {
    const { inputRate, outputRate } = this.#resampler
    this.#mono = new Float32Array(length)
    this.#resampled = new Float32Array(Math.ceil((length * outputRate) / inputRate) + 1)
  }

  /** Rounds as `encodePCM16` does, without an array in between. */
  #add(sample: number): void {
    this.#chunk[this.#filled++] = Math.min(32767, Math.max(-32768, Math.floor(sample * 32768 + 0.5)))
    this.#energy += sample * sample
    if (this.#filled === this.#length) this.#flush()
  }

  #flush(): void {
    const chunk = this.#chunk
    const energy = this.#energy
    // A page that is busy for long returns nothing meanwhile: rather allocate than lose sound.
    this.#chunk = this.#free.pop() ?? new Int16Array(this.#length)
    this.#filled = 0
    this.#energy = 0
    this.#deliver(chunk, energy)
  }
}

function mixDown(channels: readonly Float32Array[], mono: Float32Array): Float32Array {
  mono.fill(0)
  for (let c = 0; c < channels.length; c++) {
    const channel = channels[c]!
    for (let i = 0; i < mono.length; i++) mono[i] = mono[i]! + channel[i]! / channels.length
  }
  return mono
}
