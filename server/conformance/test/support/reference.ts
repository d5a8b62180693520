import { randomBytes } from 'node:crypto'
import { judgeWith, type Verdict } from '../../src/judge.ts'
import { environmentFor } from '../../src/print-env.ts'
import { type JudgeOptions, readSettings } from '../../src/settings.ts'
import { Upstream } from '../../src/upstream.ts'
import type { Fault, Mutant } from '../mutants/faults.ts'
import { ReferenceRelay } from '../mutants/relay.ts'

export interface ReferenceOptions extends Pick<JudgeOptions, 'only' | 'slow' | 'windowMs' | 'concurrency'> {
  readonly faults?: readonly Fault[]
  readonly mutant?: Mutant
}

/** Judges the reference relay, with faults or without, in this process. */
export async function judgeReference(options: ReferenceOptions): Promise<readonly Verdict[]> {
  const { faults = [], mutant, ...rest } = options
  const upstream = await Upstream.start(0)
  const variables: Record<string, string> = {
    ...environmentFor('full', { upstreamPort: upstream.port }),
    ...mutant?.env,
  }
  for (const name of mutant?.without ?? []) delete variables[name]
  const serviceKey = mutant?.serviceKey === true ? randomBytes(12).toString('hex') : undefined
  const settingsFor = (port: number) =>
    readSettings({
      relay: `ws://127.0.0.1:${port}`,
      upstreamPort: upstream.port,
      variables,
      serviceKey,
      ...rest,
    })
  const relay = new ReferenceRelay(settingsFor(1), faults)
  try {
    return await judgeWith(settingsFor(await relay.listen()), upstream)
  } finally {
    relay.close()
    upstream.close()
  }
}

/** The rules that a relay did not pass, with what was seen. */
export function caught(verdicts: readonly Verdict[]): readonly string[] {
  return verdicts.filter(({ result }) => result === 'fail' || result === 'warning').map(({ id }) => id)
}
