import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeAudio } from '../src/audio-format.ts'
import { TestClient } from './support/client.ts'
import { connectAgent, deepgramKey, openAgent, SETTINGS } from './support/deepgram.ts'
import { startEmulator } from './support/openai.ts'
import { bytesOf, pieces, shortSpeech } from './support/speech.ts'

const SLOW = { pace: { speed: 8, thinkMs: 0 } }
const LONG = 'Tell me about the harbour, the hills, the long winter and the first day of spring, please.'
const PATH = '/v1/agent/converse'

function stream(client: TestClient, bytes: Uint8Array = bytesOf(shortSpeech(24000))): void {
  for (const piece of pieces(bytes, 960)) client.sendBytes(piece)
}

async function assertFatal(client: TestClient, code: string, close = 1008): Promise<string> {
  const error = await client.next('Error')
  assert.equal(error['code'], code)
  assert.deepEqual(await client.closed, { code: close, reason: code })
  return error['description']!
}

for (const scheme of ['token', 'bearer'] as const) {
  test(`the handshake takes ${scheme} as a subprotocol and answers the scheme alone`, async (context) => {
    const emulator = await startEmulator(context)
    const value = scheme === 'token' ? deepgramKey() : `${deepgramKey()}.${deepgramKey()}.${deepgramKey()}`
    const client = new TestClient(emulator.webSocketUrl + PATH, [
      scheme,
      value,
      'x-deepgram-session-id',
      'abc',
    ])
    assert.match((await client.next('Welcome'))['request_id']!, /^[\w-]{36}$/)
    assert.equal(client.socket.protocol, scheme)
  })
}

test('the handshake takes header schemes, and refuses a key as a bearer, a foreign key and none', async (context) => {
  const key = deepgramKey()
  const emulator = await startEmulator(context, { apiKeys: { deepgram: [key] } })
  const connect = (authorization: string) =>
    new TestClient(emulator.webSocketUrl + PATH, [], authorization === '' ? {} : { authorization })
  await connect(`Token ${key}`).next('Welcome')
  for (const header of [`Bearer ${key}`, `Token ${deepgramKey()}`, `Basic ${key}`, '']) {
    const { status, body, headers } = await connect(header).refused()
    assert.equal(status, 401)
    assert.ok(headers['dg-error'])
    assert.ok(!body.includes(key))
  }
})

test('a message before Settings is fatal, sound too', async (context) => {
  const first = await connectAgent(context)
  first.client.send({ type: 'KeepAlive' })
  await assertFatal(first.client, 'NON_SETTINGS_MESSAGE_BEFORE_SETTINGS')
  const second = await connectAgent(context)
  second.client.sendBytes(new Uint8Array(960))
  await assertFatal(second.client, 'NON_SETTINGS_MESSAGE_BEFORE_SETTINGS')
})

test('a second Settings is fatal', async (context) => {
  const { client } = await openAgent(context)
  client.send(SETTINGS)
  await assertFatal(client, 'SETTINGS_ALREADY_APPLIED')
})

for (const [name, text] of [
  ['what is not JSON', '{'],
  ['an array', '[]'],
  ['an unknown type', '{"type":"Hello"}'],
  ['a missing field', '{"type":"InjectUserMessage","message":"hi"}'],
  ['a wrong field', '{"type":"InjectAgentMessage","content":"hi"}'],
] as const) {
  test(`${name} is UNPARSABLE_CLIENT_MESSAGE`, async (context) => {
    const { client } = await openAgent(context)
    client.sendText(text)
    await assertFatal(client, 'UNPARSABLE_CLIENT_MESSAGE')
  })
}

const { agent, audio } = SETTINGS
for (const [field, settings] of [
  ['audio', { type: 'Settings', agent }],
  ['colour', { ...SETTINGS, colour: 1 }],
  ['flags.history', { ...SETTINGS, flags: { history: 'yes' } }],
  ['audio.input.encoding', { ...SETTINGS, audio: { input: { encoding: 'pcm', sample_rate: 16000 } } }],
  ['audio.input.sample_rate', { ...SETTINGS, audio: { input: { encoding: 'linear16' } } }],
  [
    'audio.output.sample_rate',
    { ...SETTINGS, audio: { output: { encoding: 'linear16', sample_rate: 44100 } } },
  ],
  ['audio.output.container', { ...SETTINGS, audio: { output: { container: 'mp4' } } }],
  ['agent.voice', { ...SETTINGS, agent: { ...agent, voice: 'x' } }],
  ['agent.greeting', { ...SETTINGS, agent: { ...agent, greeting: 5 } }],
  ['agent.think.provider.type', { ...SETTINGS, agent: { think: { provider: { model: 'x' } } } }],
  ['agent.think.endpoint', { ...SETTINGS, agent: { think: { provider: { type: 'groq', model: 'x' } } } }],
  [
    'agent.think.functions[0].client_side',
    {
      ...SETTINGS,
      agent: { think: { ...agent.think, functions: [{ name: 'a', client_side: true }] } },
    },
  ],
  [
    'agent.listen.provider.version',
    { ...SETTINGS, agent: { listen: { provider: { type: 'deepgram', model: 'flux-general-en' } } } },
  ],
  [
    'agent.listen.provider.eot_threshold',
    {
      ...SETTINGS,
      agent: {
        listen: {
          provider: { type: 'deepgram', version: 'v2', model: 'flux-general-en', eot_threshold: 0.2 },
        },
      },
    },
  ],
  [
    'agent.speak[1].provider.model',
    { ...SETTINGS, agent: { speak: [agent.speak, { provider: { type: 'deepgram' } }] } },
  ],
  ['audio.output.container', { ...SETTINGS, audio: { output: { container: 'wav' } }, agent: {} }],
] as const) {
  test(`INVALID_SETTINGS names ${field}: ${JSON.stringify(settings).length}`, async (context) => {
    const { client } = await connectAgent(context)
    client.send(settings)
    assert.ok((await assertFatal(client, 'INVALID_SETTINGS')).includes(`'${field}'`))
  })
}

test('Settings with every kind of field are applied', async (context) => {
  const { client } = await connectAgent(context)
  client.send({
    ...SETTINGS,
    tags: ['a'],
    experimental: false,
    mip_opt_out: true,
    flags: { history: false },
    agent: {
      language: 'en',
      greeting: '',
      context: {
        messages: [
          { type: 'History', role: 'user', content: 'hi' },
          {
            type: 'History',
            function_calls: [{ id: '1', name: 'a', client_side: true, arguments: '{}', response: 'x' }],
          },
        ],
      },
      listen: {
        provider: { type: 'deepgram', version: 'v2', model: 'flux-general-multi', language_hints: ['en'] },
      },
      think: [
        agent.think,
        { provider: { type: 'groq', model: 'x' }, endpoint: { url: 'https://example.com' } },
      ],
      speak: [agent.speak],
    },
  })
  await client.next('SettingsApplied')
})

test('a stored agent is found by its id, and an unknown id is fatal', async (context) => {
  const id = '7b4e4c9e-1111-4222-8333-444455556666'
  const known = await connectAgent(context, { agents: { [id]: { greeting: 'Hello you.' } } })
  known.client.send({ ...SETTINGS, agent: id })
  await known.client.next('ConversationText', { where: (message) => message['content'] === 'Hello you.' })
  const unknown = await connectAgent(context)
  unknown.client.send({ ...SETTINGS, agent: id })
  await assertFatal(unknown.client, 'INVALID_AGENT_ID')
})

test('sound that cannot be decoded here is USER_AUDIO_FORMAT', async (context) => {
  const { client } = await connectAgent(context)
  client.send({ ...SETTINGS, audio: { ...audio, input: { encoding: 'opus', sample_rate: 48000 } } })
  await assertFatal(client, 'USER_AUDIO_FORMAT')
})

test('the greeting is spoken after SettingsApplied, byte for byte as the log has it', async (context) => {
  const { client, emulator } = await openAgent(context, {}, { greeting: 'Hello there. How are you?' })
  await client.next('AgentAudioDone')
  assert.deepEqual(client.types, [
    'Welcome',
    'SettingsApplied',
    'AgentStartedSpeaking',
    'LatencyReport',
    'LatencyReport',
    'ConversationText',
    'History',
    'ConversationText',
    'History',
    'AgentAudioDone',
  ])
  const [spoken] = emulator.connections[0]!.spoken
  assert.equal(spoken!.text, 'Hello there. How are you?')
  assert.equal(spoken!.complete, true)
  assert.deepEqual(Buffer.concat(client.binary), Buffer.from(spoken!.audio.bytes()))
  assert.equal(client.binary[0]!.length, 60 * 48)
})

test('a spoken turn brings every message in its order', async (context) => {
  const { client, emulator } = await openAgent(context)
  stream(client)
  await client.next('AgentAudioDone')
  assert.deepEqual(client.types.slice(2), [
    'UserStartedSpeaking',
    'ConversationText',
    'History',
    'AgentThinking',
    'AgentStartedSpeaking',
    'LatencyReport',
    'LatencyReport',
    'ConversationText',
    'History',
    'ConversationText',
    'History',
    'AgentAudioDone',
  ])
  const texts = client.messages.filter(({ type }) => type === 'ConversationText')
  assert.deepEqual(
    texts.map((message) => message['role']),
    ['user', 'assistant', 'assistant'],
  )
  assert.match(texts[1]!['content']!, /^I heard you speak for 1\.7 seconds\.$/)
  const started = await client.next('AgentStartedSpeaking')
  for (const name of ['total_latency', 'tts_latency', 'ttt_latency'])
    assert.equal(typeof started[name], 'number')
  assert.deepEqual(emulator.connections[0]!.input.pcm(), shortSpeech(24000))
})

for (const [encoding, rate] of [
  ['mulaw', 8000],
  ['alaw', 16000],
  ['linear16', 48000],
] as const) {
  test(`${encoding} at ${rate} Hz goes in and comes out`, async (context) => {
    const { client, emulator } = await connectAgent(context)
    const format = { encoding, sample_rate: rate }
    client.send({ ...SETTINGS, audio: { input: format, output: { ...format, container: 'none' } } })
    await client.next('SettingsApplied')
    stream(client, encodeAudio(shortSpeech(rate), encoding))
    await client.next('AgentAudioDone')
    const spoken = emulator.connections[0]!.spoken[0]!
    const characters = spoken.text.length - 1
    assert.equal(Math.round(spoken.audio.ms), characters * 50)
  })
}

test('flags.history: false leaves History out, and a WAV container begins with its header', async (context) => {
  const { client, emulator } = await connectAgent(context)
  const output = { encoding: 'linear16', sample_rate: 16000, container: 'wav' }
  client.send({
    ...SETTINGS,
    flags: { history: false },
    audio: { output },
    agent: { ...agent, greeting: 'Hi.' },
  })
  await client.next('AgentAudioDone')
  assert.ok(!client.types.includes('History'))
  const bytes = Buffer.concat(client.binary)
  assert.equal(bytes.toString('latin1', 0, 4), 'RIFF')
  assert.equal(bytes.readUInt32LE(24), 16000)
  assert.equal(bytes.length - 44, emulator.connections[0]!.spoken[0]!.audio.bytes().length)
})

test('pace.deepgramChunkBytes splits samples', async (context) => {
  const { client, emulator } = await openAgent(
    context,
    { pace: { deepgramChunkBytes: [1, 999, 2047] } },
    { greeting: 'Hello.' },
  )
  await client.next('AgentAudioDone')
  assert.deepEqual(
    client.binary.slice(0, 4).map(({ length }) => length),
    [1, 999, 2047, 1],
  )
  assert.deepEqual(
    Buffer.concat(client.binary),
    Buffer.from(emulator.connections[0]!.spoken[0]!.audio.bytes()),
  )
})

test('speech cuts the agent off: no more sound, no AgentAudioDone, only the spoken words', async (context) => {
  const { client, emulator } = await openAgent(context, SLOW)
  client.send({ type: 'InjectUserMessage', content: LONG })
  await client.until(() => client.binary[20], 'sound')
  stream(client)
  await client.next('UserStartedSpeaking')
  const sent = emulator.connections[0]!.spoken[0]!.audio.bytes().length
  await client.next('AgentAudioDone')
  const [cut, next] = emulator.connections[0]!.spoken
  assert.equal(cut!.audio.bytes().length, sent)
  assert.equal(cut!.complete, false)
  assert.equal(next!.complete, true)
  assert.ok(LONG.length > 0 && `You wrote: ${LONG}`.startsWith(cut!.text), cut!.text)
  assert.ok(cut!.text.length < LONG.length)
  assert.equal(client.types.filter((type) => type === 'AgentAudioDone').length, 1)
})

test('a function is called, answered, and its answer spoken', async (context) => {
  const { client } = await openAgent(context)
  client.send({ type: 'InjectUserMessage', content: 'get weather in Oslo' })
  const request = await client.next('FunctionCallRequest')
  const [call] = request['functions'] as unknown as Record<string, string>[]
  assert.deepEqual(
    { ...call, id: '' },
    { id: '', name: 'get_weather', arguments: '{"city":"Oslo"}', client_side: true },
  )
  client.send({ type: 'FunctionCallResponse', id: call!['id'], name: 'get_weather', content: 'rain' })
  await client.next('AgentAudioDone')
  assert.match(JSON.stringify(client.messages), /get weather says: rain/)
  const history = client.messages.find((message) => message.type === 'History' && message['function_calls'])
  assert.match(JSON.stringify(history), /"response":"rain"/)
})

test('speech withdraws a call; its late answer is dropped, one to no call at all is warned of', async (context) => {
  const { client } = await openAgent(context)
  client.send({ type: 'InjectUserMessage', content: 'get weather in Oslo' })
  const request = await client.next('FunctionCallRequest')
  const [call] = request['functions'] as unknown as Record<string, string>[]
  stream(client)
  const cancelled = await client.next('FunctionCallCancelled')
  assert.deepEqual(cancelled['functions'], [{ id: call!['id'], name: 'get_weather' }])
  const respond = (id: string) =>
    client.send({ type: 'FunctionCallResponse', id, name: 'get_weather', content: 'rain' })
  respond(call!['id']!)
  await client.next('AgentStartedSpeaking')
  respond(call!['id']!)
  await client.next('AgentAudioDone')
  assert.ok(!client.types.includes('Warning'))
  respond('never-issued')
  assert.equal((await client.next('Warning'))['code'], 'FUNCTION_CALL_FAILED')
  assert.ok(!JSON.stringify(client.messages).includes('rain'))
})

test('a function with an endpoint is answered by the server', async (context) => {
  const functions = [{ name: 'get_weather', parameters: {}, endpoint: { url: 'https://example.com' } }]
  const { client } = await openAgent(context, {}, { think: { ...agent.think, functions } })
  client.send({ type: 'InjectUserMessage', content: 'get weather' })
  const request = await client.next('FunctionCallRequest')
  assert.match(JSON.stringify(request), /"client_side":false/)
  await client.next('FunctionCallResponse')
  await client.next('AgentAudioDone')
})

test('an agent that calls what does not exist ends the session', async (context) => {
  const respond = () => ({ calls: [{ name: 'fly', arguments: {} }] })
  const { client } = await openAgent(context, { respond })
  client.send({ type: 'InjectUserMessage', content: 'hi' })
  await assertFatal(client, 'NON_EXISTENT_FUNCTION_CALLED', 1011)
})

test('InjectAgentMessage is refused in the middle of a turn, queued, or interrupts', async (context) => {
  const { client } = await openAgent(context, SLOW)
  const inject = (message: string, behavior?: string) =>
    client.send({ type: 'InjectAgentMessage', message, ...(behavior ? { behavior } : {}) })
  inject('One is spoken when nobody speaks.')
  await client.until(() => client.binary[0], 'sound')
  inject('Refused.')
  await client.next('InjectionRefused')
  const warning = await client.next('Warning')
  assert.equal(warning['code'], 'INJECT_AGENT_MESSAGE_DURING_AGENT_SPEECH')
  inject('Two waits.', 'queue')
  await client.next('AgentAudioDone', { after: client.types.indexOf('AgentAudioDone') + 1 })
  await client.next('ConversationText', { where: (message) => message['content'] === 'Two waits.' })
  inject(LONG, 'queue')
  const sounds = client.binary.length
  await client.until(() => client.binary[sounds + 2], 'sound')
  inject('Three interrupts.', 'interrupt')
  await client.next('ConversationText', { where: (message) => message['content'] === 'Three interrupts.' })
  const contents = client.messages.map((message) => message['content'] as unknown)
  assert.ok(!contents.includes('Refused.'))
  assert.ok(!contents.includes(LONG))
})

test('updates are acknowledged, and take effect', async (context) => {
  const prompts: string[] = []
  const { client } = await openAgent(context, {
    respond: (_text, { instructions, tools }) => {
      prompts.push(instructions)
      return `Tools: ${tools.map(({ name }) => name).join(' ')}.`
    },
  })
  client.send({ type: 'UpdatePrompt', prompt: 'Be kind.' })
  await client.next('PromptUpdated')
  client.send({ type: 'InjectUserMessage', content: 'hi' })
  await client.next('AgentAudioDone')
  assert.deepEqual(prompts, ['Be brief.\nBe kind.'])
  client.send({ type: 'UpdateThink', think: { provider: agent.think.provider, prompt: 'New.' } })
  await client.next('ThinkUpdated')
  client.send({ type: 'UpdateSpeak', speak: { provider: { type: 'deepgram', model: 'aura-2-zeus-en' } } })
  await client.next('SpeakUpdated')
  client.send({ type: 'UpdateListen', listen: agent.listen })
  await client.next('ListenUpdated')
  client.send({ type: 'InjectUserMessage', content: 'hi' })
  await client.next('ConversationText', { where: (message) => message['content'] === 'Tools: .' })
  assert.equal(prompts[1], 'New.')
  client.send({ type: 'UpdateSpeak', speak: { provider: { type: 'deepgram' } } })
  await assertFatal(client, 'INVALID_SETTINGS')
})

test('ForceEndTurn ends the turn with Flux and warns without', async (context) => {
  const flux = { listen: { provider: { type: 'deepgram', version: 'v2', model: 'flux-general-en' } } }
  const spoken = bytesOf(shortSpeech(24000).subarray(0, 1.5 * 24000))
  const first = await openAgent(context, {}, flux)
  stream(first.client, spoken)
  await first.client.next('UserStartedSpeaking')
  first.client.send({ type: 'ForceEndTurn' })
  await first.client.next('AgentAudioDone')
  const second = await openAgent(context)
  second.client.send({ type: 'ForceEndTurn' })
  assert.equal((await second.client.next('Warning'))['code'], 'FORCE_END_TURN_UNSUPPORTED')
})

test('a prompt that is too long is a warning', async (context) => {
  const { client } = await openAgent(context)
  client.send({ type: 'UpdatePrompt', prompt: 'x'.repeat(25_001) })
  assert.equal((await client.next('Warning'))['code'], 'PROMPT_TOO_LONG')
})

test('CLIENT_MESSAGE_TIMEOUT comes without sound or KeepAlive, and either holds it off', async (context) => {
  const timeouts = { deepgramSilenceMs: 60 }
  const keepers = await Promise.all([1, 2].map(() => openAgent(context, { timeouts })))
  const [keepsAlive, sounds] = keepers.map(({ client }) => client) as [TestClient, TestClient]
  const beat = setInterval(() => {
    keepsAlive.send({ type: 'KeepAlive' })
    sounds.sendBytes(new Uint8Array(960))
  }, 15)
  context.after(() => clearInterval(beat))
  for (let times = 0; times < 3; times++) {
    const { client } = await openAgent(context, { timeouts })
    await assertFatal(client, 'CLIENT_MESSAGE_TIMEOUT', 1011)
  }
  assert.deepEqual(
    [keepsAlive, sounds].map(({ socket }) => socket.readyState),
    [1, 1],
  )
  clearInterval(beat)
  await Promise.all([keepsAlive, sounds].map((client) => assertFatal(client, 'CLIENT_MESSAGE_TIMEOUT', 1011)))
})

test('what was sent in time is in time though the emulator was held up', async (context) => {
  const { client } = await openAgent(context, { timeouts: { deepgramSilenceMs: 60 } })
  client.send({ type: 'KeepAlive' })
  client.send({ type: 'UpdatePrompt', prompt: 'Be brief.' })
  const until = performance.now() + 100
  while (performance.now() < until);
  await client.next('PromptUpdated')
  assert.ok(!client.types.includes('Error'))
  await assertFatal(client, 'CLIENT_MESSAGE_TIMEOUT', 1011)
})

test('an empty binary message ends the listening', async (context) => {
  const { client } = await openAgent(context)
  client.sendBytes(new Uint8Array(0))
  await assertFatal(client, 'ASR_CONNECTION_CLOSED', 1011)
})

test('the longest session is announced and then ended', async (context) => {
  const { client } = await openAgent(context, { timeouts: { deepgramWarningMs: 20, deepgramSessionMs: 60 } })
  assert.equal((await client.next('Warning'))['code'], 'MAXIMUM_SESSION_LENGTH_APPROACHING')
  await assertFatal(client, 'MAXIMUM_SESSION_LENGTH_REACHED', 1000)
})

test('Emulator.close() tells agents that the server goes away', async (context) => {
  const { client, emulator } = await openAgent(context)
  await Promise.all([assertFatal(client, 'SERVER_GOING_AWAY', 1001), emulator.close()])
})
