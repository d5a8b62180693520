import { setTimeout as sleep } from 'node:timers/promises'
import { now } from './clock.ts'
import { type Contestant, NAIVE, NGINX, OURS } from './contestants.ts'
import type { Judged } from './goals.ts'
import type { Load } from './load.ts'

const ABORTS = 100
const MOST_MS = 1500
/** After that a connection counts as left behind. */
const PATIENCE_MS = 4000

/** How long the provider's connections outlive clients that leave without a close, at most. */
export interface Orphans {
  readonly markdown: string
  readonly judged: readonly Judged[]
}

export async function measureOrphans(load: Load): Promise<Orphans> {
  const sentences: string[] = []
  const judged: Judged[] = []
  for (const contestant of [OURS, NGINX, NAIVE]) {
    const early = await longest(load, contestant, true)
    const open = await longest(load, contestant, false)
    sentences.push(`${contestant.name}: ${show(early)} and ${show(open)}`)
    if (contestant !== OURS) continue
    const figure = `provider’s connection outlives its client: most of ${2 * ABORTS}`
    const most = Math.max(early, open)
    judged.push({ figure, value: show(most), goal: `≤ ${MOST_MS} ms`, met: most <= MOST_MS })
  }
  return {
    markdown: `Most time between a client’s leaving and the end of its connection at the provider, of ${ABORTS} each while the provider has not answered (half of them at once) and after it has: ${sentences.join('; ')}.`,
    judged,
  }
}

const show = (ms: number) => (Number.isFinite(ms) ? `${ms.toFixed(0)} ms` : `over ${PATIENCE_MS} ms`)

async function longest(load: Load, contestant: Contestant, early: boolean): Promise<number> {
  const relay = await load.startRelay(contestant)
  const provider = load.provider.remote
  await provider.ask('forget')
  const { target } = relay
  const left = await load.driver.remote.ask('abort', {
    target,
    count: ABORTS,
    early,
    prefix: `${relay.pid}-`,
  })
  for (const deadline = now() + PATIENCE_MS; ; await sleep(50)) {
    // A connection that was never made is not among them.
    const lives = [...(await provider.ask('closes'))].map(([id, at]) => at - left.get(id)!)
    const most = Math.max(0, ...lives)
    if (Number.isFinite(most) || now() > deadline) {
      await relay.stop()
      return most
    }
  }
}
