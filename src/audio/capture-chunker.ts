import { energyOf, levelOf } from './level.ts'
import { encodePCM16 } from './pcm.ts'
import { Resampler } from './resampler.ts'

export interface CaptureChunkerOptions {
  /** Samples per second pushed in, in Hz. */
  inputRate: number
  /** Samples per second of the chunks, in Hz. */
  outputRate: number
  /** Length of a chunk, in ms. */
  chunkMs: number
  /** Takes each chunk, in an array of its own, and its level (0…1). */
  deliver: (chunk: Int16Array<ArrayBuffer>, level: number) => void
}

/**
 * What the capture worklet does with sound: any number of channels in, equal chunks of one channel out. Allocates
 * nothing but the chunk that leaves.
 *
 * @throws {RangeError} If a chunk would hold no sample, or the rates cannot be resampled.
 */
export class CaptureChunker {
  readonly #resampler: Resampler
  readonly #deliver: CaptureChunkerOptions['deliver']
  readonly #chunk: Float32Array
  #filled = 0
  #mono = new Float32Array(0)
  #resampled = new Float32Array(0)

  constructor({ inputRate, outputRate, chunkMs, deliver }: CaptureChunkerOptions) {
    const length = Math.round((outputRate * chunkMs) / 1000)
    if (!(length > 0)) {
      throw new RangeError(
        `Cannot capture as chunkMs must hold at least one sample: current value is ${chunkMs}`,
      )
    }
    this.#resampler = new Resampler({ inputRate, outputRate })
    this.#deliver = deliver
    this.#chunk = new Float32Array(length)
  }

  /**
   * @param channels Mixed at equal parts; none stands for silence, so that time goes on while a track is swapped.
   * @param length Samples in each channel.
   */
  push(channels: readonly Float32Array[], length: number): void {
    if (this.#mono.length !== length) {
      this.#mono = new Float32Array(length)
      this.#resampled = new Float32Array(
        Math.ceil((length * this.#resampler.outputRate) / this.#resampler.inputRate) + 1,
      )
    }
    mixDown(channels, this.#mono)
    const count = this.#resampler.processInto(this.#mono, this.#resampled)
    for (let i = 0; i < count; i++) {
      this.#chunk[this.#filled++] = this.#resampled[i]!
      if (this.#filled === this.#chunk.length) this.#flush()
    }
  }

  #flush(): void {
    this.#filled = 0
    this.#deliver(encodePCM16(this.#chunk), levelOf(energyOf(this.#chunk), this.#chunk.length))
  }
}

function mixDown(channels: readonly Float32Array[], mono: Float32Array): void {
  mono.fill(0)
  for (const channel of channels) {
    for (let i = 0; i < mono.length; i++) mono[i] = mono[i]! + channel[i]! / channels.length
  }
}
