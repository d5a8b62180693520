import { powerOfTwo, spectrumOf } from './fourier.ts'

export interface PeakFrequencyOptions {
  /** Samples per second, in Hz. */
  readonly sampleRate: number
  /** Where to look, in Hz; default 20, so that an offset is not taken for a tone. */
  readonly fromHz?: number
  /** Default half the rate. */
  readonly toHz?: number
}

/**
 * The strongest frequency, as of a tone that was to be heard.
 *
 * @param samples Any number of them; for a tone alone the answer is exact to a hundredth of `sampleRate / length`.
 * @returns In Hz; NaN for silence, so that every comparison fails.
 */
export function peakFrequency(
  samples: ArrayLike<number>,
  { sampleRate, fromHz = 20, toHz = sampleRate / 2 }: PeakFrequencyOptions,
): number {
  const length = powerOfTwo(4 * samples.length)
  const step = (2 * Math.PI) / samples.length
  const windowed = Float64Array.from(samples, (x, i) => x * (1 - Math.cos(step * (i + 0.5))))
  const { re, im } = spectrumOf(windowed, length)
  const power = (bin: number) => (re[bin] ?? 0) ** 2 + (im[bin] ?? 0) ** 2
  let best = Number.NaN
  for (let bin = Math.ceil((fromHz * length) / sampleRate); bin <= (toHz * length) / sampleRate; bin++) {
    if (power(bin) > (power(best) || 0)) best = bin
  }
  // The top of the parabola through the logarithms of three neighbours.
  const [left, top, right] = [best - 1, best, best + 1].map((bin) => Math.log(power(bin))) as [
    number,
    number,
    number,
  ]
  const shift = (left - right) / (2 * (left - 2 * top + right))
  return ((best + (Math.abs(shift) <= 1 ? shift : 0)) * sampleRate) / length
}
