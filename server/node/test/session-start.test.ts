import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createRelay } from '../src/index.ts'
import { handshakeRequest, RawClient } from './support/peers.ts'
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

test('A tracer that throws costs one client its session, no place, and nobody else anything', async (t) => {
  let broken = true
  const span = { setAttributes: () => {}, setStatus: () => {}, end: () => {}, isRecording: () => false }
  const startSpan = () => {
    if (broken) throw new Error('out of order')
    return span
  }
  const setup = await setUp(t, { tracer: { startSpan } as never, maxConnections: 1 })
  const client = await RawClient.open(t, setup.url)
  client.write(handshakeRequest('/v1/realtime', await setup.authorization()))
  await client.closed
  await setup.logged('session failed')
  broken = false
  await pair(t, setup)
})
