import { median } from '../support/report.ts'
import { NGINX, OURS } from './contestants.ts'
import { atMost, type Judged, times } from './goals.ts'
import { type Load, measureWindow, type Window } from './load.ts'

const ROUNDS = 3
const SESSIONS = 100
const SETTLE_MS = 600
const WINDOW_MS = 2000

/** Measures what TLS costs ours and nginx. */
export async function measureTls(load: Load): Promise<Judged[]> {
  const judged: Judged[] = []
  for (const clients of [true, false]) {
    const tls = { clients, provider: true }
    const relays = [await load.startRelay(OURS, { tls }), await load.startRelay(NGINX, { tls })]
    const ratios: { ratio: number; calm: boolean }[] = []
    for (let round = 0; round <= ROUNDS; round++) {
      const windows: Window[] = []
      for (const relay of relays) {
        const options = {
          kind: 'json',
          sessions: SESSIONS,
          settleMs: SETTLE_MS,
          windowMs: WINDOW_MS,
        } as const
        windows.push(await measureWindow(load, { relay, ...options }))
      }
      const [own, peer] = windows as [Window, Window]
      // The first one is for the compiler.
      if (round > 0) ratios.push({ ratio: own.cpu / peer.cpu, calm: own.calm && peer.calm })
    }
    for (const relay of relays) await relay.stop()
    const figure = clients
      ? 'CPU, TLS on both sides, beside nginx'
      : 'CPU, TLS to the provider only, beside nginx'
    const quiet = ratios.filter(({ calm }) => calm)
    const calm = quiet.length > 0
    const value = median((calm ? quiet : ratios).map(({ ratio }) => ratio))
    judged.push(atMost(figure, value, { most: 1.6, show: times, calm }))
  }
  return judged
}
