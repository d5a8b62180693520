import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeAudio } from '../src/audio-format.ts'
import type { TestClient } from './support/client.ts'
import { append, ask, openSession, refusedEvent, say, stream, update } from './support/openai.ts'
import { shortSpeech } from './support/speech.ts'

/** Long enough to be interrupted: the pace of these tests lets one chunk of sound out every 20 ms. */
const SLOW = { pace: { speed: 8, thinkMs: 0, transcriptMs: 0 } }
const LONG = 'Tell me about the harbour, the hills, the long winter and the first day of spring, please.'
const TOOL = {
  type: 'function',
  name: 'get_weather',
  description: 'Weather',
  parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
}

/** Types without what may come at any time or any number of times. */
function outline(client: TestClient, after = 0): string[] {
  const types = client.types.slice(after).filter((type) => !type.includes('input_audio_transcription'))
  return types.filter((type, i) => type !== types[i - 1] && !type.endsWith('.delta'))
}

const audioOf = (client: TestClient) =>
  Buffer.concat(
    client.messages
      .filter(({ type }) => type === 'response.output_audio.delta')
      .map((message) => Buffer.from(message['delta'] as never as string, 'base64')),
  )

test('a spoken turn brings every event in its order', async (context) => {
  const { client, emulator } = await openSession(context)
  await update(client, { audio: { input: { transcription: { model: 'gpt-transcribe' } } } })
  const after = client.messages.length
  stream(client, shortSpeech(24000))
  await client.next('rate_limits.updated')
  await client.next('conversation.item.input_audio_transcription.completed')
  assert.deepEqual(outline(client, after), [
    'input_audio_buffer.speech_started',
    'input_audio_buffer.speech_stopped',
    'input_audio_buffer.committed',
    'conversation.item.added',
    'conversation.item.done',
    'response.created',
    'response.output_item.added',
    'conversation.item.added',
    'response.content_part.added',
    'response.output_audio.done',
    'response.output_audio_transcript.done',
    'response.content_part.done',
    'conversation.item.done',
    'response.output_item.done',
    'response.done',
    'rate_limits.updated',
  ])
  const [started, stopped] = ['started', 'stopped'].map((what) =>
    client.messages.find(({ type }) => type === `input_audio_buffer.speech_${what}`),
  )
  // Speech begins at 0.32 s, less 0.3 s of padding; it ends at 2 s, and 0.5 s of silence follow.
  assert.ok(Math.abs(Number(started!['audio_start_ms']) - 20) <= 20, String(started!['audio_start_ms']))
  assert.ok(Math.abs(Number(stopped!['audio_end_ms']) - 2500) <= 20, String(stopped!['audio_end_ms']))
  const done = await client.next('response.done')
  const [item] = done['response']!['output'] as unknown as { content: { transcript: string }[] }[]
  assert.match(item!.content[0]!.transcript, /^I heard you speak for 1\.7 seconds\./)
  const [spoken] = emulator.connections[0]!.spoken
  assert.deepEqual(Buffer.from(spoken!.audio.bytes()), audioOf(client))
  assert.equal(spoken!.complete, true)
})

test('ids lead from the user’s item to the answer', async (context) => {
  const { client } = await openSession(context)
  stream(client, shortSpeech(24000))
  await client.next('response.done')
  const added = client.messages.filter(({ type }) => type === 'conversation.item.added')
  const [user, assistant] = added.map((message) => ({
    previous_item_id: message['previous_item_id'],
    id: message['item']!['id'],
  }))
  const committed = await client.next('input_audio_buffer.committed')
  assert.equal(committed['item_id'], user!.id)
  assert.equal(user!.previous_item_id, null)
  assert.equal(assistant!.previous_item_id, user!.id)
  for (const delta of client.messages.filter(({ type }) => type === 'response.output_audio.delta')) {
    assert.equal(delta['item_id'], assistant!.id)
  }
})

test('the transcript may come after the answer began, and belongs to the user’s item', async (context) => {
  const { client } = await openSession(context, { transcripts: ['what is new'], pace: { transcriptMs: 30 } })
  await update(client, { audio: { input: { transcription: { model: 'whisper-1', language: 'en' } } } })
  stream(client, shortSpeech(24000))
  const completed = await client.next('conversation.item.input_audio_transcription.completed')
  assert.equal(completed['transcript'], 'what is new')
  assert.deepEqual(completed['usage'], { type: 'duration', seconds: 2 })
  assert.ok(client.types.indexOf('response.created') < client.messages.indexOf(completed))
  const committed = await client.next('input_audio_buffer.committed')
  assert.equal(completed['item_id'], committed['item_id'])
  const transcript = await client.next('response.output_audio_transcript.done')
  assert.match(transcript['transcript']!, /You said: what is new\./)
})

test('no transcript is sent unless it was asked for, and a failing transcriber is told', async (context) => {
  const quiet = await openSession(context)
  stream(quiet.client, shortSpeech(24000))
  await quiet.client.next('rate_limits.updated')
  assert.ok(!quiet.client.types.some((type) => type.includes('input_audio_transcription')))
  const failing = await openSession(context, { transcribe: () => Promise.reject(new Error('deaf')) })
  await update(failing.client, { audio: { input: { transcription: { model: 'gpt-transcribe' } } } })
  stream(failing.client, shortSpeech(24000))
  await failing.client.next('conversation.item.input_audio_transcription.failed')
  await failing.client.next('response.done')
})

test('transcribe is handed the sound of the turn', async (context) => {
  let heard = { seconds: 0, ms: 0, peak: 0 }
  const { client } = await openSession(context, {
    transcribe: ({ pcm, sampleRate, ms }) => {
      heard = { seconds: pcm.length / sampleRate, ms, peak: Math.max(...pcm) }
      return 'hello'
    },
  })
  stream(client, shortSpeech(24000))
  await client.next('response.done')
  assert.ok(Math.abs(heard.seconds - 2.48) < 0.03, `${heard.seconds} s`)
  assert.ok(Math.abs(heard.ms - 1680) < 30, `${heard.ms} ms`)
  assert.equal(heard.peak, Math.max(...shortSpeech(24000)))
})

test('the input log keeps every byte in order', async (context) => {
  const { client, emulator } = await openSession(context)
  const speech = shortSpeech(24000)
  stream(client, speech)
  await client.next('response.done')
  assert.deepEqual(emulator.connections[0]!.input.pcm(), speech)
  const received = emulator.connections[0]!.received.filter(
    ({ type }) => type === 'input_audio_buffer.append',
  )
  assert.equal(received.length, 150)
})

for (const [type, encoding] of [
  ['audio/pcmu', 'mulaw'],
  ['audio/pcma', 'alaw'],
] as const) {
  test(`${type} goes in and comes out`, async (context) => {
    const { client, emulator } = await openSession(context)
    await update(client, { audio: { input: { format: { type } }, output: { format: { type } } } })
    const bytes = encodeAudio(shortSpeech(8000), encoding)
    append(client, bytes)
    await client.next('response.done')
    const [spoken] = emulator.connections[0]!.spoken
    assert.equal(audioOf(client).length, spoken!.text.length * 0.05 * 8000 - 0.05 * 8000)
    assert.deepEqual(Buffer.from(emulator.connections[0]!.input.bytes()), Buffer.from(bytes))
  })
}

test('without turn detection a commit makes an item and no answer; response.create makes the answer', async (context) => {
  const { client } = await openSession(context)
  await update(client, { audio: { input: { turn_detection: null } } })
  stream(client, shortSpeech(24000))
  client.send({ type: 'input_audio_buffer.commit' })
  await client.next('conversation.item.done')
  assert.ok(!client.types.some((type) => /speech_|^response/.test(type)))
  const error = await refusedEvent(client, { type: 'input_audio_buffer.commit' })
  assert.equal(error['code'], 'input_audio_buffer_commit_empty')
  client.send({ type: 'response.create' })
  const done = await client.next('response.done')
  assert.match(JSON.stringify(done), /I heard you speak for 3\.0 seconds/)
})

test('input_audio_buffer.clear forgets what was not committed', async (context) => {
  const { client } = await openSession(context)
  await update(client, { audio: { input: { turn_detection: null } } })
  append(client, new Uint8Array(48 * 200))
  client.send({ type: 'input_audio_buffer.clear' })
  await client.next('input_audio_buffer.cleared')
  const error = await refusedEvent(client, { type: 'input_audio_buffer.commit' })
  assert.equal(error['code'], 'input_audio_buffer_commit_empty')
})

test('create_response: false leaves the answer to the client', async (context) => {
  const { client } = await openSession(context)
  await update(client, {
    audio: { input: { turn_detection: { type: 'semantic_vad', eagerness: 'high', create_response: false } } },
  })
  stream(client, shortSpeech(24000))
  await client.next('conversation.item.done')
  await update(client, {})
  assert.ok(!client.types.includes('response.created'))
})

test('speech cancels the answer at once and closes everything that is open', async (context) => {
  const { client, emulator } = await openSession(context, SLOW)
  say(client, LONG)
  client.send({ type: 'response.create' })
  const delta = await client.next('response.output_audio.delta')
  const after = client.messages.length
  stream(client, shortSpeech(24000))
  const done = await client.next('response.done', { after })
  const { status, status_details: details } = done['response'] as never as Record<string, unknown>
  assert.equal(status, 'cancelled')
  assert.deepEqual(details, { type: 'cancelled', reason: 'turn_detected' })
  const from = client.types.indexOf('input_audio_buffer.speech_started')
  assert.deepEqual(client.types.slice(from, from + 8), [
    'input_audio_buffer.speech_started',
    'response.output_audio.done',
    'response.output_audio_transcript.done',
    'response.content_part.done',
    'conversation.item.done',
    'response.output_item.done',
    'response.done',
    'rate_limits.updated',
  ])
  await client.next('response.done', { after: client.messages.indexOf(done) + 1 })
  const late = client.messages.slice(from).filter((message) => message['item_id'] === delta['item_id'])
  assert.ok(!late.some(({ type }) => type.endsWith('.delta')))
  assert.equal(emulator.connections[0]!.spoken[0]!.complete, false)
})

test('interrupt_response: false lets the answer end, and the turn is answered afterwards', async (context) => {
  const { client } = await openSession(context, SLOW)
  await update(client, {
    audio: { input: { turn_detection: { type: 'server_vad', interrupt_response: false } } },
  })
  say(client, LONG)
  client.send({ type: 'response.create' })
  await client.next('response.output_audio.delta')
  stream(client, shortSpeech(24000))
  const done = await client.next('response.done')
  assert.equal(done['response']!['status'], 'completed')
  assert.ok(client.types.indexOf('input_audio_buffer.committed') < client.messages.indexOf(done))
  const second = await client.next('response.done', { after: client.messages.indexOf(done) + 1 })
  assert.match(JSON.stringify(second), /I heard you speak/)
})

test('response.cancel ends the answer, by id too, and only once', async (context) => {
  const { client } = await openSession(context, SLOW)
  say(client, LONG)
  client.send({ type: 'response.create' })
  const created = await client.next('response.created')
  await client.next('response.output_audio.delta')
  const id = created['response']!['id']
  const other = await refusedEvent(client, { type: 'response.cancel', response_id: 'resp_other' })
  assert.equal(other['code'], 'response_cancel_not_active')
  client.send({ type: 'response.cancel', response_id: id })
  const done = await client.next('response.done')
  assert.deepEqual(done['response']!['status_details'], { type: 'cancelled', reason: 'client_cancelled' })
  const again = await refusedEvent(client, { type: 'response.cancel' })
  assert.equal(again['code'], 'response_cancel_not_active')
})

test('only one answer at a time belongs to the conversation', async (context) => {
  const { client } = await openSession(context, SLOW)
  say(client, LONG)
  client.send({ type: 'response.create' })
  const created = await client.next('response.created')
  const error = await refusedEvent(client, { type: 'response.create' })
  assert.equal(error['code'], 'conversation_already_has_active_response')
  assert.ok(String(error['message']).includes(created['response']!['id']!))
})

test('conversation: none answers beside the conversation, also while another answer is active', async (context) => {
  const { client } = await openSession(context, SLOW)
  say(client, LONG)
  client.send({ type: 'response.create' })
  await client.next('response.output_audio.delta')
  client.send({
    type: 'response.create',
    response: {
      conversation: 'none',
      output_modalities: ['text'],
      metadata: { topic: 'aside' },
      input: [{ type: 'message', role: 'user', content: [{ type: 'input_text', text: 'an aside' }] }],
    },
  })
  const aside = (message: { response?: { metadata?: unknown } }) =>
    JSON.stringify(message).includes('"aside"')
  const done = await client.next('response.done', { where: (message) => aside(message as never) })
  assert.equal(done['response']!['conversation_id'], null)
  const [item] = done['response']!['output'] as unknown as { id: string; content: { text: string }[] }[]
  assert.match(item!.content[0]!.text, /You wrote: an aside\./)
  const added = client.messages.filter((message) => message.type === 'conversation.item.added')
  assert.ok(!added.some((message) => message['item']!['id'] === item!.id))
})

test('a text answer comes as text, and overrides hold for one answer only', async (context) => {
  const { client } = await openSession(context)
  const done = await ask(client, 'Hello', { output_modalities: ['text'] })
  assert.deepEqual(done['response']!['output_modalities'], ['text'])
  const after = client.types.indexOf('response.created')
  assert.deepEqual(outline(client, after), [
    'response.created',
    'response.output_item.added',
    'conversation.item.added',
    'response.content_part.added',
    'response.output_text.done',
    'response.content_part.done',
    'conversation.item.done',
    'response.output_item.done',
    'response.done',
    ...(client.types.at(-1) === 'rate_limits.updated' ? ['rate_limits.updated'] : []),
  ])
  const deltas = client.messages.filter(({ type }) => type === 'response.output_text.delta')
  const text = (await client.next('response.output_text.done'))['text']!
  assert.equal(deltas.map((message) => message['delta']).join(''), text)
  assert.deepEqual((await ask(client, 'Again'))['response']!['output_modalities'], ['audio'])
})

test('instructions that say what to say are followed', async (context) => {
  const { client } = await openSession(context)
  client.send({ type: 'response.create', response: { instructions: 'Say exactly: "Welcome aboard."' } })
  const { transcript } = await client.next('response.output_audio_transcript.done')
  assert.equal(transcript, 'Welcome aboard.')
})

test('transcript deltas come together to the transcript and run along the sound', async (context) => {
  const { client } = await openSession(context)
  await ask(client, 'One. Two three. Four!')
  const deltas = client.messages.filter(({ type }) => type === 'response.output_audio_transcript.delta')
  const { transcript } = await client.next('response.output_audio_transcript.done')
  assert.equal(deltas.map((message) => message['delta']).join(''), transcript)
  const kinds = client.types.filter((type) => /audio(_transcript)?\.delta$/.test(type))
  assert.equal(kinds[0], 'response.output_audio_transcript.delta')
  assert.ok(
    kinds.lastIndexOf('response.output_audio_transcript.delta') >
      kinds.indexOf('response.output_audio.delta'),
  )
})

test('max_output_tokens cuts the answer: incomplete', async (context) => {
  const { client } = await openSession(context)
  const done = await ask(client, 'Hello', { max_output_tokens: 16 })
  assert.equal(done['response']!['status'], 'incomplete')
  assert.deepEqual(done['response']!['status_details'], { type: 'incomplete', reason: 'max_output_tokens' })
  assert.equal((await client.next('response.output_audio_transcript.done'))['transcript'], 'You wrote:')
})

test('usage grows with the conversation, and what was read before is cached', async (context) => {
  const { client } = await openSession(context)
  const usages: unknown[] = []
  for (const text of ['One', 'Two', 'Three']) usages.push((await ask(client, text))['response']!['usage']!)
  const [first, second, third] = usages as unknown as Record<string, number>[]
  assert.ok(first!['input_tokens']! < second!['input_tokens']!)
  assert.ok(second!['input_tokens']! < third!['input_tokens']!)
  for (const usage of [first!, second!, third!]) {
    assert.equal(usage['total_tokens'], usage['input_tokens']! + usage['output_tokens']!)
    assert.ok(usage['output_tokens']! > 0)
  }
  const details = third!['input_token_details'] as unknown as Record<string, number>
  assert.ok(details['cached_tokens']! > 0 && details['cached_tokens']! < third!['input_tokens']!)
  assert.ok(details['audio_tokens']! > 0)
})

test('a tool is called, answered, and its output spoken', async (context) => {
  const { client } = await openSession(context)
  await update(client, { tools: [TOOL] })
  const done = await ask(client, 'Please get weather in Oslo')
  const [call] = done['response']!['output'] as unknown as Record<string, string>[]
  assert.equal(call!['type'], 'function_call')
  assert.equal(call!['status'], 'completed')
  assert.deepEqual(JSON.parse(call!['arguments']!), { city: 'Oslo' })
  const deltas = client.messages.filter(({ type }) => type === 'response.function_call_arguments.delta')
  assert.equal(deltas.map((message) => message['delta']).join(''), call!['arguments'])
  const fin = await client.next('response.function_call_arguments.done')
  assert.equal(fin['call_id'], call!['call_id'])
  assert.equal(fin['name'], 'get_weather')
  assert.deepEqual(outline(client, client.types.indexOf('response.created')).slice(0, 7), [
    'response.created',
    'response.output_item.added',
    'conversation.item.added',
    'response.function_call_arguments.done',
    'conversation.item.done',
    'response.output_item.done',
    'response.done',
  ])
  client.send({
    type: 'conversation.item.create',
    item: { type: 'function_call_output', call_id: call!['call_id'], output: 'rain' },
  })
  client.send({ type: 'response.create' })
  const { transcript } = await client.next('response.output_audio_transcript.done')
  assert.match(transcript!, /get weather says: rain/)
})

test('respond may call several tools after speaking, and a failing respond fails the response', async (context) => {
  const { client } = await openSession(context, {
    respond: (text) => {
      if (text === 'fail') throw new Error('no idea')
      const call = (city: string) => ({ name: 'get_weather', arguments: { city } })
      return { text: 'One moment.', calls: [call('Oslo'), call('Rome')] }
    },
  })
  await update(client, { tools: [TOOL] })
  const done = await ask(client, 'both')
  const output = done['response']!['output'] as unknown as { type: string }[]
  assert.deepEqual(
    output.map(({ type }) => type),
    ['message', 'function_call', 'function_call'],
  )
  const failed = await ask(client, 'fail')
  assert.equal(failed['response']!['status'], 'failed')
  assert.equal(
    (failed['response']!['status_details']!['error'] as { code: null; type: string }).type,
    'server_error',
  )
})

test('conversation.item.truncate cuts sound and removes the transcript', async (context) => {
  const { client, emulator } = await openSession(context)
  await ask(client, 'Hello')
  const { item_id: id } = await client.next('response.output_audio.done')
  client.send({ type: 'conversation.item.truncate', item_id: id, content_index: 0, audio_end_ms: 500 })
  const truncated = await client.next('conversation.item.truncated')
  assert.equal(truncated['audio_end_ms'], 500)
  client.send({ type: 'conversation.item.retrieve', item_id: id })
  const { item } = await client.next('conversation.item.retrieved')
  const [content] = item!['content'] as unknown as { transcript?: string; audio: string }[]
  assert.equal(content!.transcript, undefined)
  assert.deepEqual(Buffer.from(content!.audio, 'base64'), audioOf(client).subarray(0, 500 * 48))
  assert.equal(emulator.connections[0]!.spoken[0]!.truncatedAtMs, 500)
})

test('conversation.item.truncate refuses what was never sent, never spoken, or not whole', async (context) => {
  const { client } = await openSession(context)
  const done = await ask(client, 'Hello')
  const length = Math.floor(audioOf(client).length / 48)
  const [item] = done['response']!['output'] as unknown as { id: string }[]
  const truncate = (fields: object) =>
    refusedEvent(client, {
      type: 'conversation.item.truncate',
      item_id: item!.id,
      content_index: 0,
      audio_end_ms: 100,
      ...fields,
    })
  const beyond = await truncate({ audio_end_ms: length + 1 })
  assert.equal(beyond['message'], `Audio content of ${length}ms is already shorter than ${length + 1}ms`)
  assert.equal((await truncate({ audio_end_ms: 100.5 }))['code'], 'invalid_type')
  assert.equal((await truncate({ audio_end_ms: -1 }))['code'], 'invalid_value')
  assert.equal((await truncate({ content_index: 1 }))['code'], 'invalid_value')
  assert.equal((await truncate({ item_id: 'item_no' }))['code'], 'item_truncate_invalid_item_id')
  const user = client.messages.find((message) => message['item']?.['role'] === 'user')!
  assert.equal((await truncate({ item_id: user['item']!['id'] }))['code'], 'item_truncate_invalid_item_id')
  const text = await ask(client, 'Hello', { output_modalities: ['text'] })
  const [written] = text['response']!['output'] as unknown as { id: string }[]
  assert.equal((await truncate({ item_id: written!.id }))['code'], 'item_truncate_invalid_item_id')
})

test('conversation.item.create places items at the end, at the front, or after another', async (context) => {
  const { client } = await openSession(context)
  const add = async (id: string, place: object = {}) => {
    const item = { id, type: 'message', role: 'system', content: [{ type: 'input_text', text: id }] }
    client.send({ type: 'conversation.item.create', item, ...place })
    const added = await client.next('conversation.item.added', {
      where: (message) => message['item']!['id'] === id,
    })
    return added['previous_item_id']
  }
  assert.equal(await add('a'), null)
  assert.equal(await add('c'), 'a')
  assert.equal(await add('b', { previous_item_id: 'a' }), 'a')
  assert.equal(await add('z', { previous_item_id: 'root' }), null)
  assert.equal(await add('d'), 'c')
  const item = { id: 'a', type: 'message', role: 'system', content: [] }
  const twice = await refusedEvent(client, { type: 'conversation.item.create', item })
  assert.equal(twice['code'], 'item_create_duplicate_item_id')
  const nowhere = { type: 'conversation.item.create', item: { ...item, id: 'e' }, previous_item_id: 'no' }
  assert.equal((await refusedEvent(client, nowhere))['code'], 'item_create_invalid_previous_item_id')
  client.send({ type: 'conversation.item.delete', item_id: 'b' })
  assert.equal((await client.next('conversation.item.deleted'))['item_id'], 'b')
})

test('idle_timeout_ms makes the agent speak first', async (context) => {
  const { client } = await openSession(context)
  await ask(client, 'Hi', { output_modalities: ['text'] })
  await update(client, { audio: { input: { turn_detection: { type: 'server_vad', idle_timeout_ms: 20 } } } })
  const timeout = await client.next('input_audio_buffer.timeout_triggered')
  const committed = await client.next('input_audio_buffer.committed')
  assert.equal(committed['item_id'], timeout['item_id'])
  await client.next('response.done', { after: client.messages.indexOf(timeout) })
})

test('the session expires with an error and close 1001', async (context) => {
  const { client } = await openSession(context, { timeouts: { openaiSessionMs: 30 } })
  const { error } = await client.next('error')
  assert.equal(error!['code'], 'session_expired')
  assert.equal((await client.closed).code, 1001)
})
