import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MUTANTS } from './mutants/faults.ts'
import { WINDOW_MS } from './support/mutants.ts'
import { caught, judgeReference } from './support/reference.ts'

test('The unbroken relay passes every rule', async () => {
  const verdicts = await judgeReference({})
  assert.deepEqual(
    verdicts.filter(({ result }) => result !== 'pass' && result !== 'skipped'),
    [],
  )
  const skipped = verdicts.filter(({ result }) => result === 'skipped').map(({ id }) => id)
  const expected = ['paths/prefix', 'upstream/not-configured', 'service/unauthenticated', 'drain/sigterm']
  assert.deepEqual(skipped, expected)
})

test('The unbroken relay passes what that run skips', async () => {
  const prefix = { rule: 'paths/prefix', env: { RELAY_PREFIX: '/voice' }, serviceKey: true } as const
  const only = ['paths/prefix', 'service/unauthenticated', 'service/refresh', 'preview']
  const [mounted, one, window] = await Promise.all([
    judgeReference({ mutant: prefix, only }),
    judgeReference({
      mutant: { rule: 'upstream/not-configured', without: ['OPENAI_API_KEY'] },
      only: ['upstream', 'paths'],
    }),
    judgeReference({
      mutant: MUTANTS['fixed-window'],
      only: ['limits/sliding-window'],
      windowMs: WINDOW_MS,
    }),
  ])
  assert.deepEqual([mounted, one, window].flatMap(caught), [])
  assert.equal(one.find(({ id }) => id === 'upstream/not-configured')?.result, 'pass')
})
