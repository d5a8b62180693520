import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { judgeWith } from '../src/judge.ts'
import { readSettings } from '../src/settings.ts'
import { Upstream } from '../src/upstream.ts'
import { startMinimalRelay } from './support/minimal-relay.ts'
import { caught } from './support/reference.ts'

for (const passesQuery of [true, false]) {
  test(`A relay of sixty lines passes the minimal profile, ${passesQuery ? 'with' : 'without'} passing the query on`, async () => {
    const upstream = await Upstream.start(0)
    const keys = { openai: randomBytes(12).toString('hex'), deepgram: randomBytes(12).toString('hex') }
    const upstreamUrl = `ws://127.0.0.1:${upstream.port}`
    const { relay, close } = await startMinimalRelay({ upstreamUrl, keys, passesQuery })
    const variables = { OPENAI_API_KEY: keys.openai, DEEPGRAM_API_KEY: keys.deepgram }
    const token = randomBytes(8).toString('hex')
    const settings = readSettings({
      relay,
      upstreamPort: upstream.port,
      profile: 'minimal',
      variables,
      token,
    })
    try {
      const verdicts = await judgeWith(settings, upstream)
      assert.deepEqual(caught(verdicts), [])
      assert.ok(verdicts.every(({ result }) => result === 'pass'))
      assert.equal(upstream.byOrder, !passesQuery)
    } finally {
      close()
      upstream.close()
    }
  })
}
