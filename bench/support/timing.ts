/** @returns The value below which the fraction `q` (0…1) of all values lies; NaN for none. */
export function quantile(values: Iterable<number>, q: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (sorted.length - 1) * q
  const low = sorted[Math.floor(at)] ?? Number.NaN
  const high = sorted[Math.ceil(at)] ?? Number.NaN
  return low + (high - low) * (at - Math.floor(at))
}

export function median(values: Iterable<number>): number {
  return quantile(values, 0.5)
}

/**
 * Times functions beside one another: each in turn in every round, so that a noisy machine is noisy for all.
 *
 * @param rounds How many times each is timed.
 * @returns The median of each, in ms, in the order given.
 */
export function interleave(rounds: number, functions: readonly (() => void)[]): number[] {
  const times = functions.map((): number[] => [])
  for (let round = 0; round < rounds; round++) {
    for (const [i, run] of functions.entries()) {
      const start = performance.now()
      run()
      times[i]?.push(performance.now() - start)
    }
  }
  return times.map(median)
}
