/** @returns The root mean square of the samples: 0.707 for a sine of amplitude 1; 0 for no samples. */
export function rms(samples: ArrayLike<number>): number {
  let energy = 0
  for (let i = 0; i < samples.length; i++) energy += samples[i]! * samples[i]!
  return samples.length > 0 ? Math.sqrt(energy / samples.length) : 0
}

/**
 * @param ratio Of two amplitudes; of one amplitude to full scale, where that is 1.
 * @returns The ratio in dB: −6.02 for a half, −Infinity for 0.
 */
export function decibels(ratio: number): number {
  return 20 * Math.log10(ratio)
}
