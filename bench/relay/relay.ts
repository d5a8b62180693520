import { measureCapacity, measureCosts, measureTls } from './cost.ts'
import { measureFaults } from './faults.ts'
import { goalTable } from './goals.ts'
import { Load } from './load.ts'
import { measureMemory } from './memory.ts'
import { measureOrphans } from './orphans.ts'

/** @throws {Error} Where nginx, HAProxy, openssl or taskset is not installed, or the machine has a single core. */
export async function run(): Promise<string> {
  const load = await Load.start()
  try {
    const costs = await measureCosts(load)
    const tls = await measureTls(load)
    const capacity = await measureCapacity(load)
    const memory = await measureMemory(load)
    const orphans = await measureOrphans(load)
    const faults = await measureFaults(load)
    const judged = [
      ...costs.judged,
      ...tls,
      ...capacity,
      ...memory.judged,
      ...orphans.judged,
      ...faults.judged,
    ]
    return `Of ${load.windows} stretches of traffic ${load.disturbed} were taken while others needed more than 30 % of a core; these were repeated as far as a
minute of patience allowed.

### Goals

${goalTable(judged)}

### CPU and latency

${costs.markdown}

### Memory

${memory.markdown}

### Clients that leave

${orphans.markdown}

### Faults beside others

${faults.markdown}`
  } finally {
    await load.stop()
  }
}
