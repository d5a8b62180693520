import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ask, openSession, refusedEvent, update } from './support/openai.ts'

test('session.created is first and tells the whole default configuration', async (context) => {
  const { client } = await openSession(context)
  assert.equal(client.types[0], 'session.created')
  const { session } = client.messages[0]!
  const { id, expires_at: expires, instructions, ...rest } = session as never as Record<string, unknown>
  assert.match(String(id), /^sess_/)
  assert.ok(Math.abs(Number(expires) - Date.now() / 1000 - 3600) < 5)
  assert.ok(String(instructions).length > 0)
  const format = { type: 'audio/pcm', rate: 24000 }
  assert.deepEqual(rest, {
    type: 'realtime',
    object: 'realtime.session',
    model: 'gpt-realtime-2.1',
    output_modalities: ['audio'],
    tools: [],
    tool_choice: 'auto',
    parallel_tool_calls: true,
    max_output_tokens: 'inf',
    truncation: 'auto',
    prompt: null,
    tracing: null,
    include: null,
    audio: {
      input: {
        format,
        noise_reduction: null,
        transcription: null,
        turn_detection: {
          type: 'server_vad',
          threshold: 0.5,
          prefix_padding_ms: 300,
          silence_duration_ms: 500,
          idle_timeout_ms: null,
          create_response: true,
          interrupt_response: true,
        },
      },
      output: { format, voice: 'marin', speed: 1 },
    },
  })
})

test('session.update changes only what it names', async (context) => {
  const { client } = await openSession(context)
  const before = client.messages[0]!['session']!
  await update(client, { instructions: 'Be brief.' })
  const after = await update(client, {
    audio: {
      input: { turn_detection: { type: 'server_vad', silence_duration_ms: 200 } },
      output: { voice: 'ash' },
    },
  })
  assert.deepEqual(after, {
    ...(before as object),
    instructions: 'Be brief.',
    audio: {
      input: {
        ...(before['audio']!['input'] as object),
        turn_detection: {
          ...(before['audio']!['input']!['turn_detection'] as object),
          silence_duration_ms: 200,
        },
      },
      output: { ...(before['audio']!['output'] as object), voice: 'ash' },
    },
  })
})

test('session.update clears with null, an empty string and an empty list', async (context) => {
  const { client } = await openSession(context)
  const tools = [{ type: 'function', name: 'a', parameters: { type: 'object' } }]
  await update(client, { tools, audio: { input: { transcription: { model: 'gpt-transcribe' } } } })
  const cleared = await update(client, {
    tools: [],
    instructions: '',
    audio: { input: { transcription: null, turn_detection: null } },
  })
  assert.deepEqual(cleared['tools'], [])
  assert.equal(cleared['instructions'], '')
  assert.equal(cleared['audio']!['input']!['transcription'], null)
  assert.equal(cleared['audio']!['input']!['turn_detection'], null)
})

const realtime = (rest: object) => ({ type: 'session.update', session: { type: 'realtime', ...rest } })
const input = (rest: object) => realtime({ audio: { input: rest } })

for (const [event, code, param] of [
  [{ type: 'session.update', session: {} }, 'missing_required_parameter', 'session.type'],
  [{ type: 'session.update' }, 'missing_required_parameter', 'session'],
  [{ type: 'session.update', session: { type: 'transcription' } }, 'invalid_value', 'session.type'],
  [realtime({ voice: 'marin' }), 'unknown_parameter', 'session.voice'],
  [realtime({ turn_detection: null }), 'unknown_parameter', 'session.turn_detection'],
  [realtime({ modalities: ['audio'] }), 'unknown_parameter', 'session.modalities'],
  [realtime({ temperature: 0.8 }), 'unknown_parameter', 'session.temperature'],
  [realtime({ input_audio_transcription: null }), 'unknown_parameter', 'session.input_audio_transcription'],
  [realtime({ output_modalities: ['audio', 'text'] }), 'invalid_value', 'session.output_modalities'],
  [realtime({ instructions: 5 }), 'invalid_type', 'session.instructions'],
  [realtime({ model: 'gpt-realtime' }), 'invalid_value', 'session.model'],
  [realtime({ max_output_tokens: 5000 }), 'invalid_value', 'session.max_output_tokens'],
  [realtime({ tools: [{ type: 'function' }] }), 'missing_required_parameter', 'session.tools[0].name'],
  [realtime({ tool_choice: 'always' }), 'invalid_value', 'session.tool_choice'],
  [realtime({ reasoning: { effort: 'huge' } }), 'invalid_value', 'session.reasoning.effort'],
  [realtime({ audio: { output: { voice: 'nobody' } } }), 'invalid_value', 'session.audio.output.voice'],
  [realtime({ audio: { output: { speed: 2 } } }), 'invalid_value', 'session.audio.output.speed'],
  [input({ format: 'pcm16' }), 'invalid_type', 'session.audio.input.format'],
  [input({ format: { type: 'audio/pcm', rate: 16000 } }), 'invalid_value', 'session.audio.input.format.rate'],
  [
    input({ format: { type: 'audio/pcmu', rate: 8000 } }),
    'unknown_parameter',
    'session.audio.input.format.rate',
  ],
  [
    input({ turn_detection: { type: 'server_vad', create_response: null } }),
    'invalid_type',
    'session.audio.input.turn_detection.create_response',
  ],
  [
    input({ turn_detection: { type: 'server_vad', eagerness: 'low' } }),
    'unknown_parameter',
    'session.audio.input.turn_detection.eagerness',
  ],
  [
    input({ turn_detection: { silence_duration_ms: 200 } }),
    'missing_required_parameter',
    'session.audio.input.turn_detection.type',
  ],
  [
    input({ transcription: { model: 'gpt-realtime-whisper' } }),
    'invalid_value',
    'session.audio.input.turn_detection',
  ],
] as const) {
  test(`session.update refuses ${JSON.stringify(event)} and keeps the old configuration`, async (context) => {
    const { client } = await openSession(context)
    const { message, ...error } = await refusedEvent(client, event)
    assert.deepEqual(error, { code, param })
    assert.ok(String(message).length > 0)
    const { id: _id, ...now } = await update(client, {})
    const { id: _before, ...before } = client.messages[0]!['session'] as never as Record<string, unknown>
    assert.deepEqual(now, before)
  })
}

test('session.update refuses another voice once the agent has spoken, and accepts the same', async (context) => {
  const { client } = await openSession(context)
  await update(client, { audio: { output: { voice: 'cedar' } } })
  await ask(client, 'Hello')
  const refused = await refusedEvent(client, realtime({ audio: { output: { voice: 'ash' } } }))
  assert.equal(refused['code'], 'cannot_update_voice')
  await update(client, { audio: { output: { voice: 'cedar' } } })
})

for (const [event, code, param] of [
  [{ type: 'session.close' }, 'invalid_value', 'type'],
  [{ type: 'transcription_session.update', session: {} }, 'invalid_value', 'type'],
  [{}, 'missing_required_parameter', 'type'],
  [{ type: 'output_audio_buffer.clear' }, 'invalid_value', 'type'],
  [{ type: 'input_audio_buffer.append' }, 'missing_required_parameter', 'audio'],
  [{ type: 'input_audio_buffer.append', audio: 'a*==' }, 'invalid_value', 'audio'],
  [{ type: 'input_audio_buffer.append', audio: 'QUJDRA' }, 'invalid_value', 'audio'],
  [{ type: 'input_audio_buffer.append', audio: '', extra: 1 }, 'unknown_parameter', 'extra'],
  [{ type: 'input_audio_buffer.commit' }, 'input_audio_buffer_commit_empty', null],
  [{ type: 'conversation.item.delete', item_id: 'item_no' }, 'item_delete_invalid_item_id', 'item_id'],
  [{ type: 'conversation.item.retrieve', item_id: 'item_no' }, 'item_retrieve_invalid_item_id', 'item_id'],
  [{ type: 'response.cancel' }, 'response_cancel_not_active', null],
  [{ type: 'response.create', response: { voice: 'ash' } }, 'unknown_parameter', 'response.voice'],
  [{ type: 'response.create', response: { conversation: 'all' } }, 'invalid_value', 'response.conversation'],
  [
    { type: 'response.create', response: { metadata: { a: 'x'.repeat(513) } } },
    'invalid_value',
    'response.metadata.a',
  ],
  [
    {
      type: 'conversation.item.create',
      item: { type: 'message', role: 'assistant', content: [{ type: 'output_audio', audio: '' }] },
    },
    'invalid_value',
    'item.content[0].type',
  ],
  [
    {
      type: 'conversation.item.create',
      item: { type: 'message', role: 'user', content: [{ type: 'text', text: '' }] },
    },
    'invalid_value',
    'item.content[0].type',
  ],
  [
    {
      type: 'conversation.item.create',
      item: { type: 'function_call_output', call_id: 'call_no', output: '' },
    },
    'invalid_tool_call_id',
    'item.call_id',
  ],
] as const) {
  test(`the session refuses ${JSON.stringify(event).slice(0, 120)} with ${code}`, async (context) => {
    const { client } = await openSession(context)
    const { message: _message, ...error } = await refusedEvent(client, event)
    assert.deepEqual(error, { code, param })
  })
}

test('what is not JSON is an error event, and the session goes on', async (context) => {
  const { client } = await openSession(context)
  client.sendText('{"type":')
  assert.equal((await client.next('error'))['error']!['code'], 'invalid_json')
  await update(client, {})
})

test('a binary message is an error and close 1003', async (context) => {
  const { client } = await openSession(context)
  client.sendBytes(Buffer.from('{"type":"response.create"}'))
  assert.equal((await client.next('error'))['error']!['code'], 'invalid_type')
  assert.equal((await client.closed).code, 1003)
})

test('a secret’s configuration is where the session starts', async (context) => {
  const { client, emulator } = await openSession(context)
  const response = await fetch(`${emulator.url}/v1/realtime/client_secrets`, {
    method: 'POST',
    headers: { authorization: 'Bearer sk-whatever' },
    body: JSON.stringify({ session: { type: 'realtime', instructions: 'Be kind.' } }),
  })
  const { value } = (await response.json()) as { value: string }
  const { connectOpenAI } = await import('./support/openai.ts')
  const second = connectOpenAI(emulator, 'model=gpt-realtime-2.1', value)
  assert.equal((await second.next('session.created'))['session']!['instructions'], 'Be kind.')
  assert.notEqual(client.messages[0]!['session']!['instructions'], 'Be kind.')
})
