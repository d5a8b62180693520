import assert from 'node:assert/strict'
import { on } from 'node:events'
import { test } from 'node:test'
import { WebSocket } from 'ws'
import type { Emulator } from '../src/index.ts'
import { TestClient } from './support/client.ts'
import { deepgramKey, SETTINGS } from './support/deepgram.ts'
import { connectOpenAI, openaiKey, startEmulator, update } from './support/openai.ts'

const QUERY = 'model=gpt-realtime-2.1'

test('a refuse fault answers the upgrade with its status, as often as it says', async (context) => {
  const fault = { type: 'refuse', status: 429, headers: { 'retry-after': '2' }, times: 2 } as const
  const emulator = await startEmulator(context, { faults: [fault] })
  for (let i = 0; i < 2; i++) {
    const { status, headers } = await connectOpenAI(emulator, QUERY).refused()
    assert.equal(status, 429)
    assert.equal(headers['retry-after'], '2')
  }
  await connectOpenAI(emulator, QUERY).next('session.created')
})

test('a fault strikes only its path, and no more once disarmed', async (context) => {
  const emulator = await startEmulator(context)
  emulator.addFault({ type: 'refuse', status: 503, path: '/v1/agent/converse' })
  await connectOpenAI(emulator, QUERY).next('session.created')
  const disarm = emulator.addFault({ type: 'refuse', status: 503 })
  assert.equal((await connectOpenAI(emulator, QUERY).refused()).status, 503)
  disarm()
  await connectOpenAI(emulator, QUERY).next('session.created')
})

test('a close fault strikes behind the message that completes its count', async (context) => {
  const faults = [{ type: 'close', code: 1012, reason: 'restart', afterReceived: 2 }] as const
  const emulator = await startEmulator(context, { faults })
  const client = connectOpenAI(emulator, QUERY)
  const closing = emulator.once('close')
  await client.next('session.created')
  await update(client, {})
  client.send({ type: 'input_audio_buffer.clear' })
  assert.deepEqual(await client.closed, { code: 1012, reason: 'restart' })
  assert.deepEqual(client.types, ['session.created', 'session.updated', 'input_audio_buffer.cleared'])
  assert.equal((await closing).closed?.by, 'emulator')
})

test('a close fault without a trigger strikes at once', async (context) => {
  const emulator = await startEmulator(context, { faults: [{ type: 'close', code: 1011, times: 1 }] })
  assert.equal((await connectOpenAI(emulator, QUERY).closed).code, 1011)
  await connectOpenAI(emulator, QUERY).next('session.created')
})

test('a drop fault breaks the line without a close', async (context) => {
  const emulator = await startEmulator(context, { faults: [{ type: 'drop', afterSent: 1 }] })
  assert.equal((await connectOpenAI(emulator, QUERY).closed).code, 1006)
})

test('a stall fault sends and reads no more, and the line stays open', async (context) => {
  const emulator = await startEmulator(context, { faults: [{ type: 'stall', afterSent: 1, times: 1 }] })
  const client = connectOpenAI(emulator, QUERY)
  await client.next('session.created')
  client.send({ type: 'session.update', session: { type: 'realtime' } })
  // A second client has been served all the while.
  const other = connectOpenAI(emulator, QUERY)
  await other.next('session.created')
  await update(other, {})
  assert.deepEqual(client.types, ['session.created'])
  assert.equal(client.socket.readyState, client.socket.OPEN)
  assert.equal(emulator.connections[0]!.received.length, 0)
})

test('a swallow fault loses messages on their way to the client', async (context) => {
  const emulator = await startEmulator(context, { faults: [{ type: 'swallow', afterSent: 1, count: 1 }] })
  const client = connectOpenAI(emulator, QUERY)
  await client.next('session.created')
  client.send({ type: 'session.update', session: { type: 'realtime' } })
  client.send({ type: 'input_audio_buffer.clear' })
  await client.next('input_audio_buffer.cleared')
  assert.deepEqual(client.types, ['session.created', 'input_audio_buffer.cleared'])
})

test('a never-answer fault leaves the handshake hanging until the client gives up', async (context) => {
  const emulator = await startEmulator(context, { faults: [{ type: 'never-answer', times: 1 }] })
  const refusing = emulator.once('refused')
  const hanging = connectOpenAI(emulator, QUERY)
  assert.equal((await refusing).status, 0)
  const second = connectOpenAI(emulator, QUERY)
  await second.next('session.created')
  assert.equal(hanging.socket.readyState, hanging.socket.CONNECTING)
  // Closing does not wait for who was never answered.
  await emulator.close()
  await hanging.closed
})

test('a stall fault with forMs goes on in order and loses nothing', async (context) => {
  const fault = { type: 'stall', afterSent: 2, forMs: 80, times: 1 } as const
  const emulator = await startEmulator(context, { faults: [fault] })
  const client = connectOpenAI(emulator, QUERY)
  await client.next('session.created')
  await update(client, {})
  const stalledAt = performance.now()
  // The answer to the update completed the count: what comes now waits.
  for (const event_id of ['a', 'b', 'c']) client.send({ type: 'input_audio_buffer.clear', event_id })
  client.send({ type: 'session.update', session: { type: 'realtime', instructions: 'Be brief.' } })
  const updated = await client.next('session.updated', { after: 2 })
  assert.ok(performance.now() - stalledAt > 70)
  assert.equal((updated['session']! as { instructions: string }).instructions, 'Be brief.')
  assert.deepEqual(client.types.slice(2), [...Array(3).fill('input_audio_buffer.cleared'), 'session.updated'])
})

test('a stall fault with forMs holds back what is sent, the close last', async (context) => {
  const fault = { type: 'stall', afterSent: 1, forMs: 80 } as const
  const timeouts = { openaiSessionMs: 20 }
  const emulator = await startEmulator(context, { faults: [fault], timeouts })
  const client = connectOpenAI(emulator, QUERY)
  await client.next('session.created')
  const stalledAt = performance.now()
  assert.equal((await client.closed).code, 1001)
  assert.ok(performance.now() - stalledAt > 70)
  assert.deepEqual(client.types, ['session.created', 'error'])
})

/** A client that keeps what it is sent as it stands; resolves with the first `count` messages. */
async function rawMessages(
  emulator: Emulator,
  { count, events = [] }: { count: number; events?: object[] },
): Promise<{ data: Buffer; binary: boolean }[]> {
  const headers = { authorization: `Bearer ${openaiKey()}` }
  const socket = new WebSocket(`${emulator.webSocketUrl}/v1/realtime?${QUERY}`, { headers })
  const messages: { data: Buffer; binary: boolean }[] = []
  socket.on('open', () => {
    for (const event of events) socket.send(JSON.stringify(event))
  })
  for await (const [data, binary] of on(socket, 'message')) {
    if (messages.push({ data, binary }) === count) break
  }
  socket.close()
  return messages
}

test('a send fault sends text that is no JSON, unknown types, bytes and 10 MB as they are', async (context) => {
  const all = ['{"type":', '{"type":"no.such.event"}', new Uint8Array([1, 2, 3]), 'x'.repeat(10_000_000)]
  const faults = all.map((data) => ({ type: 'send', data, afterSent: 1 }) as const)
  const emulator = await startEmulator(context, { faults })
  const [created, ...sent] = await rawMessages(emulator, { count: 5 })
  assert.equal(JSON.parse(created!.data.toString()).type, 'session.created')
  assert.deepEqual(
    sent.map(({ binary }) => binary),
    [false, false, true, false],
  )
  assert.deepEqual(
    sent.map(({ data }) => data),
    all.map((data) => Buffer.from(data)),
  )
  const [, noJson, unknown] = emulator.connections[0]!.sent
  assert.equal(noJson!.data, '{"type":')
  assert.equal(unknown!.type, 'no.such.event')
})

test('a truncate fault leaves one message whose JSON ends in the middle', async (context) => {
  const emulator = await startEmulator(context, { faults: [{ type: 'truncate', afterSent: 1, bytes: 20 }] })
  const clear = { type: 'input_audio_buffer.clear' }
  const messages = await rawMessages(emulator, { count: 3, events: [clear, clear] })
  const texts = messages.map(({ data }) => data.toString())
  assert.equal(texts[1], '{"type":"input_audio')
  assert.equal(JSON.parse(texts[2]!).type, 'input_audio_buffer.cleared')
  assert.equal(emulator.connections[0]!.sent[1]!.data, texts[1])
})

test('a truncate fault cuts sound too', async (context) => {
  // Welcome, SettingsApplied, AgentStartedSpeaking and two latencies precede the sound.
  const faults = [{ type: 'truncate', afterSent: 5, bytes: 17 }] as const
  const emulator = await startEmulator(context, { faults, pace: { deepgramChunkBytes: [960] } })
  const client = new TestClient(`${emulator.webSocketUrl}/v1/agent/converse`, ['token', deepgramKey()])
  await client.next('Welcome')
  client.send({ ...SETTINGS, agent: { ...SETTINGS.agent, greeting: 'Hello.' } })
  await client.next('AgentAudioDone')
  const sizes = client.binary.map(({ length }) => length)
  assert.deepEqual(sizes.slice(0, 3), [17, 960, 960])
})

test('a duplicate fault sends the next messages twice', async (context) => {
  const emulator = await startEmulator(context, { faults: [{ type: 'duplicate', afterSent: 1, count: 2 }] })
  const client = connectOpenAI(emulator, QUERY)
  await client.next('session.created')
  for (let i = 0; i < 3; i++) client.send({ type: 'input_audio_buffer.clear' })
  await update(client, {})
  const ids = client.messages.slice(1, -1).map((message) => String(message['event_id']))
  assert.equal(ids.length, 5)
  assert.equal(new Set(ids).size, 3)
  assert.deepEqual([ids[0], ids[2]], [ids[1], ids[3]])
  assert.equal(emulator.connections[0]!.sent.length, 7)
})

test('a reorder fault sends the next messages last one first', async (context) => {
  const emulator = await startEmulator(context, { faults: [{ type: 'reorder', afterSent: 1, count: 3 }] })
  const client = connectOpenAI(emulator, QUERY)
  await client.next('session.created')
  client.send({ type: 'input_audio_buffer.clear' })
  client.send({ type: 'session.update', session: { type: 'realtime' } })
  client.send({ type: 'response.cancel' })
  client.send({ type: 'input_audio_buffer.clear' })
  await client.until(() => (client.messages.length === 5 ? true : undefined), 'five messages')
  const [, ...types] = client.types
  const cleared = 'input_audio_buffer.cleared'
  assert.deepEqual(types, ['error', 'session.updated', cleared, cleared])
})

test('a reorder fault sends what still waits before the close', async (context) => {
  const faults = [
    { type: 'reorder', afterSent: 1, count: 9 },
    { type: 'close', code: 1012, afterReceived: 2 },
  ] as const
  const emulator = await startEmulator(context, { faults })
  const client = connectOpenAI(emulator, QUERY)
  await client.next('session.created')
  client.send({ type: 'input_audio_buffer.clear' })
  client.send({ type: 'session.update', session: { type: 'realtime' } })
  assert.equal((await client.closed).code, 1012)
  assert.deepEqual(client.types.slice(1), ['session.updated', 'input_audio_buffer.cleared'])
})
