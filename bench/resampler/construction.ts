import { Resampler } from '../../src/audio/resampler.ts'
import { interleave, table } from '../support/report.ts'

const PAIRS = [
  [48_000, 16_000],
  [24_000, 48_000],
  [44_100, 16_000],
  [24_000, 44_100],
  [22_050, 48_000],
] as const
const ROUNDS = 41

/** What it costs to make a resampler, which happens on the audio thread. */
export function measureConstruction(): string {
  const times = interleave(
    ROUNDS,
    PAIRS.map(([inputRate, outputRate]) => () => {
      new Resampler({ inputRate, outputRate })
    }),
  )
  const rows = PAIRS.map(([inputRate, outputRate], i) => [
    `${inputRate / 1000} → ${outputRate / 1000}`,
    times[i]!.toFixed(2),
  ])
  return [
    `To make a resampler, once its code is warm (median of ${ROUNDS}): its coefficients are computed, not loaded.`,
    table([['pair', 'ms'], ...rows]),
  ].join('\n\n')
}
