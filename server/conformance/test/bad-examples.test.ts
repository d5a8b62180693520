import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { judgeWith } from '../src/judge.ts'
import { readSettings } from '../src/settings.ts'
import { Upstream } from '../src/upstream.ts'
import { startConsumer } from './bad-examples/consumer.ts'
import { EXAMPLES } from './bad-examples/examples.ts'
import { caught, judgeReference } from './support/reference.ts'

for (const { name, faults, fails } of EXAMPLES.slice(1)) {
  test(`${name} fails the rules that it breaks, and no others`, async () => {
    const verdicts = await judgeReference({ faults })
    const seen = verdicts.map(({ id, seen: what }) => `${id}: ${what}`).join('\n')
    assert.deepEqual(caught(verdicts), Object.keys(fails), seen)
  })
}

test(`${EXAMPLES[0].name} fails the rules that it breaks, and no others`, async () => {
  const upstream = await Upstream.start(0)
  const keys = { openai: randomBytes(12).toString('hex'), deepgram: randomBytes(12).toString('hex') }
  const { relay, close } = await startConsumer({ upstreamUrl: `ws://127.0.0.1:${upstream.port}`, keys })
  const variables = { OPENAI_API_KEY: keys.openai, DEEPGRAM_API_KEY: keys.deepgram }
  const token = randomBytes(8).toString('hex')
  const settings = readSettings({ relay, upstreamPort: upstream.port, profile: 'minimal', variables, token })
  try {
    const verdicts = await judgeWith(settings, upstream)
    assert.deepEqual(caught(verdicts), Object.keys(EXAMPLES[0].fails))
  } finally {
    close()
    upstream.close()
  }
})
