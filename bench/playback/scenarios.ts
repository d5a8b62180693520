import { noise } from '../../test/audio/support/signal.ts'
import type { Scenario } from './playback.page.ts'

/** A minute in all, in ms. */
const TOTAL_MS = 60_000

/** A minute of answers; `late` gives how much later than due each chunk comes, in ms. */
function scenario(
  chunkMs: number,
  late: (count: number, seed: number) => readonly number[],
  answerCount = 6,
): Scenario {
  const count = TOTAL_MS / answerCount / chunkMs
  const answers = Array.from({ length: answerCount }, (_, answer) => {
    let latest = Number.NEGATIVE_INFINITY
    // Chunks of one line never overtake one another.
    return late(count, answer + 1).map((ms, i) => {
      latest = Math.max(latest, i * chunkMs + ms)
      return latest
    })
  })
  return { chunkMs, answers }
}

/** At some moments nothing comes for up to 500 ms, and then all of it. */
function bursts(count: number, seed: number): number[] {
  const late = new Array<number>(count).fill(0)
  for (const x of noise(3, 0.5, 17 * seed)) {
    const begin = Math.floor(count * 0.05 + (x + 0.5) * count * 0.85)
    const length = Math.floor(5 + ((Math.abs(x) * 7919) % 1) * 20)
    for (let i = 0; i < length; i++) late[begin + i] = Math.max(late[begin + i]!, 20 * (length - i))
  }
  return late
}

const jitter = (count: number, seed: number) => [...noise(count, 60, 31 * seed)]

export const SCENARIOS: Readonly<Record<string, Scenario>> = {
  'one answer of a minute, chunks of 100 ms, each up to 60 ms early or late': scenario(100, jitter, 1),
  'chunks of 100 ms, each up to 60 ms early or late': scenario(100, jitter),
  'chunks of 20 ms, with bursts after up to 500 ms of nothing': scenario(20, bursts),
  'chunks of 20 ms, calm line': scenario(20, (count) => new Array<number>(count).fill(0)),
  'the whole answer at once': scenario(100, (count) => Array.from({ length: count }, (_, i) => -100 * i)),
}
