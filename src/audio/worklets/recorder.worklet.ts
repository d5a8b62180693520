import { encodePCM16 } from '../pcm.ts'
import { Resampler } from '../resampler.ts'
import type { RecorderMessage, RecorderWorkletOptions } from '../worklet-messages.ts'

/** What is posted at a time, in seconds: few messages, and little lost should the page go away. */
const BLOCK_SECONDS = 0.25
/** Samples of silence where nothing is connected. @see https://www.w3.org/TR/webaudio/#render-quantum */
const SILENCE = new Float32Array(128)

/** Interleaves its two inputs as 16-bit samples until it is told to end, and then says so. */
class RecorderProcessor extends AudioWorkletProcessor {
  readonly #resamplers: readonly Resampler[]
  readonly #resampled: Float32Array
  /** Left and right in turn. */
  readonly #block: Float32Array
  #filled = 0
  #ended = false

  constructor({ processorOptions }: { processorOptions: RecorderWorkletOptions }) {
    super()
    const rates = { inputRate: sampleRate, outputRate: processorOptions.sampleRate }
    this.#resamplers = [new Resampler(rates), new Resampler(rates)]
    this.#resampled = new Float32Array(Math.ceil((128 * rates.outputRate) / sampleRate) + 1)
    this.#block = new Float32Array(2 * Math.round(rates.outputRate * BLOCK_SECONDS))
    this.port.onmessage = () => this.#end()
  }

  process(inputs: Float32Array[][]): boolean {
    if (this.#ended) return false
    let count = 0
    // Both write the same number of samples: the ratio and the phase are the same.
    for (let side = 0; side < 2; side++) {
      count = this.#resamplers[side]!.processInto(inputs[side]![0] ?? SILENCE, this.#resampled)
      this.#write(side, count)
    }
    this.#filled += 2 * count
    if (this.#filled >= this.#block.length - 2 * this.#resampled.length) this.#flush()
    return true
  }

  #write(side: number, count: number): void {
    for (let i = 0; i < count; i++) this.#block[this.#filled + 2 * i + side] = this.#resampled[i]!
  }

  #flush(): void {
    if (this.#filled > 0) {
      const { buffer } = encodePCM16(this.#block.subarray(0, this.#filled))
      this.#send({ samples: buffer }, [buffer])
    }
    this.#filled = 0
  }

  #end(): void {
    this.#ended = true
    this.#flush()
    this.#send({ samples: null })
    this.port.close()
  }

  #send(message: RecorderMessage, transfer: Transferable[] = []): void {
    this.port.postMessage(message, transfer)
  }
}

registerProcessor('voicewire-recorder', RecorderProcessor)
