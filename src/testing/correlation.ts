import { fourier, powerOfTwo, spectrumOf } from './fourier.ts'

export interface CorrelationOptions {
  /** The first place in `whole` that is tried, in samples; default 0. */
  readonly fromLag?: number
  /** The last one; default the last at which `part` lies in `whole`. */
  readonly toLag?: number
}

export interface Correlation {
  /** 1 for the same sound, however loud; −1 for its opposite; about 0 for another one, and for silence. */
  readonly value: number
  /** Where in `whole` the first sample of `part` lies. */
  readonly lag: number
}

/** What is left of the energy of silence when sums of doubles were taken from one another. */
const ROUNDING = 1e-12

/**
 * Looks where in a sound another one fits best, and how well: whether what was sent is what arrived, and when. Of
 * two sounds of one length it says how alike they are.
 *
 * @throws {RangeError} If `part` has no place in `whole`.
 */
export function correlation(
  part: ArrayLike<number>,
  whole: ArrayLike<number>,
  { fromLag = 0, toLag = Number.POSITIVE_INFINITY }: CorrelationOptions = {},
): Correlation {
  const first = Math.max(0, fromLag)
  const places = Math.min(toLag, whole.length - part.length) - first + 1
  if (!(places > 0)) {
    throw new RangeError(
      `Cannot correlate as whole must be at least as long as part: current value is ${whole.length}`,
    )
  }
  const searched = Array.prototype.slice.call(whole, first, first + places - 1 + part.length) as number[]
  const products = slidingProducts(part, searched)
  const energies = sumsOfSquares(searched)
  const total = energies[searched.length] ?? 0
  const own = sumsOfSquares(part)[part.length] ?? 0
  let best: Correlation = { value: Number.NEGATIVE_INFINITY, lag: first }
  for (let k = 0; k < places; k++) {
    const energy = energies[k + part.length]! - energies[k]!
    const value = energy > ROUNDING * total && own > 0 ? products[k]! / Math.sqrt(energy * own) : 0
    if (value > best.value) best = { value, lag: first + k }
  }
  return best
}

/** @returns The sum of the products of `part` and what lies at each place of `whole`, by way of their spectra. */
function slidingProducts(part: ArrayLike<number>, whole: ArrayLike<number>): Float64Array {
  const length = powerOfTwo(whole.length)
  const a = spectrumOf(part, length)
  const b = spectrumOf(whole, length)
  const re = b.re.map((x, i) => (x * a.re[i]! + b.im[i]! * a.im[i]!) / length)
  const im = b.im.map((y, i) => (y * a.re[i]! - b.re[i]! * a.im[i]!) / length)
  fourier(im, re)
  return re
}

/** @returns At each place the sum of the squares before it, and at the end that of all. */
function sumsOfSquares(samples: ArrayLike<number>): Float64Array {
  const sums = new Float64Array(samples.length + 1)
  for (let i = 0; i < samples.length; i++) sums[i + 1] = sums[i]! + samples[i]! * samples[i]!
  return sums
}
