import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Rule } from '../../src/rule.ts'
import { RULES } from '../../src/rules/index.ts'
import { type Fault, MUTANTS, type Mutant } from '../mutants/faults.ts'
import { caught, judgeReference } from './reference.ts'

/** Beside its topic each mutant is judged by these, of which none may notice anything. */
const SAMPLE = [
  'handshake/selects',
  'preview/refusals',
  'paths/deepgram',
  'origin/exact',
  'tickets/once',
  'auth/subprotocols',
  'upstream/other-parameters',
  'forwarding/order',
  'early/kept',
  'hostile/others-served',
  'close/client-codes',
  'limits/per-user',
  'http/headers',
  'service/refresh',
]

/** Needs a process of its own, which is sent SIGTERM: see drain.test.ts. */
const ELSEWHERE = 'drain/sigterm'

/** A window so short that a test can wait for its end. */
export const WINDOW_MS = 10_000

/** Has the mutants of these rules judged, each of which its own rule must catch, and nothing else. */
export function judgeMutants(ofRule: (rule: Rule) => boolean, concurrency: number): void {
  describe('voicewire-conformance', { concurrency }, () => {
    for (const [fault, mutant] of Object.entries(MUTANTS) as [Fault, Mutant][]) {
      const rule = RULES.find(({ id }) => id === mutant.rule)!
      if (rule.id === ELSEWHERE || !ofRule(rule)) continue
      test(`${rule.id} catches a relay with the fault ${fault}, and nothing else does`, () =>
        judgeMutant(fault, mutant, rule))
    }
  })
}

async function judgeMutant(fault: Fault, mutant: Mutant, rule: Rule): Promise<void> {
  const { also = [], lonely = false } = mutant
  const slow = rule.slow === true
  const beside = lonely || slow ? [] : [...besides(rule), ...SAMPLE]
  const only = [rule.id, ...beside]
  // Many relays are judged at the same time: few rules of each keep what they wait for in time.
  const concurrency = rule.long === true ? 20 : 6
  const window = slow && { windowMs: WINDOW_MS }
  const verdicts = await judgeReference({ faults: [fault], mutant, only, concurrency, ...window })
  const failed = caught(verdicts)
  const own = verdicts.find(({ id }) => id === rule.id)
  assert.ok(failed.includes(rule.id), `${rule.id} did not notice: ${own?.result} ${own?.seen}`)
  const others = failed.filter((id) => id !== rule.id && !also.includes(id))
  const seen = verdicts.filter(({ id }) => others.includes(id)).map(({ id, seen }) => `${id}: ${seen}`)
  assert.deepEqual(others, [], seen.join('\n'))
}

/** The rules of the same topic; those that wait or that send much only for one of their kind. */
function besides(rule: Rule): readonly string[] {
  const topic = `${rule.id.split('/', 1)[0]}/`
  const others = RULES.filter(({ id, slow }) => id.startsWith(topic) && slow !== true)
  const fits = ({ long, alone }: Rule) => (!long || rule.long) && (!alone || rule.alone)
  return others.filter(fits).map(({ id }) => id)
}
