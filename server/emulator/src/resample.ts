/** Half the length of the filter, in periods of the lower rate: about 90 dB of rejection with this window. */
const ZERO_CROSSINGS = 32
/** Shape of the Kaiser window. */
const BETA = 9
/** The filter falls to half at this share of the lower Nyquist frequency, so that what folds back is inaudible. */
const CUTOFF = 0.945

/**
 * Resamples a whole clip with a Kaiser-windowed sinc, every phase computed once.
 *
 * @param pcm One channel of 16-bit samples at `inputRate`.
 * @param rates Samples per second before and after; positive integers.
 * @returns `ceil(pcm.length × outputRate / inputRate)` samples, without delay.
 * @throws {RangeError} If a rate is not a positive integer.
 */
export function resample(
  pcm: Int16Array,
  { inputRate, outputRate }: { inputRate: number; outputRate: number },
): Int16Array {
  checkRate('inputRate', inputRate)
  checkRate('outputRate', outputRate)
  if (inputRate === outputRate) return pcm.slice()
  const common = greatestCommonDivisor(inputRate, outputRate)
  const up = outputRate / common
  const down = inputRate / common
  const phases = filterPhases(up, down)
  return Int16Array.from({ length: Math.ceil((pcm.length * up) / down) }, (_, i) => {
    const position = i * down
    return convolve(pcm, Math.floor(position / up), phases[position % up]!)
  })
}

function checkRate(name: string, rate: number): void {
  if (Number.isInteger(rate) && rate > 0) return
  throw new RangeError(`Cannot resample as "${name}" must be a positive integer: current value is ${rate}`)
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b)
}

/** One set of taps, normalised to a gain of one, for each of the `up` positions between two samples. */
function filterPhases(up: number, down: number): Float64Array[] {
  const bandwidth = Math.min(1, up / down) * CUTOFF
  const reach = Math.ceil(ZERO_CROSSINGS / Math.min(1, up / down))
  return Array.from({ length: up }, (_, phase) => {
    const taps = Float64Array.from({ length: 2 * reach }, (_, tap) => {
      const distance = tap - reach + 1 - phase / up
      return bandwidth * sinc(bandwidth * distance) * kaiser(distance / reach)
    })
    const gain = taps.reduce((sum, tap) => sum + tap, 0)
    return taps.map((tap) => tap / gain)
  })
}

function convolve(pcm: Int16Array, centre: number, taps: Float64Array): number {
  const first = centre - taps.length / 2 + 1
  let sum = 0
  for (let tap = Math.max(0, -first); tap < taps.length && first + tap < pcm.length; tap++) {
    sum += taps[tap]! * pcm[first + tap]!
  }
  return Math.max(-32768, Math.min(32767, Math.round(sum)))
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x)
}

function kaiser(x: number): number {
  return Math.abs(x) >= 1 ? 0 : bessel(BETA * Math.sqrt(1 - x * x)) / bessel(BETA)
}

/** The modified Bessel function of the first kind and order zero. */
function bessel(x: number): number {
  let term = 1
  let sum = 1
  for (let k = 1; term > sum * 1e-12; k++) {
    term *= (x / (2 * k)) ** 2
    sum += term
  }
  return sum
}
