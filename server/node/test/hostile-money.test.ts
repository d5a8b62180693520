import assert from 'node:assert/strict'
import { test } from 'node:test'
import { handshakeRequest, RawClient } from './support/peers.ts'
import { setUp } from './support/relays.ts'
import { assertEnds, linesOf, pair, stillServes } from './support/sessions.ts'

// R-LIMIT-3, R-LIMIT-5, R-LIFE-6
test('Relay gives one user with fifty tabs as many sessions as one user may have', async (t) => {
  const setup = await setUp(t, { maxConnectionsPerUser: 10, maxConnectionsPerIp: 0 })
  const tabs = await Promise.all(
    Array.from({ length: 50 }, async () => {
      const headers = await setup.authorization({ user: 'fifty' })
      const client = await RawClient.open(t, setup.url)
      client.write(handshakeRequest('/v1/realtime', headers))
      return { client, status: await client.status() }
    }),
  )
  const open = tabs.filter(({ status }) => status === 101)
  assert.equal(open.length, 10)
  assert.equal(tabs.filter(({ status }) => status === 429).length, 40)
  const codes = linesOf(setup, 'upgrade refused').map((line) => line['code'])
  assert.deepEqual(codes, Array(40).fill('too_many_connections'))
  for (let dialled = 0; dialled < 10; dialled += 1) await setup.upstream.accept()
  assert.equal(setup.upstream.requests.length, 10)
  await stillServes(t, setup) // another user
  for (const { client } of open) client.socket.destroy()
  await setup.ended(11)
  assert.equal(setup.relay.sessions, 0)
})

// R-LIFE-5, R-LIFE-6
test('Relay ends a session that both sides would keep open for ever, and its provider with it', async (t) => {
  const setup = await setUp(t, { maxSessionSeconds: 1, inactivityMs: 500 })
  const { client, provider } = await pair(t, setup)
  let last = 0
  provider.socket.on('message', () => {
    last += 1
    provider.send('{"type":"more"}')
  })
  client.socket.on('message', () => {
    if (client.socket.readyState === client.socket.OPEN) client.send('{"type":"more"}')
  })
  client.send('{"type":"more"}')
  await assertEnds(client, 'session_limit', 4408)
  assert.ok(last > 1)
  assert.equal((await provider.closed).code, 1001)
  await setup.ended(1)
  const line = linesOf(setup, 'session ended')[0]!
  assert.deepEqual([line['code'], line['endedBy']], ['session_limit', 'relay'])
  assert.equal(setup.upstream.connections, 0)
  await stillServes(t, setup)
})

// R-LIFE-4, R-LIFE-6
test('Relay ends a session that is left alone with an open microphone', async (t) => {
  const setup = await setUp(t, { inactivityMs: 400 })
  const { client, provider } = await pair(t, setup)
  provider.socket.on('message', () => client.send('{"type":"input_audio_buffer.append","audio":"AAAA"}'))
  client.send('{"type":"input_audio_buffer.append","audio":"AAAA"}')
  await assertEnds(client, 'inactivity_timeout', 4408)
  await provider.closed
  assert.equal((await setup.logged('session ended'))['code'], 'inactivity_timeout')
  await stillServes(t, setup)
})
