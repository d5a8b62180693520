/** Half the filter's length, in samples of the lower rate: 3.3 ms at 8 kHz, 1.65 at 16, 1.1 at 24. */
const HALF_LENGTH = 26.4
/** Where the filter halves the amplitude, in Nyquist frequencies of the lower rate: what lies above costs more. */
const CUTOFF = 0.99
/** Kaiser's shape: with the two above, −104 dB from 1.125 on and ±0.003 dB up to 0.875. */
const BETA = 10.6
/** Samples taken in before the history is moved to the front again. */
const BLOCK = 1024
/** What a table of coefficients may hold, 16 MB; only rates with no common divisor to speak of need more. */
const MAX_TAPS = 4_194_304

export interface ResamplerOptions {
  /** Samples per second going in, in Hz; a whole number. */
  inputRate: number
  /** Samples per second coming out, in Hz; a whole number. */
  outputRate: number
}

/**
 * Changes the sample rate of one channel, keeping its phase between chunks: a polyphase FIR filter under a
 * Kaiser window. Flat (±0.01 dB) to 87.5 % of the lower rate's Nyquist frequency, and silent (−100 dB) from
 * 112.5 % on. The phase is an integer, so no stream is long enough to drift; how the input is cut into chunks
 * changes no bit of the output. Equal rates copy.
 *
 * @throws {RangeError} If a rate is not a positive whole number, or the two share no usable divisor.
 */
export class Resampler {
  readonly inputRate: number
  readonly outputRate: number
  /** What the filter delays the sound by, in seconds; 0 for equal rates. */
  readonly delaySeconds: number
  /** Input samples of silence after which the last sample of a signal has come out whole; 0 for equal rates. */
  readonly tailLength: number
  /** The ratio in lowest terms: `#up` phases, each output `#down` of them after the one before. */
  readonly #up: number
  readonly #down: number
  readonly #taps: Float32Array
  readonly #length: number
  readonly #history: Float32Array
  #end: number
  /** When the next output is due, in 1/`#up` input samples after the input seen so far. */
  #due = 0

  constructor({ inputRate, outputRate }: ResamplerOptions) {
    checkRate('inputRate', inputRate)
    checkRate('outputRate', outputRate)
    const divisor = greatestCommonDivisor(inputRate, outputRate)
    this.inputRate = inputRate
    this.outputRate = outputRate
    this.#up = outputRate / divisor
    this.#down = inputRate / divisor
    const scale = Math.max(this.#up, this.#down)
    const center = scale === 1 ? 0 : Math.floor(HALF_LENGTH * scale)
    this.#length = Math.ceil((2 * center + 1) / this.#up)
    if (this.#length * this.#up > MAX_TAPS) {
      throw new RangeError(
        `Cannot resample as the rates must have a larger common divisor: current value is ${divisor}`,
      )
    }
    this.#taps = kaiserTaps(this.#up, this.#length, center, scale)
    this.#history = new Float32Array(this.#length - 1 + BLOCK)
    this.#end = this.#length - 1
    this.delaySeconds = center / (this.#up * inputRate)
    this.tailLength = this.#length - 1
  }

  /** @returns How many samples the next call gives for an input of this length. */
  outputLength(inputLength: number): number {
    return Math.max(0, Math.ceil((inputLength * this.#up - this.#due) / this.#down))
  }

  /**
   * @param input Samples in −1…1 at `inputRate`; any number of them.
   * @returns Samples at `outputRate`, in a new array; the fraction left over is used by the next call.
   */
  process(input: Float32Array): Float32Array<ArrayBuffer> {
    const output = new Float32Array(this.outputLength(input.length))
    this.processInto(input, output)
    return output
  }

  /**
   * Like `process`, without allocating.
   *
   * @param output Takes the samples from its beginning; holds at least `outputLength(input.length)`.
   * @returns How many samples were written.
   */
  processInto(input: Float32Array, output: Float32Array): number {
    if (this.#up === this.#down) {
      output.set(input)
      return input.length
    }
    let written = 0
    for (let at = 0; at < input.length; ) {
      const count = Math.min(input.length - at, this.#makeRoom())
      for (let i = 0; i < count; i++) this.#history[this.#end + i] = input[at + i]!
      written = this.#up === 1 ? this.#decimate(count, output, written) : this.#filter(count, output, written)
      this.#end += count
      at += count
    }
    return written
  }

  /** Forgets everything heard so far, as if new. */
  reset(): void {
    this.#history.fill(0)
    this.#end = this.#length - 1
    this.#due = 0
  }

  #makeRoom(): number {
    if (this.#end === this.#history.length) {
      this.#history.copyWithin(0, this.#end - this.#length + 1)
      this.#end = this.#length - 1
    }
    return this.#history.length - this.#end
  }

  #filter(count: number, output: Float32Array, written: number): number {
    const up = this.#up
    const taps = this.#taps
    const history = this.#history
    const length = this.#length
    const first = this.#end - length + 1
    let due = this.#due
    for (; due < count * up; due += this.#down) {
      const phase = due % up
      let x = first + (due - phase) / up
      let tap = phase * length
      let even = 0
      let odd = 0
      // Two sums at a time: the processor adds one while it waits for the other.
      for (const end = tap + length - 1; tap < end; tap += 2, x += 2) {
        even += taps[tap]! * history[x]!
        odd += taps[tap + 1]! * history[x + 1]!
      }
      if (length % 2 === 1) even += taps[tap]! * history[x]!
      output[written++] = even + odd
    }
    this.#due = due - count * up
    return written
  }

  /** The same for one phase, whose taps are symmetric: half the multiplications. */
  #decimate(count: number, output: Float32Array, written: number): number {
    const taps = this.#taps
    const history = this.#history
    const center = (this.#length - 1) / 2
    const first = this.#end - this.#length + 1
    let due = this.#due
    for (; due < count; due += this.#down) {
      let left = first + due
      let right = left + this.#length - 1
      let even = taps[center]! * history[left + center]!
      let odd = 0
      let tap = 0
      for (; tap < center - 1; tap += 2, left += 2, right -= 2) {
        even += taps[tap]! * (history[left]! + history[right]!)
        odd += taps[tap + 1]! * (history[left + 1]! + history[right - 1]!)
      }
      if (tap < center) even += taps[tap]! * (history[left]! + history[right]!)
      output[written++] = even + odd
    }
    this.#due = due - count
    return written
  }
}

function checkRate(name: string, rate: number): void {
  if (Number.isSafeInteger(rate) && rate > 0) return
  throw new RangeError(`Cannot resample as ${name} must be a positive whole number: current value is ${rate}`)
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b)
}

/** The filter's taps, phase after phase, each in the order in which the history is read: oldest first. */
function kaiserTaps(up: number, length: number, center: number, scale: number): Float32Array {
  const taps = new Float32Array(up * length)
  for (let i = 0; i <= 2 * center; i++) {
    const x = (i - center) / scale
    const window = bessel(BETA * Math.sqrt(1 - (x / HALF_LENGTH) ** 2)) / bessel(BETA)
    const sinc = x === 0 ? CUTOFF : Math.sin(Math.PI * CUTOFF * x) / (Math.PI * x)
    const phase = i % up
    taps[phase * length + length - 1 - (i - phase) / up] = (up / scale) * sinc * window
  }
  return taps
}

/** The modified Bessel function of the first kind and order zero. */
function bessel(x: number): number {
  let sum = 1
  for (let term = 1, k = 1; term > sum * 1e-17; k++) sum += term *= (x / (2 * k)) ** 2
  return sum
}
