import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { findLeaks, readRecorded } from '../test/support/secrets.ts'

const folder = fileURLToPath(new URL('../../../.cache/relay-output', import.meta.url))
const recorded = readRecorded(folder)

test('The suite before recorded what relays let out', () => {
  assert.ok(recorded.length > 0, 'Nothing was recorded: run the part "unit" first')
  const count = (kind: string) =>
    recorded.flatMap(({ outputs }) => outputs).filter((output) => output.kind === kind).length
  for (const kind of ['log', 'stdout', 'stderr', 'wire']) assert.ok(count(kind) > 1, kind)
  const secrets = recorded.reduce((sum, { secrets }) => sum + secrets.length, 0)
  assert.ok(secrets > 100, `${secrets} secrets`)
})

test('Secrets that were planted are found', () => {
  const planted = recorded.flatMap(({ canaries, ...rest }) =>
    canaries.map(([kind, secret]) => ({ kind, secret, rest })),
  )
  assert.deepEqual(planted.map(({ kind }) => kind).sort(), ['log', 'stderr', 'stdout', 'wire'])
  for (const { kind, secret, rest } of planted) {
    const leaks = findLeaks({ ...rest, canaries: [], secrets: [secret] })
    assert.deepEqual(
      leaks.map((leak) => leak.kind),
      [kind],
    )
  }
})

test('No secret of the suite got into a log, an answer, a message, or what was printed', () => {
  const leaks = recorded.flatMap(findLeaks)
  const shown = leaks.map(({ name, kind, secret }) => `process ${name}, ${kind}: ${secret.slice(0, 8)}…`)
  assert.deepEqual(shown, [])
})
