import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { median, quantile, table } from '../support/report.ts'
import { type Contestant, NGINX, OURS, type RunningRelay } from './contestants.ts'
import type { DriverActions } from './driver.ts'
import { atMost, type Judged, megabytes, times } from './goals.ts'
import { type Load, PATHS, startDriver, startProvider, type Worker } from './load.ts'
import { residentBytes, stop } from './processes.ts'
import type { ProviderActions } from './provider.ts'

/** One try says little: a pause of the machine decides it. */
export const TRIES = 3
/** So many tries without others, or a goal is not judged. */
const LEAST_CALM = 2
const SESSIONS = 100
const WINDOW_MS = 2000
/** Between two faults. */
const REST_MS = 500
const LEAVING = 1000
const DYING = 50
const FLOOD_BYTES = 120e6
const MOST_RATIO = 2
const MOST_GROWTH = 24e6

/** Where faults happen: clients and a provider of their own, behind the relay that others use too. */
interface Stage {
  readonly relay: RunningRelay
  readonly rogues: Worker<DriverActions>
  readonly provider: Worker<ProviderActions>
}

/** Something that goes wrong while others are served. */
interface Fault {
  readonly name: string
  /** Resolves when it is under way. */
  begin(stage: Stage): Promise<unknown>
  /** Resolves when it may be over. */
  end?(stage: Stage): Promise<unknown>
}

const WRONG_PATH = PATHS.binary

const closeRogues = ({ rogues }: Stage) => rogues.remote.ask('close')

/** In this order; what a fault begins goes on until its window is over. */
const FAULTS: readonly Fault[] = [
  {
    name: 'a client floods',
    begin: ({ rogues, relay: { target } }) =>
      rogues.remote.ask('flood', { target, path: `${WRONG_PATH}?model=idle` }),
    end: closeRogues,
  },
  {
    name: 'a client does not read, and its provider pushes 120 MB',
    begin: ({ rogues, relay: { target } }) =>
      rogues.remote.ask('beDeaf', { target, path: `${WRONG_PATH}?model=push&bytes=${FLOOD_BYTES}` }),
    end: closeRogues,
  },
  leavers(),
  {
    name: `the provider of ${DYING} others is killed`,
    begin: async ({ rogues, provider, relay: { target } }) => {
      const path = `${WRONG_PATH}?model=produce`
      await rogues.remote.ask('open', { target, path, kind: 'binary', count: DYING })
      await stop(provider.child)
    },
    end: closeRogues,
  },
]

/** Clients that connect and leave, all the time that is measured. */
function leavers(): Fault {
  let leaving: Promise<unknown> = Promise.resolve()
  return {
    name: `${LEAVING.toLocaleString('en')} clients connect and leave`,
    begin: async ({ rogues, relay: { target } }) => {
      const path = `${WRONG_PATH}?model=idle`
      leaving = rogues.remote.ask('leave', { target, path, count: LEAVING })
    },
    end: () => leaving,
  }
}

/** What others notice of faults. */
export interface Faults {
  readonly markdown: string
  readonly judged: readonly Judged[]
}

interface Noticed {
  /** p99 of the round trip by the name of the fault. */
  readonly p99: ReadonlyMap<string, Stretch>
  /** By how much the relay's memory grew at most, in bytes. */
  readonly growth: number
  /** Sessions that should have been gone after a fault and were not, where the relay can say. */
  readonly leftBehind: number
  readonly drain: Drain | null
}

/** p99 of the round trip before a fault and during it, in ms. */
export interface Stretch {
  readonly before: number
  readonly during: number
  /** Whether others left the machine to the run. */
  readonly calm: boolean
}

interface Drain {
  readonly p99: Stretch
  readonly exitCode: number | null
  /** How many sessions were told 1012. */
  readonly told: number
}

export async function measureFaults(load: Load): Promise<Faults> {
  const ours: Noticed[] = []
  const nginx: Noticed[] = []
  for (let attempt = 0; attempt < TRIES; attempt++) {
    ours.push(await notice(load, OURS))
    nginx.push(await notice(load, NGINX))
  }
  const stretches = (noticed: readonly Noticed[], name: string) => noticed.map(({ p99 }) => p99.get(name)!)
  const rows = FAULTS.map(({ name }) => [
    name,
    ...written(stretches(ours, name)),
    times(median(stretches(nginx, name).map(ratioOf))),
  ])
  const drains = ours.map(({ drain }) => drain!)
  const drainP99 = drains.map(({ p99 }) => p99)
  const growth = Math.max(...ours.map((noticed) => noticed.growth))
  const leftBehind = Math.max(...ours.map((noticed) => noticed.leftBehind))
  const told = Math.min(...drains.map((drain) => drain.told))
  const exitCode = (drains.find((drain) => drain.exitCode !== 0) ?? drains[0]!).exitCode
  const head = ['', 'p99 before, ms', 'during, ms', 'Voicewire, ratio', 'nginx, ratio']
  rows.push(['the relay is told to stop', ...written(drainP99), '–'])
  return {
    markdown: table([head, ...rows]),
    judged: [
      ...FAULTS.map(({ name }) => judgeStretches(name, stretches(ours, name))),
      judgeStretches('the relay is told to stop', drainP99),
      {
        figure: 'memory over all faults',
        value: megabytes(growth),
        goal: `≤ ${megabytes(MOST_GROWTH)}`,
        met: growth <= MOST_GROWTH,
      },
      { figure: 'sessions left behind', value: `${leftBehind}`, goal: '0', met: leftBehind === 0 },
      {
        figure: 'SIGTERM: sessions told 1012, exit code',
        value: `${told} of ${SESSIONS}, ${exitCode}`,
        goal: `${SESSIONS} of ${SESSIONS}, 0`,
        met: told === SESSIONS && exitCode === 0,
      },
    ],
  }
}

const ratioOf = ({ before, during }: Stretch) => during / before

/** Those that others left alone; all where there is none. */
function calmOf(stretches: readonly Stretch[]): readonly Stretch[] {
  const calm = stretches.filter((stretch) => stretch.calm)
  return calm.length === 0 ? stretches : calm
}

const isCalm = (stretches: readonly Stretch[]) => stretches.filter(({ calm }) => calm).length >= LEAST_CALM

/** Medians over tries, for a table: p99 before and during, and the ratio. */
export function written(stretches: readonly Stretch[]): string[] {
  const calm = calmOf(stretches)
  const cell = (text: string) => (isCalm(stretches) ? text : `(${text})`)
  const milliseconds = (of: (stretch: Stretch) => number) => cell(median(calm.map(of)).toFixed(2))
  return [
    milliseconds(({ before }) => before),
    milliseconds(({ during }) => during),
    cell(times(median(calm.map(ratioOf)))),
  ]
}

export function judgeStretches(name: string, stretches: readonly Stretch[]): Judged {
  const ratio = median(calmOf(stretches).map(ratioOf))
  return atMost(`others’ p99 while ${name}`, ratio, {
    most: MOST_RATIO,
    show: times,
    calm: isCalm(stretches),
  })
}

/** Has everything go wrong behind one relay, one thing after the other. */
async function notice(load: Load, contestant: Contestant): Promise<Noticed> {
  const rogues = startDriver(load.certificate, true)
  const provider = startProvider(load.certificate, true)
  load.own(rogues)
  load.own(provider)
  const { plain } = await provider.remote.ask('ports')
  const relay = await load.startRelay(contestant, { upstreams: [load.ports.plain, plain] })
  const stage = { relay, rogues, provider }
  const driver = load.driver.remote
  await driver.ask('reset')
  await driver.ask('closeCodes')
  await driver.ask('open', {
    target: relay.target,
    path: `${PATHS.json}?model=echo`,
    kind: 'json',
    count: SESSIONS,
  })
  await driver.ask('talk')
  await sleep(WINDOW_MS)
  const memory = watchMemory(relay.pid)
  const p99 = new Map<string, Stretch>()
  let leftBehind = 0
  for (const { name, begin, end } of FAULTS) {
    await load.calm()
    const watch = load.watchOthers()
    const before = await roundTripP99(load)
    await begin(stage)
    const during = await roundTripP99(load)
    p99.set(name, { before, during, calm: watch.calm() })
    await end?.(stage)
    leftBehind = Math.max(leftBehind, await countLeftBehind(relay))
    await sleep(REST_MS)
  }
  const growth = memory.stop()
  const drain = relay.remote === null ? null : await drainUnderLoad(load, relay)
  await driver.ask('hush')
  await driver.ask('close')
  await Promise.all([relay.stop(), stop(rogues.child), stop(provider.child)])
  return { p99, growth, leftBehind, drain }
}

/** @returns p99 of the round trips within the next stretch of time, in ms. */
export async function roundTripP99({ driver }: Load, windowMs = WINDOW_MS): Promise<number> {
  await driver.remote.ask('look')
  await sleep(windowMs)
  return quantile((await driver.remote.ask('look')).times, 0.99)
}

function watchMemory(pid: number): { stop(): number } {
  const before = residentBytes(pid)
  let most = before
  const timer = setInterval(() => {
    most = Math.max(most, residentBytes(pid))
  }, 50)
  return {
    stop() {
      clearInterval(timer)
      return most - before
    },
  }
}

/** Longer than a session may take to close. */
const MOST_CLOSING_MS = 5000

async function countLeftBehind({ remote }: RunningRelay): Promise<number> {
  if (remote === null) return 0
  for (const deadline = performance.now() + MOST_CLOSING_MS; ; await sleep(50)) {
    const left = (await remote.ask('sessions')) - SESSIONS
    if (left === 0 || performance.now() > deadline) return left
  }
}

/** Shorter than the time that the relay gives its sessions. */
const DRAIN_WINDOW_MS = 1500

async function drainUnderLoad(load: Load, { child }: RunningRelay): Promise<Drain> {
  await load.calm()
  const watch = load.watchOthers()
  const before = await roundTripP99(load)
  const exit = once(child, 'exit')
  child.kill('SIGTERM')
  const during = await roundTripP99(load, DRAIN_WINDOW_MS)
  const p99 = { before, during, calm: watch.calm() }
  const [exitCode] = (await exit) as [number | null]
  const codes = await load.driver.remote.ask('closeCodes')
  return { p99, exitCode, told: codes.filter((code) => code === 1012).length }
}
