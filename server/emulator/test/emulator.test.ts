import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ConnectionSummary } from '../src/index.ts'
import { TestClient } from './support/client.ts'
import { deepgramKey } from './support/deepgram.ts'
import { ask, connectOpenAI, openaiKey, openSession, startEmulator, stream } from './support/openai.ts'
import { bytesOf, shortSpeech } from './support/speech.ts'

const QUERY = 'model=gpt-realtime-2.1'

async function post(url: string, authorization: string, body: unknown) {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const headers: Record<string, string> = authorization === '' ? {} : { authorization }
  const response = await fetch(url, { method: 'POST', headers, body: text })
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}

test('POST client_secrets mints a secret that opens sessions until it expires', async (context) => {
  let now = Date.now()
  const key = openaiKey()
  const emulator = await startEmulator(context, { apiKeys: { openai: [key] }, now: () => now })
  const session = { type: 'realtime', model: 'gpt-realtime-2.1', instructions: 'Be kind.' }
  const expiry = { anchor: 'created_at', seconds: 10 }
  const url = `${emulator.url}/v1/realtime/client_secrets`
  const { status, body } = await post(url, `Bearer ${key}`, { expires_after: expiry, session })
  assert.equal(status, 200)
  assert.match(String(body['value']), /^ek_/)
  assert.equal(body['expires_at'], Math.floor((now + 10_000) / 1000))
  const { id, object, instructions } = body['session'] as Record<string, string>
  assert.match(id!, /^sess_/)
  assert.deepEqual([object, instructions], ['realtime.session', 'Be kind.'])
  const secret = String(body['value'])
  for (let i = 0; i < 2; i++) await connectOpenAI(emulator, QUERY, secret).next('session.created')
  now += 10_001
  const late = connectOpenAI(emulator, QUERY, secret)
  assert.equal((await late.next('error'))['error']!['code'], 'invalid_api_key')
  assert.equal((await late.closed).code, 3000)
})

test('POST client_secrets refuses other keys, lifetimes out of range, and bad sessions', async (context) => {
  const key = openaiKey()
  const emulator = await startEmulator(context, { apiKeys: { openai: [key] } })
  const url = `${emulator.url}/v1/realtime/client_secrets`
  for (const header of ['', `Bearer ${openaiKey()}`, `Token ${key}`])
    assert.equal((await post(url, header, {})).status, 401)
  for (const [body, code, param] of [
    [{ expires_after: { anchor: 'created_at', seconds: 9 } }, 'invalid_value', 'expires_after.seconds'],
    [{ expires_after: { anchor: 'created_at', seconds: 7201 } }, 'invalid_value', 'expires_after.seconds'],
    [{ session: {} }, 'missing_required_parameter', 'session.type'],
    [{ session: { type: 'realtime', voice: 'ash' } }, 'unknown_parameter', 'session.voice'],
    [{ ttl: 5 }, 'unknown_parameter', 'ttl'],
    ['{', 'invalid_type', ''],
  ] as const) {
    const answer = await post(url, `Bearer ${key}`, body)
    assert.equal(answer.status, 400)
    const error = answer.body['error'] as Record<string, unknown>
    assert.deepEqual([error['code'], error['param']], [code, param])
  }
})

test('POST auth/grant mints a token for the handshake; ttl is ignored and ttl_seconds checked', async (context) => {
  let now = Date.now()
  const key = deepgramKey()
  const emulator = await startEmulator(context, { apiKeys: { deepgram: [key] }, now: () => now })
  const url = `${emulator.url}/v1/auth/grant`
  const connect = (token: string) =>
    new TestClient(`${emulator.webSocketUrl}/v1/agent/converse`, ['bearer', token])
  const { status, body } = await post(url, `Token ${key}`, { ttl: 3600 })
  assert.equal(status, 200)
  assert.equal(body['expires_in'], 30)
  const token = String(body['access_token'])
  const open = connect(token)
  await open.next('Welcome')
  now += 30_001
  assert.equal((await connect(token).refused()).status, 401)
  assert.equal(open.socket.readyState, open.socket.OPEN)
  for (const seconds of [0, 3601, 1.5, '30']) {
    assert.equal((await post(url, `Token ${key}`, { ttl_seconds: seconds })).status, 400)
  }
  assert.equal((await post(url, `Bearer ${key}`, {})).status, 401)
  assert.equal((await post(url, `Token ${deepgramKey()}`, {})).status, 401)
})

test('GET /health answers, and what is unknown is 404', async (context) => {
  const emulator = await startEmulator(context)
  assert.deepEqual(await (await fetch(`${emulator.url}/health`)).json(), { status: 'ok' })
  assert.equal((await fetch(`${emulator.url}/other`)).status, 404)
  assert.equal((await fetch(`${emulator.url}/v1/realtime`)).status, 426)
})

test('GET /emulator/connections lets another process judge, without a credential in it', async (context) => {
  const { client, emulator } = await openSession(context)
  const speech = shortSpeech(24000)
  stream(client, speech)
  await client.next('response.done')
  const base = `${emulator.url}/emulator/connections`
  const text = await (await fetch(base)).text()
  const credential = emulator.connections[0]!.offered[1]!
  assert.ok(!text.includes(credential.split('.')[1]!))
  const [summary] = JSON.parse(text) as ConnectionSummary[]
  assert.equal(summary!.inputMs, 3000)
  assert.equal(summary!.inputChunks, 150)
  assert.ok(summary!.sent.includes('response.done'))
  const [spoken] = summary!.spoken
  const audio = await fetch(`${base}/${summary!.id}/audio`)
  assert.equal(audio.headers.get('x-sample-rate'), '24000')
  assert.deepEqual(Buffer.from(await audio.arrayBuffer()), Buffer.from(bytesOf(speech)))
  const item = await fetch(`${base}/last/spoken/${spoken!.itemId}`)
  assert.equal(
    (await item.arrayBuffer()).byteLength,
    emulator.connections[0]!.spoken[0]!.audio.bytes().length,
  )
  const detail = (await (await fetch(`${base}/${summary!.id}`)).json()) as {
    messages: { received: unknown[] }
  }
  assert.equal(detail.messages.received.length, 150)
  assert.equal((await fetch(`${base}/none`)).status, 404)
  assert.equal((await fetch(`${base}/last/spoken/none`)).status, 404)
})

test('events tell of connections, messages, refusals and closes, and the log says who closed', async (context) => {
  const emulator = await startEmulator(context)
  const connecting = emulator.once('connection')
  const messaging = emulator.once('message', { filter: ({ message }) => message.type === 'response.create' })
  const client = connectOpenAI(emulator, QUERY)
  const connection = await connecting
  const log = await connection.whenSent('session.created')
  assert.ok(log.at >= connection.openedAt && log.at <= performance.now())
  await client.next('session.created')
  await ask(client, 'Hello')
  assert.equal((await messaging).connection, connection)
  await connection.whenReceived('response.create')
  const closing = emulator.once('close')
  client.socket.close(4001, 'bye')
  assert.equal(await closing, connection)
  const { at: _at, ...closed } = connection.closed!
  assert.deepEqual(closed, { code: 4001, reason: 'bye', by: 'client' })
  const refusing = emulator.once('refused')
  new TestClient(`${emulator.webSocketUrl}/v1/realtime?${QUERY}`)
  assert.deepEqual(await refusing, { path: '/v1/realtime', status: 401 })
})

test('Emitter.once() stops waiting when its signal is aborted', async (context) => {
  const emulator = await startEmulator(context)
  const signal = AbortSignal.abort(new Error('enough'))
  await assert.rejects(emulator.once('connection', { signal }), /enough/)
  const later = new AbortController()
  const waiting = emulator.once('connection', { signal: later.signal })
  later.abort(new Error('later'))
  await assert.rejects(waiting, /later/)
})

test('closed connections beyond keepConnections are forgotten, open ones never', async (context) => {
  const emulator = await startEmulator(context, { keepConnections: 1 })
  const first = connectOpenAI(emulator, QUERY)
  await first.next('session.created')
  const second = connectOpenAI(emulator, QUERY)
  await second.next('session.created')
  assert.equal(emulator.connections.length, 2)
  await Promise.all([emulator.once('close'), first.close()])
  await connectOpenAI(emulator, QUERY).next('session.created')
  assert.equal(emulator.connections.length, 2)
  assert.equal(emulator.connections[0]!.closed, null)
})

test('Emulator.close() closes sessions with 1001, cuts off who does not answer, and frees the port', async (context) => {
  const emulator = await startEmulator(context)
  const polite = connectOpenAI(emulator, QUERY)
  await polite.next('session.created')
  const deaf = connectOpenAI(emulator, QUERY)
  await deaf.next('session.created')
  deaf.socket.pause()
  await Promise.all([emulator.close(), emulator.close()])
  assert.equal((await polite.closed).code, 1001)
  deaf.socket.terminate()
  await assert.rejects(fetch(`${emulator.url}/health`))
})

test('a client that leaves in the middle of an answer leaves nothing behind', async (context) => {
  const { client, emulator } = await openSession(context, { pace: { speed: 1 } })
  client.send({ type: 'response.create' })
  await client.next('response.output_audio.delta')
  const closing = emulator.once('close')
  client.socket.terminate()
  const { sent } = await closing
  const count = sent.length
  await connectOpenAI(emulator, QUERY).next('session.created')
  assert.equal(sent.length, count)
})
