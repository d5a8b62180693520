import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { table } from '../support/report.ts'
import { sharing } from './contestants.ts'
import { judgeStretch, ratioOf, roundTripP99, type Stretch, written } from './faults.ts'
import { type Judged, times } from './goals.ts'
import { type Load, PATHS, startDriver } from './load.ts'
import { CORES, freePort, start, stop } from './processes.ts'

const SESSIONS = 100
const DYING = 50
/** Sessions that come and go meanwhile: each asks Redis, or does without. */
const COMING = 200
const SETTLE_MS = 2000

/** What sessions of one instance notice of another's end, and of Redis's. */
export async function measureInstances(
  load: Load,
): Promise<{ readonly markdown: string; readonly judged: readonly Judged[] }> {
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
  const during = async (name: string, begin: () => Promise<unknown>) => {
    await load.calm()
    const watch = load.watchOthers()
    const before = await roundTripP99(load)
    const begun = begin()
    const p99 = await roundTripP99(load)
    stretches.set(name, { before, during: p99, calm: watch.calm() })
    await begun
  }
  const come = () =>
    rogues.remote.ask('leave', { target: own.target, path: `${PATHS.binary}?model=idle`, count: COMING })
  await during('Redis is killed, and sessions come and go', async () => {
    await stop(redis)
    await come()
  })
  await during('Redis starts again, empty', async () => {
    redis = await startRedis(port)
    await come()
  })
  await during(`the other instance is killed with its ${DYING} sessions`, () => stop(other.child))
  await driver.ask('hush')
  await driver.ask('close')
  await sleep(SETTLE_MS)
  const left = await own.remote!.ask('sessions')
  await Promise.all([own.stop(), stop(rogues.child), stop(redis)])
  const rows = [...stretches].map(([name, stretch]) => [name, ...written(stretch), times(ratioOf(stretch))])
  return {
    markdown: table([['', 'p99 before, ms', 'during, ms', 'ratio'], ...rows]),
    judged: [
      ...[...stretches].map(([name, stretch]) => judgeStretch(name, stretch)),
      { figure: 'sessions left at the instance that goes on', value: `${left}`, goal: '0', met: left === 0 },
    ],
  }
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
