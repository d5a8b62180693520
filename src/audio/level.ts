/** The level at which a meter leaves zero, in dB below full scale. */
const FLOOR_DB = 60

/** @returns The sum of the squares of the first `length` samples: what `levelOf` turns into a level. */
export function energyOf(samples: Float32Array, length = samples.length): number {
  let energy = 0
  for (let i = 0; i < length; i++) energy += samples[i]! * samples[i]!
  return energy
}

/**
 * How loud sound is, as a meter shows it: 0 at −60 dB (RMS) and below, 1 at full scale, linear in decibels.
 *
 * @param energy The sum of the squares of the samples.
 * @param length How many samples there were.
 * @returns 0…1; 0 for no samples, and for sound that is not a number.
 */
export function levelOf(energy: number, length: number): number {
  const level = 1 + (10 * Math.log10(energy / length)) / FLOOR_DB
  return level > 0 ? Math.min(1, level) : 0
}
