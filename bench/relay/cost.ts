import { median, quantile, table } from '../support/report.ts'
import {
  CONTESTANTS,
  type Contestant,
  NAIVE,
  NGINX,
  OURS,
  PARSING,
  type RunningRelay,
} from './contestants.ts'
import { atMost, type Judged, micros, percent, times } from './goals.ts'
import { type Load, measureWindow, type Window } from './load.ts'
import type { Kind } from './messages.ts'

const ROUNDS = 5
const SESSIONS = 200
const SETTLE_MS = 600
const WINDOW_MS = 2000
const WARM_UP_MS = 500
const KINDS: readonly Kind[] = ['binary', 'json']
const QUANTILES = [0.5, 0.99, 0.999] as const

/** What is kept of a window: its thousands of times would fill the memory. */
type Kept = Omit<Window, 'times'> & { readonly quantiles: readonly number[] }

/** Windows by round, of one contestant and kind; of the direct connection by the name `direct`. */
type Rounds = Map<string, Kept[]>

/** What the traffic itself costs, beside the peers. */
export interface Costs {
  readonly markdown: string
  readonly judged: readonly Judged[]
}

/** Measures CPU and latency of all contestants in interleaved rounds. */
export async function measureCosts(load: Load): Promise<Costs> {
  const relays = new Map<string, RunningRelay | null>([['direct', null]])
  for (const contestant of CONTESTANTS) relays.set(contestant.name, await load.startRelay(contestant))
  await runRounds(load, relays, 1, WARM_UP_MS) // what is compiled while it runs is then compiled
  const rounds = await runRounds(load, relays, ROUNDS)
  for (const relay of relays.values()) await relay?.stop()
  return { markdown: KINDS.map((kind) => describe(rounds, kind)).join('\n\n'), judged: judge(rounds) }
}

async function runRounds(
  load: Load,
  relays: ReadonlyMap<string, RunningRelay | null>,
  count: number,
  windowMs = WINDOW_MS,
): Promise<Rounds> {
  const rounds: Rounds = new Map()
  const places = KINDS.flatMap((kind) => [...relays].map(([name, relay]) => ({ kind, name, relay })))
  const needed = places.filter(({ kind, name }) => name !== PARSING.name || kind === 'json')
  for (let round = 0; round < count; round++) {
    // Each round begins elsewhere, so that nobody always comes behind the same neighbour.
    for (let at = 0; at < needed.length; at++) {
      const { kind, name, relay } = needed[(at + round * 2) % needed.length]!
      const options = { relay, kind, sessions: SESSIONS, settleMs: SETTLE_MS, windowMs }
      const { times: all, ...window } = await measureWindow(load, options)
      const sorted = all.sort()
      const kept = { ...window, quantiles: QUANTILES.map((q) => quantileOfSorted(sorted, q)) }
      const key = `${name} ${kind}`
      rounds.set(key, [...(rounds.get(key) ?? []), kept])
    }
  }
  return rounds
}

function quantileOfSorted(sorted: Float32Array, q: number): number {
  return sorted[Math.round((sorted.length - 1) * q)] ?? Number.NaN
}

/** The median over all rounds of what a contestant's window says beside another's of the same round. */
function beside(
  rounds: Rounds,
  kind: Kind,
  [name, other]: readonly [string, string],
  compare: (window: Kept, otherWindow: Kept) => number,
): number {
  const others = rounds.get(`${other} ${kind}`)!
  return median(rounds.get(`${name} ${kind}`)!.map((window, round) => compare(window, others[round]!)))
}

function cpuRatio(rounds: Rounds, kind: Kind, name: string, other: Contestant): number {
  return beside(rounds, kind, [name, other.name], (window, { cpu }) => window.cpu / cpu)
}

function added(rounds: Rounds, kind: Kind, name: string, index: number): number {
  return beside(rounds, kind, [name, 'direct'], (a, b) => a.quantiles[index]! - b.quantiles[index]!)
}

function describe(rounds: Rounds, kind: Kind): string {
  const contestants = CONTESTANTS.filter(({ name }) => rounds.has(`${name} ${kind}`))
  const rows = contestants.map(({ name }) => {
    const windows = rounds.get(`${name} ${kind}`)!
    return [
      name === OURS.name ? `**${name}**` : name,
      cpuRatio(rounds, kind, name, NGINX).toFixed(2),
      cpuRatio(rounds, kind, name, NAIVE).toFixed(2),
      median(windows.map(({ cpu }) => cpu)).toFixed(2),
      ...QUANTILES.map((_, index) => (added(rounds, kind, name, index) * 1000).toFixed(0)),
      percent(median(windows.map(({ loadShare }) => loadShare))),
    ]
  })
  const direct = rounds.get(`direct ${kind}`)!
  const plain = QUANTILES.map((_, index) => median(direct.map(({ quantiles }) => quantiles[index]! * 1000)))
  const title = kind === 'binary' ? 'Binary messages of 960 bytes' : 'The same sound as base64 in JSON'
  const head = [
    '',
    'CPU, × nginx',
    'CPU, × naive',
    'ms/s a session',
    'added p50, µs',
    'p99',
    'p99.9',
    'load’s CPU',
  ]
  return `#### ${title}\n\n${table([head, ...rows])}

Directly, without a relay: ${plain.map((value) => value.toFixed(0)).join(' / ')} µs (p50 / p99 / p99.9).`
}

function judge(rounds: Rounds): Judged[] {
  return KINDS.flatMap((kind) => {
    const naiveP99 = added(rounds, kind, NAIVE.name, 1)
    return [
      atMost(`CPU, ${kind}, beside nginx`, cpuRatio(rounds, kind, OURS.name, NGINX), 1.4, times),
      atMost(`CPU, ${kind}, beside naive \`ws\``, cpuRatio(rounds, kind, OURS.name, NAIVE), 1, times),
      atMost(`added latency, ${kind}, p50`, added(rounds, kind, OURS.name, 0), 0.1, micros),
      atMost(
        `added latency, ${kind}, p99, beside naive \`ws\``,
        added(rounds, kind, OURS.name, 1),
        naiveP99,
        micros,
      ),
    ]
  })
}

const TLS_ROUNDS = 3
const TLS_SESSIONS = 100

/** Measures what TLS costs ours and nginx. */
export async function measureTls(load: Load): Promise<Judged[]> {
  const judged: Judged[] = []
  for (const clients of [true, false]) {
    const tls = { clients, provider: true }
    const relays = [await load.startRelay(OURS, { tls }), await load.startRelay(NGINX, { tls })]
    const ratios: number[] = []
    for (let round = 0; round <= TLS_ROUNDS; round++) {
      const costs: number[] = []
      for (const relay of relays) {
        const options = {
          kind: 'json',
          sessions: TLS_SESSIONS,
          settleMs: SETTLE_MS,
          windowMs: WINDOW_MS,
        } as const
        costs.push((await measureWindow(load, { relay, ...options })).cpu)
      }
      if (round > 0) ratios.push(costs[0]! / costs[1]!) // the first one is for the compiler
    }
    for (const relay of relays) await relay.stop()
    const figure = clients
      ? 'CPU, TLS on both sides, beside nginx'
      : 'CPU, TLS to the provider only, beside nginx'
    judged.push(atMost(figure, median(ratios), 1.6, times))
  }
  return judged
}

const MANY_SESSIONS = 450

/** Measures a core full of sessions. */
export async function measureCapacity(load: Load): Promise<Judged[]> {
  const judged: Judged[] = []
  for (const kind of KINDS) {
    const relay = await load.startRelay(OURS)
    const options = { relay, kind, sessions: MANY_SESSIONS, settleMs: 2000, windowMs: 4000 }
    const {
      relayShare,
      loadShare,
      sent,
      lost,
      reordered,
      changed,
      times: all,
    } = await measureWindow(load, options)
    await relay.stop()
    const what = `${MANY_SESSIONS} sessions, ${kind}`
    const p99 = quantile(all, 0.99).toFixed(1)
    const detail = `core of the relay (load’s CPU ${percent(loadShare)}, p99 of all messages ${p99} ms)`
    judged.push(atMost(`${what}: ${detail}`, relayShare, 0.8, percent))
    const faults = `${lost} / ${reordered} / ${changed}`
    const figure = `${what}: lost / reordered / changed of ${sent} messages`
    judged.push({ figure, value: faults, goal: '0 / 0 / 0', met: lost + reordered + changed === 0 })
  }
  return judged
}
