import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { table } from '../support/report.ts'
import { sharing } from './contestants.ts'
import { judgeStretches, roundTripP99, type Stretch, TRIES, written } from './faults.ts'
import type { Judged } from './goals.ts'
import { type Load, PATHS, startDriver } from './load.ts'
import { CORES, freePort, start, stop } from './processes.ts'

const SESSIONS = 100
const DYING = 50
/** Sessions that come and go meanwhile: each asks Redis, or does without. */
const COMING = 200
const SETTLE_MS = 2000

/** What was seen in one try. */
interface Seen {
  /** By what happened. */
  readonly stretches: ReadonlyMap<string, Stretch>
  /** Sessions at the instance that goes on when all should have ended. */
  readonly left: number
}

/** What sessions of one instance notice of another's end, and of Redis's. */
export async function measureInstances(
  load: Load,
): Promise<{ readonly markdown: string; readonly judged: readonly Judged[] }> {
  const tries: Seen[] = []
  for (let attempt = 0; attempt < TRIES; attempt++) tries.push(await tryOnce(load))
  const names = [...tries[0]!.stretches.keys()]
  const stretches = (name: string) => tries.map((seen) => seen.stretches.get(name)!)
  const rows = names.map((name) => [name, ...written(stretches(name))])
  const left = Math.max(...tries.map((seen) => seen.left))
  return {
    markdown: table([['', 'p99 before, ms', 'during, ms', 'ratio'], ...rows]),
    judged: [
      ...names.map((name) => judgeStretches(name, stretches(name))),
      { figure: 'sessions left at the instance that goes on', value: `${left}`, goal: '0', met: left === 0 },
    ],
  }
}

async function tryOnce(load: Load): Promise<Seen> {
  const port = await freePort()
  let redis = await startRedis(port)
  const contestant = sharing(`redis://127.0.0.1:${port}`)
  const [own, other] = [await load.startRelay(contestant), await load.startRelay(contestant)]
  const rogues = startDriver(load.certificate, true)
  load.own(rogues)
  const { remote: driver } = load.driver
  await driver.ask('reset')
  const echo = { path: `${PATHS.json}?model=echo`, kind: 'json' } as const
  await driver.ask('open', { ...echo, target: own.target, count: SESSIONS })
  await rogues.remote.ask('open', { ...echo, target: other.target, count: DYING })
  await driver.ask('talk')
  await sleep(SETTLE_MS)
  const stretches = new Map<string, Stretch>()
  /** What others notice of `fault`; `meanwhile` goes on before it as well, so that it is not what they notice. */
  const during = async (
    name: string,
    fault: () => Promise<unknown>,
    meanwhile: () => Promise<unknown> = async () => {},
  ) => {
    await load.calm()
    const watch = load.watchOthers()
    const [before] = await Promise.all([roundTripP99(load), meanwhile()])
    const [p99] = await Promise.all([roundTripP99(load), fault().then(meanwhile)])
    stretches.set(name, { before, during: p99, calm: watch.calm() })
  }
  const come = () =>
    rogues.remote.ask('leave', { target: own.target, path: `${PATHS.binary}?model=idle`, count: COMING })
  await during('Redis is killed, and sessions come and go', () => stop(redis), come)
  const startAgain = async () => {
    redis = await startRedis(port)
  }
  await during('Redis starts again, empty', startAgain, come)
  await during(`the other instance is killed with its ${DYING} sessions`, () => stop(other.child))
  await driver.ask('hush')
  await driver.ask('close')
  await sleep(SETTLE_MS)
  const left = await own.remote!.ask('sessions')
  await Promise.all([own.stop(), stop(rogues.child), stop(redis)])
  return { stretches, left }
}

/** Starts a Redis that keeps nothing, beside clients and provider. */
async function startRedis(port: number) {
  const options = ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no']
  const child = start(['redis-server', ...options, '--loglevel', 'warning'], { core: CORES.load })
  for (;;) {
    const socket = connect(port, '127.0.0.1')
    const connected = await once(socket, 'connect').then(
      () => true,
      () => false,
    )
    socket.destroy()
    if (connected) return child
    await sleep(20)
  }
}
