import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { fragment } from './support/fragments.ts'
import { setUp } from './support/relays.ts'
import { pair, rawPair } from './support/sessions.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** What is in use, after all that is not was given back. */
function usedBytes(): number {
  collect()
  // V8 gives the memory of buffers back on another thread, which the next collection waits for.
  collect()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

// R-MSG-5
test('A message in the smallest of fragments takes no more memory behind a policy than it has bytes', async (t) => {
  const setup = await setUp(t, { policy: { '/v1/listen': {} } })
  const part = fragment(0, 'x', { final: false })
  const burst = Buffer.concat([
    fragment(1, '{', { final: false }),
    ...Array<Buffer>(130_000).fill(part),
    fragment(9, 'all of it'),
  ])
  const { client, provider } = await rawPair(t, setup)
  const before = usedBytes()
  client.write(burst)
  await client.until((received) => received.includes('all of it'))
  const grown = usedBytes() - before
  assert.ok(grown < 2 << 20, `${grown} bytes for ${burst.length} on the wire`)
  client.write(fragment(0, '', { final: true }))
  await client.until((received) => received.includes('message_forbidden'))
  client.write(fragment(1, '{"type":"KeepAlive"}'))
  assert.equal((await provider.nextJson()).type, 'KeepAlive')
})

test('A client that brings other tools again and again takes no more memory for all of them', async (t) => {
  const setup = await setUp(t, { policy: { '/v1/realtime': { fields: ['session.tools'] } } })
  const { client, provider } = await pair(t, setup)
  const update = () => {
    const names = Array.from({ length: 5000 }, () => randomBytes(30).toString('hex'))
    const tools = names.map((name) => ({ type: 'function', name }))
    return JSON.stringify({ type: 'session.update', session: { tools } })
  }
  const bring = async (times: number) => {
    for (let brought = 0; brought < times; brought += 1) {
      client.send(update())
      await provider.next()
    }
  }
  await bring(2)
  const before = usedBytes()
  await bring(20)
  const grown = usedBytes() - before
  assert.ok(grown < 2 << 20, `${grown} bytes`)
})
