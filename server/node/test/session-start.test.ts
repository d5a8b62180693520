import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createRelay } from '../src/index.ts'
import { connect, handshakeRequest, RawClient } from './support/peers.ts'
import { setUp } from './support/relays.ts'
import { pair } from './support/sessions.ts'

test('A ticket for one model opens no session in which the provider would see another query', async (t) => {
  const setup = await setUp(t)
  const headers = await setup.authorization({ model: 'gpt-realtime' })
  const client = await RawClient.open(t, setup.url)
  client.write(handshakeRequest('/v1/realtime?intent=transcription#&model=gpt-realtime', headers))
  assert.equal(await client.status(), 403)
  const again = await RawClient.open(t, setup.url)
  await again.handshake('/v1/realtime?model=gpt-realtime#&intent=transcription', headers)
  await setup.upstream.accept()
  assert.deepEqual(
    setup.upstream.requests.map(({ url }) => url),
    ['/v1/realtime?model=gpt-realtime'],
  )
})

test('createRelay() refuses a key that fits into no header, and does not show it', () => {
  for (const provider of ['openai', 'deepgram']) {
    for (const apiKey of ['key\n', 'k ey', 'kéy']) {
      const options = { [provider]: { apiKey }, allowedOrigins: [], open: true, production: false }
      assert.throws(
        () => createRelay(options),
        (error: Error) => error.message.includes(`key of ${provider}`) && !error.message.includes(apiKey),
      )
    }
  }
})

test('A tracer that throws costs spans and nothing else', async (t) => {
  const fail = (): never => {
    throw new Error('out of order')
  }
  for (const startSpan of [
    fail,
    () => ({ setAttributes: fail, setStatus: fail, end: fail, addEvent: fail }),
  ]) {
    const setup = await setUp(t, { tracer: { startSpan } as never, maxConnections: 1 })
    await assert.rejects(connect(t, `${setup.url}/v1/realtime`), /HTTP 401/)
    for (let ended = 1; ended < 3; ended += 1) {
      const { client, provider } = await pair(t, setup)
      client.send('still served')
      assert.equal((await provider.next()).data, 'still served')
      client.socket.close()
      await setup.ended(ended)
    }
  }
})

// R-LIFE-1
test('Relay dials nobody for a client that has left while its ticket was judged', async (t) => {
  const gate = Promise.withResolvers<void>()
  const asked = Promise.withResolvers<void>()
  const setup = await setUp(t, {
    authenticate: async () => {
      asked.resolve()
      await gate.promise
      return { user: 'ann' }
    },
  })
  const client = await RawClient.open(t, setup.url)
  client.write(handshakeRequest('/v1/realtime'))
  await asked.promise
  client.socket.end()
  const { client: other, provider } = await pair(t, setup) // by then the relay has heard of the end, too
  gate.resolve()
  await client.closed
  other.send('still served')
  assert.equal((await provider.next()).data, 'still served')
  other.socket.close()
  await setup.ended(1)
  assert.equal(setup.relay.sessions, 0)
  assert.equal(setup.upstream.requests.length, 1)
})
