import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { judgeWith, type Verdict } from '../src/judge.ts'
import { RULES } from '../src/rules/index.ts'
import { readSettings } from '../src/settings.ts'
import { Upstream } from '../src/upstream.ts'
import { startConsumer } from './bad-examples/consumer.ts'
import { EXAMPLES } from './bad-examples/examples.ts'
import { caught, judgeReference } from './support/reference.ts'

for (const { name, faults, fails } of EXAMPLES.slice(1)) {
  test(`${name} fails the rules that it breaks, and no others`, async () => {
    const only = RULES.filter(({ long, slow }) => long !== true && slow !== true).map(({ id }) => id)
    const verdicts = await judgeReference({ faults, only })
    assert.deepEqual(caught(verdicts), Object.keys(fails))
  })
}

test(`${EXAMPLES[0].name} fails the rules that it breaks, and no others`, async () => {
  // Each rule has a relay of its own: its consumers share connections, and rules would meet each other there.
  const rules = RULES.filter(({ profile }) => profile === 'minimal').map(({ id }) => id)
  const verdicts = (await Promise.all(rules.map(judgeConsumer))).flat()
  assert.deepEqual(caught(verdicts), Object.keys(EXAMPLES[0].fails))
})

async function judgeConsumer(rule: string): Promise<readonly Verdict[]> {
  const upstream = await Upstream.start(0)
  const keys = { openai: randomBytes(12).toString('hex'), deepgram: randomBytes(12).toString('hex') }
  const { relay, close } = await startConsumer({ upstreamUrl: `ws://127.0.0.1:${upstream.port}`, keys })
  const variables = { OPENAI_API_KEY: keys.openai, DEEPGRAM_API_KEY: keys.deepgram }
  const token = randomBytes(8).toString('hex')
  const options = { relay, upstreamPort: upstream.port, variables, token, only: [rule] }
  try {
    return await judgeWith(readSettings({ ...options, profile: 'minimal' }), upstream)
  } finally {
    close()
    upstream.close()
  }
}
