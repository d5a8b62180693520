/** Half the filter's length, in samples of the lower rate: 3.25 ms at 8 kHz, 1.625 at 16, 1.083 at 24. */
const HALF_LENGTH = 26
/** The window's shape: with that length, −103 dB from 1.125 Nyquist frequencies of the lower rate on. */
const BETA = 10.25
/** Outputs computed at a time where one rate is a multiple of the other: each tap is read once for all of them. */
const LANES = 4
/** Samples taken in before the history is moved to the front again. */
const BLOCK = 1024
/** Phases, or samples in a turn of them, that need no more than 27 MB of taps; common rates have a few hundred. */
const MAX_SCALE = 65_536

export interface ResamplerOptions {
  /** Samples per second going in, in Hz; a whole number. */
  inputRate: number
  /** Samples per second coming out, in Hz; a whole number. */
  outputRate: number
}

/**
 * Changes the sample rate of one channel, keeping its phase between chunks: a polyphase FIR filter. Flat
 * (±0.001 dB) to 87.5 % of the lower rate's Nyquist frequency, and silent (−100 dB) from 112.5 % on. The phase is
 * an integer, so no stream is long enough to drift; how the input is cut into chunks changes no bit of the output.
 * Equal rates copy.
 *
 * @throws {RangeError} If a rate is not a positive whole number, or the two share no usable divisor.
 */
export class Resampler {
  readonly inputRate: number
  readonly outputRate: number
  /** What the filter delays the sound by, in seconds: 26 samples of the lower rate; 0 for equal rates. */
  readonly delaySeconds: number
  /** Input samples of silence after which the last sample of a signal has come out whole; 0 for equal rates. */
  readonly tailLength: number
  /** The ratio in lowest terms: `#up` phases, each output `#down` of them after the one before. */
  readonly #up: number
  readonly #down: number
  readonly #rows: readonly Float64Array[]
  /**
   * What is left of earlier input (`tailLength`), then a block of new input, then room for what is read in vain.
   * Doubles, as the taps are: a float is converted at each reading, and each sample is read dozens of times.
   */
  readonly #history: Float64Array
  readonly #sums = new Float64Array(LANES)
  /** When the next output is due, in 1/`#up` input samples after the input seen so far. */
  #due = 0

  constructor({ inputRate, outputRate }: ResamplerOptions) {
    checkRate('inputRate', inputRate)
    checkRate('outputRate', outputRate)
    const divisor = greatestCommonDivisor(inputRate, outputRate)
    const up = outputRate / divisor
    const down = inputRate / divisor
    const scale = up === down ? 0 : Math.max(up, down)
    if (scale > MAX_SCALE) {
      throw new RangeError(
        `Cannot resample as the rates must have a larger common divisor: current value is ${divisor}`,
      )
    }
    const step = up === 1 ? down : 1
    this.inputRate = inputRate
    this.outputRate = outputRate
    this.#up = up
    this.#down = down
    this.#rows = rowsOf(up * step, scale, up)
    this.delaySeconds = (HALF_LENGTH * scale) / (up * inputRate)
    this.tailLength = Math.max(0, this.#rows[0]!.length * step - 1)
    this.#history = new Float64Array(this.tailLength + BLOCK + LANES * down)
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
    const up = this.#up
    const down = this.#down
    if (up === down) {
      output.set(input)
      return input.length
    }
    const history = this.#history
    const tail = this.tailLength
    let written = 0
    for (let at = 0; at < input.length; at += BLOCK) {
      const count = Math.min(BLOCK, input.length - at)
      for (let i = 0; i < count; i++) history[tail + i] = input[at + i]!
      written =
        up === 1 || down === 1
          ? this.#filterByWhole(count * up, output, written)
          : this.#filter(count * up, output, written)
      this.#due -= count * up
      history.copyWithin(0, count, count + tail)
    }
    return written
  }

  /** Forgets everything heard so far, as if new. */
  reset(): void {
    this.#history.fill(0)
    this.#due = 0
  }

  #filter(until: number, output: Float32Array, written: number): number {
    const up = this.#up
    const history = this.#history
    for (; this.#due < until; this.#due += this.#down) {
      const phase = this.#due % up
      const taps = this.#rows[phase]!
      let x = (this.#due - phase) / up
      let even = 0
      let odd = 0
      // Two sums at a time: the processor adds to one while it waits for the other.
      for (let i = 0; i < taps.length; i += 4, x += 4) {
        even += taps[i]! * history[x]! + taps[i + 2]! * history[x + 2]!
        odd += taps[i + 1]! * history[x + 1]! + taps[i + 3]! * history[x + 3]!
      }
      output[written++] = even + odd
    }
    return written
  }

  /**
   * The same where one rate is a multiple of the other. What lies a whole number of samples of the lower rate from
   * the middle of the filter is zero and passed over: of a rising rate's phases, the first is the input itself.
   */
  #filterByWhole(until: number, output: Float32Array, written: number): number {
    const up = this.#up
    const down = this.#down
    const history = this.#history
    const sums = this.#sums
    while (this.#due < until) {
      const first = this.#due / up
      // Past `until` lies what was there before: the lanes that read it are not written.
      const lanes = Math.min(LANES, Math.ceil((until - this.#due) / (up * down)))
      for (let phase = 0; phase < up; phase++) {
        let a = 0
        let b = 0
        let c = 0
        let d = 0
        // A falling rate has one phase, made of all rows but the middle's; a rising one has a row for each phase.
        for (let row = 1; row < (phase ? 2 : down); row++) {
          const taps = this.#rows[phase || row]!
          let x = first + (phase ? 0 : down - 1 - row)
          let x0 = history[x]!
          let x1 = history[x + down]!
          let x2 = history[x + 2 * down]!
          for (let i = 0; i < taps.length; i++, x += down) {
            const x3 = history[x + 3 * down]!
            const tap = taps[i]!
            a += tap * x0
            b += tap * x1
            c += tap * x2
            d += tap * x3
            x0 = x1
            x1 = x2
            x2 = x3
          }
        }
        sums[0] = a
        sums[1] = b
        sums[2] = c
        sums[3] = d
        for (let i = 0; i < lanes; i++) {
          const middle = phase ? 0 : history[first + (HALF_LENGTH + i) * down - 1]! / down
          output[written + phase + i * up] = sums[i]! + middle
        }
      }
      written += lanes * up
      this.#due += lanes * up * down
    }
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

/** Deals the filter's taps to `count` rows, each in the order in which the history is read: oldest first. */
function rowsOf(count: number, scale: number, up: number): Float64Array[] {
  return Array.from({ length: count }, (_, row) => {
    const taps = new Float64Array(4 * Math.ceil((HALF_LENGTH * scale) / count / 2))
    for (let i = row, at = taps.length; at > 0; i += count) taps[--at] = (up / scale) * tapAt(i / scale)
    return taps
  })
}

/** The filter at `x` samples of the lower rate from its beginning: a sinc under a window; 0 outside of it. */
function tapAt(x: number): number {
  const angle = Math.PI * (x - HALF_LENGTH) || Number.MIN_VALUE
  const r = Math.sqrt(1 - (x / HALF_LENGTH - 1) ** 2)
  // Kaiser's window is nearly sinh(βr) / √r. This power of r lets 2 dB less through, and needs no Bessel function.
  const window = Math.sinh(BETA * r) / Math.sinh(BETA) / r ** 0.75
  // Not a number at the very edge, where r is 0, and outside.
  return (window * Math.sin(angle)) / angle || 0
}
