import { existsSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { delimiter, join } from 'node:path'
import { measureCapacity } from './capacity.ts'
import { measureCosts } from './cost.ts'
import { measureFaults } from './faults.ts'
import { goalTable } from './goals.ts'
import { measureInstances } from './instances.ts'
import { Load } from './load.ts'
import { measureMemory } from './memory.ts'
import { measureOrphans } from './orphans.ts'
import { measureTls } from './tls.ts'

/** How long the rounds, and how long each other measurement, may wait for a quiet machine, in ms. */
const PATIENCE = { rounds: 60_000, other: 10_000 } as const

const METHOD = `Clients, provider and each relay are processes of their own: the relay has the first core for itself, clients and
provider share the others, and send what was built and masked beforehand. nginx and HAProxy have one worker and no
logs; Voicewire checks a ticket at each session and has no limits on who comes in. All relays in Node run with the
\`NODE_OPTIONS\` of Voicewire's README. A session sends 50 messages a
second each way, 20 ms of 24 kHz PCM16 each, at moments of its own; each message carries its number and the time at which it was
sent. 200 sessions at a time, in five interleaved rounds; every round begins with another contestant. CPU is what the
scheduler counts for the relay's process, and its ratios are medians of the ratios within a round. Added latency is that
of both directions less that of the same messages without a relay in the same round. TLS: 100 sessions, JSON, three
rounds. Memory is resident size: a thousand idle sessions against none; a flood is 120 MB that nobody reads, and its figure the
most that the relay grew. Faults: 100 sessions echo messages while, in processes that yield to them, others
misbehave; p99 of their round trip in 2 s during the fault against 2 s right before it, medians of three tries; memory is the most
of all of them. Several instances: two relays share a Redis of their own, and 200 more sessions come and go before and while
it ends and begins; three tries, too.

Where others need more than 0.3 of a core while something is measured, it is waited for and repeated, within bounds. What
they disturbed all the same is in brackets, and its goal is not judged (?).`

const PROGRAMS = ['taskset', 'openssl', 'nginx', 'haproxy', 'redis-server']

/** @throws {Error} Where this machine cannot run the part. */
function checkMachine(): void {
  const folders = (process.env['PATH'] ?? '').split(delimiter)
  const missing = PROGRAMS.find((program) => !folders.some((folder) => existsSync(join(folder, program))))
  if (missing !== undefined) throw new Error(`Cannot measure the relay as ${missing} must be installed`)
  const cores = availableParallelism()
  if (cores < 2)
    throw new Error(`Cannot measure the relay as there must be two cores: current value is ${cores}`)
}

/** @throws {Error} Where a program is missing or there is one core; the figures of processes are Linux's. */
export async function run(): Promise<string> {
  checkMachine()
  const load = await Load.start()
  const patiently = <T>(
    measure: (load: Load) => Promise<T>,
    patienceMs: number = PATIENCE.other,
  ): Promise<T> => {
    load.patienceMs = patienceMs
    return measure(load)
  }
  try {
    const costs = await patiently(measureCosts, PATIENCE.rounds)
    const tls = await patiently(measureTls)
    const capacity = await patiently(measureCapacity)
    const memory = await patiently(measureMemory)
    const orphans = await patiently(measureOrphans)
    const faults = await patiently(measureFaults)
    const instances = await patiently(measureInstances)
    const faultless = [...memory.judged, ...orphans.judged]
    const others = [...faultless, ...faults.judged, ...instances.judged]
    return `${METHOD}

### Goals

${goalTable([...costs.judged, ...tls, ...capacity, ...others])}

Others needed the machine during ${load.disturbed} of ${load.windows} windows of traffic.

### CPU and latency

${costs.markdown}

### Memory

${memory.markdown}

### Clients that leave

${orphans.markdown}

### Faults beside others

${faults.markdown}

### Several instances with one Redis

${instances.markdown}`
  } finally {
    await load.stop()
  }
}
