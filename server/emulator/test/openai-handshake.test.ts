import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { TestClient } from './support/client.ts'
import { connectOpenAI, openaiKey, startEmulator } from './support/openai.ts'

const MODEL = 'model=gpt-realtime-2.1'

async function connectWith(
  context: TestContext,
  {
    query = MODEL,
    protocols = [] as string[],
    headers = {} as Record<string, string>,
    keys = [] as string[],
  } = {},
) {
  const emulator = await startEmulator(context, keys.length > 0 ? { apiKeys: { openai: keys } } : {})
  const client = new TestClient(`${emulator.webSocketUrl}/v1/realtime?${query}`, protocols, headers)
  return { emulator, client }
}

test('the handshake takes a bearer key and answers no subprotocol', async (context) => {
  const { client } = await connectWith(context, { headers: { authorization: `Bearer ${openaiKey()}` } })
  await client.next('session.created')
  assert.equal(client.socket.protocol, '')
})

test('the handshake takes a browser’s subprotocols, with extras, and answers realtime alone', async (context) => {
  const extras = ['openai-agents-sdk.0.20.0', 'openai-organization.org-1', 'openai-project.proj_1']
  const protocols = ['realtime', `openai-insecure-api-key.${openaiKey()}`, ...extras]
  const { client, emulator } = await connectWith(context, { protocols })
  await client.next('session.created')
  assert.equal(client.socket.protocol, 'realtime')
  assert.deepEqual(emulator.connections[0]!.offered, protocols)
})

test('the handshake refuses with 401 where there is no credential', async (context) => {
  const { client } = await connectWith(context, { protocols: ['realtime'] })
  assert.equal((await client.refused()).status, 401)
})

for (const query of ['', `${MODEL}&intent=transcription`, 'intent=other', 'model=a&call_id=rtc_1']) {
  test(`the handshake refuses the query "${query}" with 400`, async (context) => {
    const headers = { authorization: `Bearer ${openaiKey()}` }
    const { client } = await connectWith(context, { query, headers })
    assert.equal((await client.refused()).status, 400)
  })
}

test('the handshake attaches to calls that exist and answers 404 for others', async (context) => {
  const emulator = await startEmulator(context, { calls: ['rtc_known'] })
  const known = connectOpenAI(emulator, 'call_id=rtc_known')
  assert.equal((await known.next('session.created'))['session']!['type'], 'realtime')
  assert.equal((await connectOpenAI(emulator, 'call_id=rtc_other').refused()).status, 404)
})

test('a wrong key is told by an error event and close 3000', async (context) => {
  const key = openaiKey()
  const { client } = await connectWith(context, {
    keys: [openaiKey()],
    protocols: ['realtime', `openai-insecure-api-key.${key}`],
  })
  const { error } = await client.next('error')
  assert.equal(error!['code'], 'invalid_api_key')
  assert.deepEqual(await client.closed, { code: 3000, reason: 'invalid_request_error.invalid_api_key' })
  assert.ok(!JSON.stringify(client.messages).includes(key))
  assert.ok(!client.types.includes('session.created'))
})

for (const [name, extra] of [
  ['header', { headers: { 'OpenAI-Beta': 'realtime=v1' } }],
  ['subprotocol', { protocols: ['openai-beta.realtime-v1'] }],
] as const) {
  test(`a beta ${name} is accepted, refused by an error event, and closed with 4000`, async (context) => {
    const { client } = await connectWith(context, {
      protocols: [
        'realtime',
        `openai-insecure-api-key.${openaiKey()}`,
        ...('protocols' in extra ? extra.protocols : []),
      ],
      headers: 'headers' in extra ? { ...extra.headers } : {},
    })
    assert.equal((await client.next('error'))['error']!['code'], 'beta_api_shape_disabled')
    assert.equal((await client.closed).code, 4000)
  })
}

test('a model that is gone is model_not_found', async (context) => {
  const emulator = await startEmulator(context)
  const client = connectOpenAI(emulator, 'model=gpt-4o-realtime-preview')
  assert.equal((await client.next('error'))['error']!['code'], 'model_not_found')
  assert.equal((await client.closed).code, 3000)
})

test('intent=transcription opens a session without a voice, in which no response can be asked for', async (context) => {
  const emulator = await startEmulator(context)
  const client = connectOpenAI(emulator, 'intent=transcription')
  const { session } = await client.next('session.created')
  assert.equal(session!['type'], 'transcription')
  assert.deepEqual(Object.keys(session!['audio']!), ['input'])
  client.send({ type: 'response.create' })
  assert.equal((await client.next('error'))['error']!['code'], 'invalid_value')
})

test('an unknown path is 404', async (context) => {
  const emulator = await startEmulator(context)
  const client = new TestClient(`${emulator.webSocketUrl}/v1/other`)
  assert.equal((await client.refused()).status, 404)
})
