import { median, table } from '../support/report.ts'
import {
  CONTESTANTS,
  type Contestant,
  NAIVE,
  NGINX,
  OURS,
  PARSING,
  POLICY,
  type RunningRelay,
} from './contestants.ts'
import { atMost, type Judged, micros, percent, times } from './goals.ts'
import { type Load, measureWindow, type Window } from './load.ts'
import type { Kind } from './messages.ts'

const ROUNDS = 5
/** So many rounds without others, or a goal is not judged. */
const LEAST_CALM = 3
const SESSIONS = 200
const SETTLE_MS = 600
const WINDOW_MS = 2000
const WARM_UP_MS = 500
const OWN = new Set([OURS.name, POLICY.name])
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

/** A median over rounds, and whether it is of enough that others left alone. */
interface Compared {
  readonly value: number
  readonly calm: boolean
}

/** What a contestant's window says beside another's of the same round: the median of the rounds without others. */
function beside(
  rounds: Rounds,
  kind: Kind,
  [name, other]: readonly [string, string],
  compare: (window: Kept, otherWindow: Kept) => number,
): Compared {
  const others = rounds.get(`${other} ${kind}`)!
  const pairs = rounds.get(`${name} ${kind}`)!.map((window, round) => [window, others[round]!] as const)
  const calm = pairs.filter((pair) => pair.every((window) => window.calm))
  const values = (calm.length === 0 ? pairs : calm).map(([window, otherWindow]) =>
    compare(window, otherWindow),
  )
  return { value: median(values), calm: calm.length >= LEAST_CALM }
}

function cpuRatio(rounds: Rounds, kind: Kind, name: string, other: Contestant): Compared {
  return beside(rounds, kind, [name, other.name], (window, { cpu }) => window.cpu / cpu)
}

function added(rounds: Rounds, kind: Kind, name: string, index: number): Compared {
  return beside(rounds, kind, [name, 'direct'], (a, b) => a.quantiles[index]! - b.quantiles[index]!)
}

/** A figure in a table; one that others disturbed is in brackets. */
function cell({ value, calm }: Compared, digits: number): string {
  const text = value.toFixed(digits)
  return calm ? text : `(${text})`
}

/** The windows that others left alone; all where there is none. */
function calmOf(windows: readonly Kept[]): readonly Kept[] {
  const calm = windows.filter((window) => window.calm)
  return calm.length === 0 ? windows : calm
}

const inMicros = ({ value, calm }: Compared): Compared => ({ value: value * 1000, calm })

function describe(rounds: Rounds, kind: Kind): string {
  const contestants = CONTESTANTS.filter(({ name }) => rounds.has(`${name} ${kind}`))
  const rows = contestants.map(({ name }) => {
    const windows = rounds.get(`${name} ${kind}`)!
    return [
      OWN.has(name) ? `**${name}**` : name,
      cell(cpuRatio(rounds, kind, name, NGINX), 2),
      cell(cpuRatio(rounds, kind, name, NAIVE), 2),
      median(calmOf(windows).map(({ cpu }) => cpu)).toFixed(2),
      ...QUANTILES.map((_, index) => cell(inMicros(added(rounds, kind, name, index)), 0)),
      percent(median(calmOf(windows).map(({ loadShare }) => loadShare))),
    ]
  })
  const direct = rounds.get(`direct ${kind}`)!
  const plain = QUANTILES.map((_, index) =>
    median(calmOf(direct).map(({ quantiles }) => quantiles[index]! * 1000)),
  )
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
    const name = OURS.name
    const naive = added(rounds, kind, NAIVE.name, 1)
    const p99 = added(rounds, kind, name, 1)
    const calm = naive.calm && p99.calm
    return [
      judgeCompared(`CPU, ${kind}, beside nginx`, cpuRatio(rounds, kind, name, NGINX), 1.4, times),
      judgeCompared(
        `CPU, ${kind}, with a policy, beside nginx`,
        cpuRatio(rounds, kind, POLICY.name, NGINX),
        1.9,
        times,
      ),
      judgeCompared(`CPU, ${kind}, beside naive \`ws\``, cpuRatio(rounds, kind, name, NAIVE), 1, times),
      judgeCompared(`added latency, ${kind}, p50`, added(rounds, kind, name, 0), 0.1, micros),
      judgeCompared(
        `added latency, ${kind}, p99, beside naive \`ws\``,
        { value: p99.value, calm },
        naive.value,
        micros,
      ),
    ]
  })
}

function judgeCompared(
  figure: string,
  { value, calm }: Compared,
  most: number,
  show: (value: number) => string,
): Judged {
  return atMost(figure, value, { most, show, calm })
}
