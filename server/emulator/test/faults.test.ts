import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connectOpenAI, startEmulator, update } from './support/openai.ts'

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
