import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { encodeAudio } from '../src/audio-format.ts'
import { type Message, TestClient } from './support/client.ts'
import { deepgramKey } from './support/deepgram.ts'
import { connectStream, openStream, silence, streamSound } from './support/deepgram-streams.ts'
import { startEmulator } from './support/openai.ts'
import { bytesOf, humanSpeech, shortSpeech } from './support/speech.ts'

const PATH = '/v1/listen?model=nova-3&encoding=linear16&sample_rate=16000'
const TEXT = 'Hello there, how are you today?'
/** Speech from 0.32 s to 2 s, and silence up to 3 s. */
const SPEECH = shortSpeech(16000)

interface Result {
  readonly transcript: string
  readonly words: { word: string; start: number; end: number; confidence: number; punctuated_word?: string }[]
}

function resultOf(message: Message): Result {
  return (message['channel']! as { alternatives: Result[] }).alternatives[0]!
}

function results(client: TestClient): Message[] {
  return client.messages.filter(({ type }) => type === 'Results')
}

/** Ends the stream and resolves with the types of all messages of it. */
async function finish(client: TestClient): Promise<string[]> {
  client.send({ type: 'CloseStream' })
  assert.deepEqual(await client.closed, { code: 1000, reason: '' })
  return client.types
}

for (const [query, field] of [
  ['', 'model'],
  ['model=nova-3&encoding=linear16', 'sample_rate'],
  ['model=nova-3&encoding=linear16&sample_rate=fast', 'sample_rate'],
  ['model=nova-3&encoding=pcm&sample_rate=16000', 'encoding'],
  ['model=nova-3&encoding=opus&sample_rate=48000', 'Not emulated: encoding opus'],
  ['model=nova-3', 'Not emulated'],
  ['model=flux-general-en&encoding=linear16&sample_rate=16000', '/v2/listen'],
  ['model=nova-3&encoding=linear16&sample_rate=16000&channels=2', 'channels'],
  ['model=nova-3&encoding=linear16&sample_rate=16000&model=nova-2', 'model'],
  ['model=nova-3&encoding=linear16&sample_rate=16000&interim_results=yes', 'interim_results'],
  ['model=nova-3&encoding=linear16&sample_rate=16000&endpointing=true', 'endpointing'],
  ['model=nova-3&encoding=linear16&sample_rate=16000&utterance_end_ms=1000', 'interim_results'],
  [
    'model=nova-3&encoding=linear16&sample_rate=16000&interim_results=true&utterance_end_ms=900',
    'utterance_end_ms',
  ],
  ['model=nova-3&encoding=linear16&sample_rate=16000&colour=r%C3%A9d%0A', 'colour'],
] as const) {
  test(`/v1/listen refuses "${query}" with 400`, async (context) => {
    const emulator = await startEmulator(context)
    const { status, body, headers } = await connectStream(emulator, `/v1/listen?${query}`).refused()
    assert.equal(status, 400)
    const { err_code: code, err_msg: message, request_id: id } = JSON.parse(body)
    assert.equal(code, 'INVALID_QUERY_PARAMETER')
    assert.ok(message.includes(field), message)
    assert.equal(headers['dg-error'], message)
    assert.equal(headers['dg-request-id'], id)
  })
}

test('/v1/listen judges credentials as the agent does, and takes a minted token', async (context) => {
  const key = deepgramKey()
  const emulator = await startEmulator(context, { apiKeys: { deepgram: [key] } })
  const url = emulator.webSocketUrl + PATH
  for (const protocols of [[], ['token', deepgramKey()], ['bearer', key]]) {
    assert.equal((await new TestClient(url, protocols).refused()).status, 401)
  }
  const grant = await fetch(`${emulator.url}/v1/auth/grant`, {
    method: 'POST',
    headers: { authorization: `Token ${key}` },
  })
  const { access_token: token } = (await grant.json()) as { access_token: string }
  const client = new TestClient(url, ['bearer', token])
  await client.opened()
  assert.equal(client.socket.protocol, 'bearer')
  const second = new TestClient(url, [], { authorization: `Token ${key}` })
  await second.opened()
})

test('without interim results an utterance is one final result, then Metadata', async (context) => {
  const { client, connection } = await openStream(context, PATH, { transcripts: [TEXT] })
  streamSound(client, SPEECH)
  const final = await client.next('Results')
  assert.equal(final['is_final'], true)
  assert.equal(final['speech_final'], true)
  assert.equal(final['from_finalize'], false)
  assert.equal(final['start'], 0)
  assert.equal(final['duration'], 2.3)
  assert.deepEqual(final['channel_index'], [0, 1])
  const { transcript, words } = resultOf(final)
  assert.equal(transcript, 'hello there how are you today')
  assert.deepEqual(
    words.map(({ word }) => word),
    transcript.split(' '),
  )
  assert.deepEqual([words[0]!.start, words.at(-1)!.end], [0.32, 2])
  assert.ok(words.every(({ start, end, confidence }) => end > start && confidence > 0.9))
  assert.ok(words.every((word) => word.punctuated_word === undefined))
  assert.deepEqual(await finish(client), ['Results', 'Results', 'Metadata'])
  const metadata = client.messages.at(-1)!
  assert.equal(metadata['duration'], 3)
  assert.equal(metadata['sha256'], createHash('sha256').update(bytesOf(SPEECH)).digest('hex'))
  assert.equal(connection.protocol, 'deepgram-listen')
  assert.deepEqual(connection.input.pcm(), SPEECH)
})

test('interim results grow to the final one', async (context) => {
  const { client } = await openStream(context, `${PATH}&interim_results=true&smart_format=true`, {
    transcripts: [TEXT],
  })
  streamSound(client, SPEECH)
  const final = await client.next('Results', { where: (message) => message['is_final'] === true })
  const interim = results(client).slice(0, -1)
  assert.ok(interim.length >= 3)
  let last = ''
  for (const message of interim) {
    assert.equal(message['is_final'], false)
    assert.equal(message['speech_final'], false)
    const { transcript } = resultOf(message)
    assert.ok(transcript.startsWith(last) && TEXT.startsWith(transcript))
    last = transcript
  }
  assert.ok(last.length > resultOf(interim[0]!).transcript.length)
  assert.equal(resultOf(final).transcript, TEXT)
  assert.equal(resultOf(final).words[1]!.word, 'there')
  assert.equal(resultOf(final).words[1]!.punctuated_word, 'there,')
})

test('the same sound gives the same results in messages of any size', async (context) => {
  const run = async (send: (client: TestClient) => void) => {
    const { client } = await openStream(context, `${PATH}&interim_results=true`, { transcripts: [TEXT] })
    send(client)
    await finish(client)
    return results(client).map(({ metadata, ...rest }) => rest)
  }
  const whole = await run((client) => client.sendBytes(bytesOf(SPEECH)))
  const odd = await run((client) => {
    const bytes = bytesOf(SPEECH)
    for (let at = 0; at < bytes.length; at += 1999) client.sendBytes(bytes.subarray(at, at + 1999))
  })
  assert.deepEqual(odd, whole)
})

test('what transcribe tells comes in final results only, in the order of the sound', async (context) => {
  const heard: number[] = []
  const { client } = await openStream(context, `${PATH}&interim_results=true`, {
    transcribe: async ({ ms }) => {
      const number = heard.push(ms)
      // The first one takes longest.
      if (number === 1) await new Promise((resolve) => setTimeout(resolve, 30))
      return `number ${number}`
    },
  })
  streamSound(client, SPEECH)
  streamSound(client, SPEECH)
  await finish(client)
  const spoken = results(client).filter((message) => resultOf(message).transcript !== '')
  assert.deepEqual(
    spoken.map((message) => [message['is_final'], resultOf(message).transcript]),
    [
      [true, 'number 1'],
      [true, 'number 2'],
    ],
  )
  assert.ok(heard.every((ms) => ms > 1600 && ms < 1800))
})

test('long speech becomes final in parts, of which only the last is speech_final', async (context) => {
  const { client } = await openStream(context, `${PATH}&endpointing=2000`, {
    transcripts: [Array.from({ length: 24 }, (_, i) => `w${i}`).join(' ')],
  })
  streamSound(client, humanSpeech(16000))
  streamSound(client, silence(2500))
  const last = await client.next('Results', { where: (message) => message['speech_final'] === true })
  const all = results(client)
  assert.ok(all.length >= 4)
  assert.ok(all.every((message) => message['is_final'] === true))
  assert.ok(all.slice(0, -1).every((message) => message['speech_final'] === false))
  assert.equal(last, all.at(-1))
  const words = all.flatMap((message) => resultOf(message).words)
  assert.deepEqual(
    words.map(({ word }) => word),
    Array.from({ length: 24 }, (_, i) => `w${i}`),
  )
  for (const [i, message] of all.entries()) {
    const next = all[i + 1]
    const end = (message['start']! as number) + (message['duration']! as number)
    if (next) assert.ok(Math.abs(end - (next['start']! as number)) < 0.002)
  }
})

test('endpointing sets the silence that ends an utterance, and false ends none', async (context) => {
  const patient = await openStream(context, `${PATH}&endpointing=900`, { transcripts: [TEXT] })
  streamSound(patient.client, SPEECH)
  const final = await patient.client.next('Results')
  assert.equal(final['speech_final'], true)
  assert.equal(final['duration'], 2.9)
  const never = await openStream(context, `${PATH}&endpointing=false`, { transcripts: [TEXT] })
  streamSound(never.client, SPEECH)
  await finish(never.client)
  assert.ok(results(never.client).every((message) => message['speech_final'] === false))
  assert.equal(resultOf(results(never.client)[0]!).transcript, 'hello there how are you today')
})

test('SpeechStarted and UtteranceEnd frame an utterance where they are asked for', async (context) => {
  const { client } = await openStream(
    context,
    `${PATH}&interim_results=true&utterance_end_ms=1000&vad_events=true`,
    { transcripts: [TEXT, 'Again.'] },
  )
  streamSound(client, SPEECH)
  streamSound(client, silence(1000))
  const end = await client.next('UtteranceEnd')
  assert.equal(end['last_word_end'], 2)
  assert.equal(client.messages[0]!.type, 'SpeechStarted')
  assert.equal(client.messages[0]!['timestamp'], 0.32)
  const after = client.messages.length
  streamSound(client, SPEECH)
  streamSound(client, silence(1000))
  assert.equal((await client.next('UtteranceEnd', { after }))['last_word_end'], 6)
  await finish(client)
  assert.equal(client.types.filter((type) => type === 'UtteranceEnd').length, 2)
})

test('UtteranceEnd comes before a later endpoint, and never without words', async (context) => {
  const query = `${PATH}&interim_results=true&utterance_end_ms=1000`
  const patient = await openStream(context, `${query}&endpointing=1500`, { transcripts: [TEXT] })
  streamSound(patient.client, SPEECH)
  streamSound(patient.client, silence(1000))
  const final = await patient.client.next('Results', { where: (message) => message['speech_final'] === true })
  const { messages } = patient.client
  const end = messages.findIndex(({ type }) => type === 'UtteranceEnd')
  assert.ok(end >= 0 && end < messages.indexOf(final))
  const mumbled = await openStream(context, query, { transcribe: () => '' })
  streamSound(mumbled.client, SPEECH)
  streamSound(mumbled.client, silence(1000))
  assert.ok(!(await finish(mumbled.client)).includes('UtteranceEnd'))
})

test('Finalize makes what was said final, and silence too', async (context) => {
  const { client } = await openStream(context, PATH, { transcripts: [TEXT] })
  streamSound(client, SPEECH.subarray(0, 24_000))
  client.send({ type: 'Finalize' })
  const answer = await client.next('Results')
  assert.equal(answer['from_finalize'], true)
  assert.equal(answer['is_final'], true)
  assert.equal(resultOf(answer).transcript, 'hello there how are you today')
  assert.equal(answer['duration'], 1.5)
  const after = client.messages.length
  client.send({ type: 'Finalize' })
  const empty = await client.next('Results', { after })
  assert.equal(empty['from_finalize'], true)
  assert.deepEqual(resultOf(empty).words, [])
})

test('CloseStream tells what was said before Metadata; an empty message does the same', async (context) => {
  for (const end of ['text', 'empty'] as const) {
    const { client } = await openStream(context, PATH, { transcripts: [TEXT] })
    streamSound(client, SPEECH.subarray(0, 24_000))
    if (end === 'text') client.send({ type: 'CloseStream' })
    else client.sendBytes(new Uint8Array(0))
    assert.equal((await client.closed).code, 1000)
    assert.deepEqual(client.types, ['Results', 'Metadata'])
    assert.equal(resultOf(client.messages[0]!).transcript, 'hello there how are you today')
  }
})

test('every other text closes the stream as unparsable', async (context) => {
  for (const text of ['{', '[]', '{"type":"Configure"}', '{"type":"KeepAlive","x":1}']) {
    const { client } = await openStream(context, PATH)
    client.sendText(text)
    assert.deepEqual(await client.closed, { code: 1008, reason: 'UNPARSABLE_CLIENT_MESSAGE' })
  }
})

test('a client that is silent is closed with NET-0001, and KeepAlive holds that off', async (context) => {
  const { client, connection } = await openStream(context, PATH, { timeouts: { listenSilenceMs: 200 } })
  let left = 12
  const alive = setInterval(() => {
    client.send({ type: 'KeepAlive' })
    if (--left === 0) clearInterval(alive)
  }, 20)
  assert.deepEqual(await client.closed, { code: 1011, reason: 'NET-0001' })
  const last = connection.received.at(-1)!
  assert.equal(connection.received.length, 12)
  assert.ok(performance.now() - last.at >= 195)
})

for (const encoding of ['mulaw', 'alaw', 'linear32'] as const) {
  test(`/v1/listen takes ${encoding} at 8 kHz`, async (context) => {
    const path = `/v1/listen?model=nova-3&encoding=${encoding}&sample_rate=8000`
    const { client } = await openStream(context, path, { transcripts: [TEXT] })
    client.sendBytes(encodeAudio(shortSpeech(8000), encoding))
    assert.equal(resultOf(await client.next('Results')).transcript, 'hello there how are you today')
  })
}

test('Emulator.close() closes streams with 1001', async (context) => {
  const { client, emulator } = await openStream(context, PATH)
  await emulator.close()
  assert.equal((await client.closed).code, 1001)
})
