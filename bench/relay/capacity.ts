import { quantile } from '../support/report.ts'
import { OURS } from './contestants.ts'
import { atMost, type Judged, percent } from './goals.ts'
import { type Load, measureWindow } from './load.ts'

const SESSIONS = 450

/** Measures a core full of sessions. */
export async function measureCapacity(load: Load): Promise<Judged[]> {
  const judged: Judged[] = []
  for (const kind of ['binary', 'json'] as const) {
    const relay = await load.startRelay(OURS)
    const options = { relay, kind, sessions: SESSIONS, settleMs: 2000, windowMs: 4000 }
    const { relayShare, loadShare, sent, lost, reordered, changed, times, calm } = await measureWindow(
      load,
      options,
    )
    await relay.stop()
    const what = `${SESSIONS} sessions, ${kind}`
    const p99 = quantile(times, 0.99).toFixed(1)
    const detail = `core of the relay (load’s CPU ${percent(loadShare)}, p99 of all messages ${p99} ms)`
    judged.push(atMost(`${what}: ${detail}`, relayShare, { most: 0.8, show: percent, calm }))
    const faults = `${lost} / ${reordered} / ${changed}`
    const figure = `${what}: lost / reordered / changed of ${sent} messages`
    judged.push({ figure, value: faults, goal: '0 / 0 / 0', met: lost + reordered + changed === 0 })
  }
  return judged
}
