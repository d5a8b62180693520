import { setTimeout as sleep } from 'node:timers/promises'
import { median, table } from '../support/report.ts'
import { type Contestant, HAPROXY, NAIVE, NGINX, OURS, type RunningRelay, UNSLOWED } from './contestants.ts'
import { atMost, type Judged, megabytes } from './goals.ts'
import { type Load, PATHS } from './load.ts'
import { residentBytes } from './processes.ts'

const BESIDE: readonly Contestant[] = [NGINX, OURS, HAPROXY, NAIVE]
const IDLE_SESSIONS = 1000
const IDLE_ROUNDS = 3
/** Before anything is measured, as the first sessions also load code. */
const FIRST_SESSIONS = 50
const REST_MS = 800
const FLOOD_BYTES = 120e6
const FLOOD_MS = 1200

/** What memory idle sessions and floods take, beside the peers. */
export interface Memory {
  readonly markdown: string
  readonly judged: readonly Judged[]
}

export async function measureMemory(load: Load): Promise<Memory> {
  const rows: (readonly [string, number, number, number, number])[] = []
  for (const contestant of BESIDE) {
    // When the garbage was last collected makes as much of a difference as the sessions do.
    const idles: number[] = []
    for (let round = 0; round < IDLE_ROUNDS; round += 1) {
      idles.push(await withRelay(load, contestant, (relay) => measureIdle(load, relay)))
    }
    const idle = median(idles)
    const flooded = contestant === OURS ? UNSLOWED : contestant
    const down = await withRelay(load, flooded, (relay) => measureFlood(load, relay, 'down'))
    const up = await withRelay(load, flooded, (relay) => measureFlood(load, relay, 'up'))
    const early = await withRelay(load, flooded, (relay) => measureFlood(load, relay, 'early'))
    rows.push([contestant.name, idle, down, up, early])
  }
  const [, idle, down, up, early] = rows.find(([name]) => name === OURS.name)!
  const kilobytes = (bytes: number) => `${(bytes / 1000).toFixed(1)} kB`
  const head = [
    '',
    'an idle session, kB',
    'provider’s flood, MB',
    'client’s flood, MB',
    'the same at once, MB',
  ]
  return {
    markdown: table([
      head,
      ...rows.map(([name, ...bytes]) => [
        name === OURS.name ? `**${name}**` : name,
        (bytes[0] / 1000).toFixed(1),
        (bytes[1] / 1e6).toFixed(1),
        (bytes[2] / 1e6).toFixed(1),
        (bytes[3] / 1e6).toFixed(1),
      ]),
    ]),
    judged: [
      atMost('memory of an idle session', idle, { most: 40_000, show: kilobytes }),
      atMost('memory for a client that does not read', down, { most: 24e6, show: megabytes }),
      atMost('memory for a provider that does not read', up, { most: 24e6, show: megabytes }),
      atMost('the same, pushed before it has answered', early, { most: 24e6, show: megabytes }),
    ],
  }
}

async function withRelay<T>(
  load: Load,
  contestant: Contestant,
  measure: (relay: RunningRelay) => Promise<T>,
): Promise<T> {
  const relay = await load.startRelay(contestant)
  try {
    return await measure(relay)
  } finally {
    await load.driver.remote.ask('close')
    await relay.stop()
  }
}

/** @returns What each idle session adds to the relay's memory, in bytes. */
async function measureIdle({ driver }: Load, { target, pid }: RunningRelay): Promise<number> {
  const sessions = { target, kind: 'json', path: `${PATHS.json}?model=idle` } as const
  await driver.remote.ask('open', { ...sessions, count: FIRST_SESSIONS })
  await driver.remote.ask('close')
  await sleep(REST_MS)
  const before = residentBytes(pid)
  await driver.remote.ask('open', { ...sessions, count: IDLE_SESSIONS })
  await sleep(REST_MS)
  return (residentBytes(pid) - before) / IDLE_SESSIONS
}

/** @returns By how much a relay's memory grew at most while one side pushed and the other did not read, in bytes. */
async function measureFlood(
  { driver }: Load,
  relay: RunningRelay,
  to: 'down' | 'up' | 'early',
): Promise<number> {
  const { target, pid } = relay
  const remote = driver.remote
  await remote.ask('open', { target, kind: 'json', path: `${PATHS.json}?model=idle`, count: FIRST_SESSIONS })
  await remote.ask('close')
  await sleep(REST_MS)
  const before = residentBytes(pid)
  const bytes = FLOOD_BYTES
  if (to === 'down') await remote.ask('beDeaf', { target, path: `${PATHS.json}?model=push&bytes=${bytes}` })
  else await remote.ask('flood', { target, path: `${PATHS.json}?model=deaf`, bytes, early: to === 'early' })
  let most = before
  for (const end = performance.now() + FLOOD_MS; performance.now() < end; await sleep(25)) {
    most = Math.max(most, residentBytes(pid))
  }
  return most - before
}
