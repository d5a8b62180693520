import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { RULES } from '../src/rules/index.ts'
import { type Fault, MUTANTS, type Mutant } from './mutants/faults.ts'
import { caught, judgeReference } from './support/reference.ts'

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
const ELSEWHERE: ReadonlySet<string> = new Set(['drain/sigterm'])
/** Takes seconds with a window as short as tests have it. */
const WINDOW_MS = 10_000

describe('voicewire-conformance', { concurrency: 16 }, () => {
  test('The unbroken relay passes every rule', async () => {
    const verdicts = await judgeReference({})
    const failed = verdicts.filter(({ result }) => result !== 'pass' && result !== 'skipped')
    assert.deepEqual(failed, [])
    const skipped = verdicts.filter(({ result }) => result === 'skipped').map(({ id }) => id)
    assert.deepEqual(skipped, [
      'paths/prefix',
      'upstream/not-configured',
      'service/unauthenticated',
      'drain/sigterm',
    ])
  })

  test('The unbroken relay passes what that run skips', async () => {
    const prefix = { rule: 'paths/prefix', env: { RELAY_PREFIX: '/voice' }, serviceKey: true } as const
    const only = ['paths/prefix', 'service/unauthenticated', 'service/refresh', 'preview']
    const mounted = await judgeReference({ mutant: prefix, only })
    const one = await judgeReference({
      mutant: { rule: 'upstream/not-configured', without: ['OPENAI_API_KEY'] },
      only: ['upstream', 'paths'],
    })
    const window = await judgeReference({
      mutant: MUTANTS['fixed-window'],
      only: ['limits/sliding-window'],
      windowMs: WINDOW_MS,
    })
    assert.deepEqual([mounted, one, window].flatMap(caught), [])
    assert.equal(one.find(({ id }) => id === 'upstream/not-configured')?.result, 'pass')
  })

  test('Every rule has a mutant', () => {
    const judged = new Set<string>(Object.values(MUTANTS).map(({ rule }) => rule))
    assert.deepEqual(
      RULES.filter(({ id }) => !judged.has(id)).map(({ id }) => id),
      [],
    )
  })

  for (const [fault, mutant] of Object.entries(MUTANTS) as [Fault, Mutant][]) {
    const { rule, also = [], lonely = false } = mutant
    if (ELSEWHERE.has(rule)) continue
    test(`${rule} catches a relay with the fault ${fault}, and nothing else does`, async () => {
      const { slow = false, long = false } = RULES.find(({ id }) => id === rule)!
      const beside = lonely || slow ? [] : [...besides(rule, long), ...SAMPLE]
      const verdicts = await judgeReference({
        faults: [fault],
        mutant,
        only: [rule, ...beside],
        ...(slow && { windowMs: WINDOW_MS }),
      })
      const failed = caught(verdicts)
      const seen = verdicts.filter(({ id }) => failed.includes(id)).map(({ id, seen }) => `${id}: ${seen}`)
      assert.ok(
        failed.includes(rule),
        `${rule} did not notice (${verdicts.find(({ id }) => id === rule)?.result})`,
      )
      assert.deepEqual(
        failed.filter((id) => id !== rule && !also.includes(id)),
        [],
        seen.join('\n'),
      )
    })
  }
})

/** The rules of the same topic; those that wait for seconds only for one of them. */
function besides(rule: string, long: boolean): readonly string[] {
  const topic = `${rule.split('/', 1)[0]}/`
  const others = RULES.filter((each) => each.id.startsWith(topic) && each.slow !== true)
  return others.filter((each) => long || each.long !== true).map(({ id }) => id)
}
