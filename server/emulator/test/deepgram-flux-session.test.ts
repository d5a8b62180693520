import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Message, TestClient } from './support/client.ts'
import { connectStream, openStream, silence, streamSound } from './support/deepgram-streams.ts'
import { startEmulator } from './support/openai.ts'
import { bytesOf, humanSpeech, shortSpeech } from './support/speech.ts'

const RAW = 'encoding=linear16&sample_rate=16000'
const PATH = `/v2/listen?model=flux-general-en&${RAW}`
const TEXT = 'Hello there, how are you today?'
/** Speech from 0.32 s to 2 s, and silence up to 3 s. */
const SPEECH = shortSpeech(16000)

function turns(client: TestClient): Message[] {
  return client.messages.filter(({ type }) => type === 'TurnInfo')
}

function events(client: TestClient): unknown[] {
  return turns(client).map(({ event }) => event)
}

/** Resolves with the first TurnInfo of that event after the first `after` messages. */
function turn(client: TestClient, event: string, after = 0): Promise<Message> {
  return client.next('TurnInfo', { after, where: (message) => message['event'] === event })
}

for (const [query, field] of [
  [RAW, 'model'],
  [`model=nova-3&${RAW}`, 'model'],
  ['model=flux-general-en&encoding=linear16', 'sample_rate'],
  ['model=flux-general-en', 'Not emulated'],
  ['model=flux-general-en&encoding=ogg-opus&sample_rate=48000', 'Not emulated: encoding ogg-opus'],
  [`model=flux-general-en&${RAW}&eot_threshold=0.4`, 'eot_threshold'],
  [`model=flux-general-en&${RAW}&eager_eot_threshold=0.95`, 'eager_eot_threshold'],
  [`model=flux-general-en&${RAW}&eager_eot_threshold=0.8`, 'eager_eot_threshold'],
  [`model=flux-general-en&${RAW}&eot_timeout_ms=499`, 'eot_timeout_ms'],
  [`model=flux-general-en&${RAW}&language_hint=de`, 'flux-general-multi'],
  [`model=flux-general-en&${RAW}&interim_results=true`, 'interim_results'],
  [`model=flux-general-en&${RAW}&redact=ssn`, 'redact'],
] as const) {
  test(`/v2/listen refuses "${query}" with 400`, async (context) => {
    const emulator = await startEmulator(context)
    const { status, body, headers } = await connectStream(emulator, `/v2/listen?${query}`).refused()
    assert.equal(status, 400)
    assert.ok(JSON.parse(body).err_msg.includes(field), body)
    assert.ok(headers['dg-error'])
  })
}

test('a turn starts, is updated and ends, with a rising sequence', async (context) => {
  const { client, connection } = await openStream(context, PATH, { transcripts: [TEXT] })
  streamSound(client, SPEECH)
  const end = await turn(client, 'EndOfTurn')
  assert.equal(connection.protocol, 'deepgram-flux')
  assert.equal(client.messages[0]!.type, 'Connected')
  assert.deepEqual(
    client.messages.map((message) => message['sequence_id']),
    client.messages.map((_, i) => i),
  )
  const [first, ...rest] = events(client)
  assert.equal(first, 'StartOfTurn')
  assert.ok(rest.length >= 6 && rest.slice(0, -1).every((event) => event === 'Update'))
  const texts = turns(client).map(({ transcript }) => transcript! as string)
  assert.equal(texts[0], 'Hello')
  assert.ok(texts.every((text, i) => text.startsWith(texts[i - 1] ?? '')))
  assert.ok(turns(client).every((message) => message['turn_index'] === 0 && !('languages' in message)))
  assert.equal(end['trigger'], 'model')
  assert.equal(end['transcript'], TEXT)
  assert.equal(end['end_of_turn_confidence'], 0.7)
  assert.deepEqual([end['audio_window_start'], end['audio_window_end']], [0, 2.5])
  const words = end['words'] as unknown as { word: string; start: number; end: number }[]
  assert.deepEqual([words[0]!.start, words.at(-1)!.end], [0.32, 2])
  assert.equal(words.map(({ word }) => word).join(' '), TEXT)
})

test('the next turn has the next index, and its window begins where the last one ended', async (context) => {
  const { client } = await openStream(context, PATH, { transcripts: [TEXT, 'Again.'] })
  streamSound(client, SPEECH)
  await turn(client, 'EndOfTurn')
  const after = client.messages.length
  streamSound(client, SPEECH)
  const end = await turn(client, 'EndOfTurn', after)
  assert.equal(end['turn_index'], 1)
  assert.equal(end['audio_window_start'], 2.5)
  assert.equal(end['transcript'], 'Again.')
})

test('EagerEndOfTurn says what EndOfTurn says if nothing follows', async (context) => {
  for (const options of [{ transcripts: [TEXT] }, { transcribe: ({ ms }: { ms: number }) => `${ms}` }]) {
    const { client } = await openStream(context, `${PATH}&eager_eot_threshold=0.5`, options)
    streamSound(client, SPEECH)
    const end = await turn(client, 'EndOfTurn')
    const eager = await turn(client, 'EagerEndOfTurn')
    assert.equal(eager['end_of_turn_confidence'], 0.5)
    assert.equal(eager['audio_window_end'], 2.3)
    assert.notEqual(eager['transcript'], '')
    assert.equal(eager['transcript'], end['transcript'])
    assert.equal(eager['trigger'], undefined)
    assert.deepEqual(events(client).slice(-2), ['EagerEndOfTurn', 'EndOfTurn'])
  }
})

test('speech that goes on resumes the turn', async (context) => {
  const path = `${PATH}&eot_threshold=0.9&eager_eot_threshold=0.5`
  const { client } = await openStream(context, path, { transcripts: [TEXT] })
  streamSound(client, humanSpeech(16000))
  streamSound(client, silence(1000))
  await client.next('TurnInfo', { where: (message) => message['event'] === 'TurnResumed' })
  await turn(client, 'EndOfTurn')
  const kinds = events(client).filter((event) => event !== 'Update')
  assert.deepEqual(kinds.slice(0, 3), ['StartOfTurn', 'EagerEndOfTurn', 'TurnResumed'])
  assert.ok(
    turns(client).every(({ turn_index: index }, i, all) => index! >= (all[i - 1]?.['turn_index'] ?? 0)),
  )
})

test('eot_timeout_ms ends a turn at any confidence, and eot_threshold 1 leaves it the only end', async (context) => {
  const path = `${PATH}&eot_threshold=1&eot_timeout_ms=900`
  const { client } = await openStream(context, path, { transcripts: [TEXT] })
  streamSound(client, SPEECH)
  const end = await turn(client, 'EndOfTurn')
  assert.equal(end['trigger'], 'timeout')
  assert.equal(end['audio_window_end'], 2.9)
})

test('ForceEndTurn ends the turn at once, and does nothing without one', async (context) => {
  const { client } = await openStream(context, PATH, { transcripts: [TEXT] })
  client.send({ type: 'ForceEndTurn' })
  streamSound(client, SPEECH.subarray(0, 24_000))
  client.send({ type: 'ForceEndTurn' })
  const end = await turn(client, 'EndOfTurn')
  assert.equal(end['trigger'], 'manual')
  assert.equal(end['transcript'], TEXT)
  assert.equal(end['turn_index'], 0)
  assert.equal(events(client).filter((event) => event === 'EndOfTurn').length, 1)
})

test('Configure changes what it names and answers the effective values', async (context) => {
  const path = `/v2/listen?model=flux-general-multi&${RAW}&keyterm=a&keyterm=b&eot_timeout_ms=2000`
  const { client } = await openStream(context, path, { transcripts: [TEXT] })
  client.send({
    type: 'Configure',
    thresholds: { eot_threshold: 0.9 },
    language_hints: ['de'],
    numerals: true,
  })
  const { type, request_id: id, sequence_id: sequence, ...effective } = await client.next('ConfigureSuccess')
  assert.equal(sequence, 1)
  assert.equal(id, client.messages[0]!['request_id'])
  assert.deepEqual(effective as object, {
    thresholds: { eot_threshold: 0.9, eot_timeout_ms: 2000 },
    keyterms: ['a', 'b'],
    language_hints: ['de'],
    numerals: true,
  })
  streamSound(client, SPEECH)
  const end = await turn(client, 'EndOfTurn')
  assert.equal(end['audio_window_end'], 2.7)
  assert.deepEqual(end['languages'], ['en'])
  assert.deepEqual(end['languages_hinted'], ['de'])
})

for (const [field, message] of [
  ['thresholds.eot_threshold', { thresholds: { eot_threshold: 2 } }],
  ['eager_eot_threshold', { thresholds: { eager_eot_threshold: 0.8 } }],
  ['colour', { colour: 'red' }],
  ['keyterms', { keyterms: 5 }],
  ['flux-general-multi', { language_hints: ['de'] }],
] as const) {
  test(`ConfigureFailure names ${field}, and the old values stay`, async (context) => {
    const { client } = await openStream(context, PATH)
    client.send({ type: 'Configure', ...message })
    const failure = await client.next('ConfigureFailure')
    assert.ok((failure['description']! as string).includes(field))
    client.send({ type: 'Configure' })
    const { thresholds, keyterms } = await client.next('ConfigureSuccess')
    assert.deepEqual(thresholds! as object, { eot_threshold: 0.7, eot_timeout_ms: 5000 })
    assert.deepEqual(keyterms! as object, [])
  })
}

for (const text of [
  '{',
  '[]',
  '{"type":"KeepAlive"}',
  '{"type":"Finalize"}',
  '{"type":"CloseStream","x":1}',
]) {
  test(`/v2/listen closes on ${text} with UNPARSABLE_CLIENT_MESSAGE`, async (context) => {
    const { client } = await openStream(context, PATH)
    client.sendText(text)
    assert.deepEqual(await client.closed, { code: 1008, reason: 'UNPARSABLE_CLIENT_MESSAGE' })
    const error = client.messages.at(-1)!
    assert.equal(error.type, 'Error')
    assert.equal(error['code'], 'UNPARSABLE_CLIENT_MESSAGE')
    assert.equal(error['sequence_id'], 1)
  })
}

test('Flux waits for sound alone, and not for long', async (context) => {
  const { client, connection } = await openStream(context, PATH, { timeouts: { fluxSilenceMs: 200 } })
  let left = 12
  const sound = setInterval(() => {
    client.sendBytes(bytesOf(silence(80)))
    if (--left === 0) clearInterval(sound)
  }, 20)
  assert.deepEqual(await client.closed, { code: 1011, reason: 'NET-0001' })
  assert.equal(client.messages.at(-1)!.type, 'Error')
  assert.equal(connection.input.chunks.length, 12)
  assert.ok(performance.now() - connection.input.chunks.at(-1)!.at >= 195)
})

test('CloseStream ends the turn under way and closes with 1000', async (context) => {
  const { client } = await openStream(context, PATH, { transcripts: [TEXT] })
  streamSound(client, SPEECH.subarray(0, 24_000))
  client.send({ type: 'CloseStream' })
  assert.equal((await client.closed).code, 1000)
  assert.equal(turns(client).at(-1)!['event'], 'EndOfTurn')
  assert.equal(turns(client).at(-1)!['transcript'], TEXT)
})

test('Emulator.close() tells Flux clients that the server goes away', async (context) => {
  const { client, emulator } = await openStream(context, PATH)
  await client.next('Connected')
  await emulator.close()
  assert.deepEqual(await client.closed, { code: 1001, reason: 'SERVER_GOING_AWAY' })
  assert.equal(client.messages.at(-1)!['code'], 'SERVER_GOING_AWAY')
})
