import assert from 'node:assert/strict'
import { test } from 'node:test'
import { append, ask, openSession, stream, update } from './support/openai.ts'
import { bytesOf, shortSpeech } from './support/speech.ts'

const TOOLS = ['get_weather', 'get_time'].map((name) => ({
  type: 'function',
  name,
  parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
}))

test('a transcription session tells what was said and answers nothing', async (context) => {
  const { client } = await openSession(context, { transcripts: ['Hello there.'] }, 'intent=transcription')
  const session = {
    type: 'transcription',
    audio: { input: { transcription: { model: 'gpt-transcribe' } } },
    include: ['item.input_audio_transcription.logprobs'],
  }
  client.send({ type: 'session.update', session })
  const updated = await client.next('session.updated')
  assert.equal(updated['session']!['type'], 'transcription')
  stream(client, shortSpeech(24000))
  const done = await client.next('conversation.item.input_audio_transcription.completed')
  assert.equal(done['transcript'], 'Hello there.')
  const probabilities = done['logprobs'] as unknown as { token: string }[]
  assert.equal(probabilities.map(({ token }) => token).join(''), 'Hello there.')
  const item = await client.next('conversation.item.done')
  assert.equal(item['item']!['id'], done['item_id'])
  // Every event that a commit causes is out; an answer would have begun by now.
  client.send({ type: 'input_audio_buffer.clear' })
  await client.next('input_audio_buffer.cleared')
  assert.ok(!client.types.some((type) => type.startsWith('response.')))
})

test('logprobs are told only where they were asked for', async (context) => {
  const { client } = await openSession(context, { transcripts: ['Hello.'] })
  await update(client, { audio: { input: { transcription: { model: 'gpt-transcribe' } } } })
  stream(client, shortSpeech(24000))
  const done = await client.next('conversation.item.input_audio_transcription.completed')
  assert.ok(!('logprobs' in done))
})

test('semantic_vad hears a turn after as much silence as its eagerness leaves', async (context) => {
  const stopped = async (eagerness: string) => {
    const { client } = await openSession(context)
    await update(client, { audio: { input: { turn_detection: { type: 'semantic_vad', eagerness } } } })
    stream(client, shortSpeech(24000))
    append(client, bytesOf(new Int16Array(24000)))
    return (await client.next('input_audio_buffer.speech_stopped'))['audio_end_ms']! as number
  }
  const [high, auto, low] = [await stopped('high'), await stopped('auto'), await stopped('low')]
  assert.ok(high < auto && auto < low)
})

test('an image is charged as an image and kept in its item', async (context) => {
  const { client } = await openSession(context)
  const image = { type: 'input_image', image_url: `data:image/png;base64,${'A'.repeat(100_000)}` }
  const content = [{ type: 'input_text', text: 'What is this?' }, image]
  client.send({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content } })
  const added = await client.next('conversation.item.added')
  assert.deepEqual(added['item']!['content'], content)
  client.send({ type: 'response.create', response: { output_modalities: ['text'] } })
  const usage = (await client.next('response.done'))['response']!['usage'] as unknown as {
    input_tokens: number
    input_token_details: Record<string, number>
  }
  const { text_tokens: text, audio_tokens: audio, image_tokens: images } = usage.input_token_details
  assert.ok(images! > 0 && text! < 1000)
  assert.equal(usage.input_tokens, text! + audio! + images!)
})

test('conversation.item.retrieve puts sound where it belongs, and a deleted item is gone', async (context) => {
  const { client } = await openSession(context)
  const audio = Buffer.from(bytesOf(shortSpeech(24000))).toString('base64')
  const content = [
    { type: 'input_text', text: 'Listen:' },
    { type: 'input_audio', audio },
  ]
  const item = { id: 'mine', type: 'message', role: 'user', content }
  client.send({ type: 'conversation.item.create', item })
  client.send({ type: 'conversation.item.retrieve', item_id: 'mine' })
  const retrieved = await client.next('conversation.item.retrieved')
  const parts = retrieved['item']!['content'] as unknown as Record<string, unknown>[]
  assert.deepEqual(parts[0], content[0])
  assert.equal(parts[1]!['audio'], audio)
  client.send({ type: 'conversation.item.delete', item_id: 'mine' })
  client.send({ type: 'conversation.item.retrieve', item_id: 'mine' })
  assert.equal((await client.next('error'))['error']!['code'], 'item_retrieve_invalid_item_id')
})

for (const [choice, names] of [
  ['required', ['get_weather']],
  [{ type: 'function', name: 'get_time' }, ['get_time']],
  ['none', []],
  ['auto', []],
] as const) {
  test(`tool_choice ${JSON.stringify(choice)} decides what an answer calls`, async (context) => {
    const { client } = await openSession(context)
    await update(client, { tools: TOOLS, tool_choice: choice })
    const done = await ask(client, 'Hello in Oslo', { output_modalities: ['text'] })
    const output = done['response']!['output'] as unknown as {
      type: string
      name: string
      arguments: string
    }[]
    const calls = output.filter(({ type }) => type === 'function_call')
    assert.deepEqual(
      calls.map(({ name }) => name),
      names,
    )
    assert.equal(output.length, 1)
    for (const call of calls) assert.deepEqual(JSON.parse(call.arguments), { city: 'Oslo' })
  })
}

test('parallel_tool_calls: false leaves one call of several', async (context) => {
  const call = (name: string) => ({ name, arguments: {} })
  const respond = () => ({ calls: [call('get_weather'), call('get_time')] })
  const { client } = await openSession(context, { respond })
  await update(client, { tools: TOOLS })
  const outputs = async (response: object) => (await ask(client, 'both', response))['response']!['output']
  assert.equal(((await outputs({})) as unknown[]).length, 2)
  assert.equal(((await outputs({ parallel_tool_calls: false })) as unknown[]).length, 1)
})

test('several outputs are spoken together after one response.create', async (context) => {
  let past: string[] = []
  const call = (name: string) => ({ name, arguments: {} })
  const { client } = await openSession(context, {
    respond: (_text, { toolOutputs, pastCalls }) => {
      past = pastCalls.map(({ output }) => output)
      if (toolOutputs.length === 0) return { calls: [call('get_weather'), call('get_time')] }
      return toolOutputs.map(({ name, output }) => `${name} ${output}`).join(' and ')
    },
  })
  await update(client, { tools: TOOLS, output_modalities: ['text'] })
  const done = await ask(client, 'both')
  const calls = done['response']!['output'] as unknown as { call_id: string; name: string }[]
  assert.notEqual(calls[0]!.call_id, calls[1]!.call_id)
  for (const { call_id: id, name } of calls) {
    const item = { type: 'function_call_output', call_id: id, output: `of ${name.slice(4)}` }
    client.send({ type: 'conversation.item.create', item })
  }
  client.send({ type: 'response.create' })
  const { text } = await client.next('response.output_text.done')
  assert.equal(text, 'get_weather of weather and get_time of time')
  assert.deepEqual(past, ['of weather', 'of time'])
})
