import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EmulatorOptions } from '../src/index.ts'
import type { ReplyContext } from '../src/reply.ts'
import type { TestClient } from './support/client.ts'
import { openAgent, SETTINGS } from './support/deepgram.ts'
import { bytesOf, pieces, shortSpeech } from './support/speech.ts'
import { toneVoice } from './support/tone-voice.ts'

const { think, speak } = SETTINGS.agent
const [weather] = think.functions
const FLUX = { type: 'deepgram', version: 'v2', model: 'flux-general-multi', language_hints: ['en', 'de'] }

/** Speaks with every voice but these. */
function withoutVoices(...broken: string[]): EmulatorOptions['speech'] {
  return {
    ...toneVoice,
    synthesize: (request) =>
      broken.includes(request.voice)
        ? Promise.reject(new Error(`${request.voice} is hoarse`))
        : toneVoice.synthesize(request),
  }
}

async function closedBy(client: TestClient): Promise<unknown> {
  const error = await client.next('Error')
  assert.equal((await client.closed).reason, error['code'])
  return error['code']
}

test('a think provider that fails is warned of, and the next one thinks with its own prompt', async (context) => {
  const options: EmulatorOptions = {
    respond: (_text, { instructions }) => {
      if (instructions === 'First.') throw new Error('overloaded')
      return `I am ${instructions}`
    },
  }
  const chain = ['First.', 'Second.'].map((prompt) => ({ ...think, prompt }))
  const { client } = await openAgent(context, options, { think: chain })
  client.send({ type: 'InjectUserMessage', content: 'hi' })
  const warning = await client.next('Warning')
  assert.deepEqual([warning['code'], warning['description']], ['THINK_REQUEST_FAILED', 'overloaded'])
  await client.next('AgentAudioDone')
  await client.next('ConversationText', { where: (message) => message['content'] === 'I am Second.' })
})

test('the last think provider that fails ends the session', async (context) => {
  const respond = () => Promise.reject(new Error('overloaded'))
  const { client } = await openAgent(context, { respond })
  client.send({ type: 'InjectUserMessage', content: 'hi' })
  assert.equal(await closedBy(client), 'FAILED_TO_THINK')
  assert.ok(!client.types.includes('Warning'))
})

test('a speak provider that fails is warned of, and the next one speaks', async (context) => {
  const chain = ['aura-2-thalia-en', 'aura-2-zeus-en'].map((model) => ({
    provider: { ...speak.provider, model },
  }))
  const settings = { speak: chain, greeting: 'Hello.' }
  const { client } = await openAgent(context, { speech: withoutVoices('aura-2-thalia-en')! }, settings)
  assert.equal((await client.next('Warning'))['code'], 'SPEAK_REQUEST_FAILED')
  await client.next('AgentAudioDone')
  assert.ok(client.binary.length > 0)
  client.send({ type: 'UpdateSpeak', speak: chain[0] })
  client.send({ type: 'InjectUserMessage', content: 'hi' })
  assert.equal(await closedBy(client), 'FAILED_TO_SPEAK')
})

test('a thought signature goes out with its call and must come back', async (context) => {
  const call = { name: weather!.name, arguments: { city: 'Oslo' }, thoughtSignature: 'abc' }
  const options: EmulatorOptions = {
    respond: (_text, { toolOutputs }) => (toolOutputs.length > 0 ? 'Thanks.' : { calls: [call] }),
  }
  const answer = async (client: TestClient, fields: object) => {
    const after = client.messages.length
    client.send({ type: 'InjectUserMessage', content: 'weather' })
    const request = await client.next('FunctionCallRequest', { after })
    const [{ id, name, thought_signature: signature }] = request['functions'] as never as [
      Record<string, string>,
    ]
    assert.equal(signature, 'abc')
    client.send({ type: 'FunctionCallResponse', id, name, content: 'rain', ...fields })
    await client.next('AgentAudioDone', { after })
  }
  const { client } = await openAgent(context, options)
  await answer(client, { thought_signature: 'abc' })
  assert.ok(!client.types.includes('Warning'))
  const history = client.messages.find((message) => message.type === 'History' && message['function_calls'])
  assert.match(JSON.stringify(history), /"thought_signature":"abc"/)
  await answer(client, {})
  const warning = await client.next('Warning')
  assert.equal(warning['code'], 'FUNCTION_CALL_FAILED')
  assert.match(warning['description']!, /thought_signature/)
})

test('calls that the client brings along, and those made since, are known to the agent', async (context) => {
  const seen: ReplyContext['pastCalls'][] = []
  const options: EmulatorOptions = {
    respond: (_text, { pastCalls, toolOutputs }) => {
      seen.push([...pastCalls])
      const call = { name: weather!.name, arguments: { city: 'Rome' } }
      return toolOutputs.length > 0 ? 'Sunny.' : { calls: [call] }
    },
  }
  const past = {
    id: '1',
    name: 'get_weather',
    client_side: true,
    arguments: '{"city":"Oslo"}',
    response: 'rain',
  }
  const messages = [{ type: 'History', function_calls: [past] }]
  const { client } = await openAgent(context, options, { context: { messages } })
  client.send({ type: 'InjectUserMessage', content: 'weather' })
  await client.next('FunctionCallRequest')
  client.send({ type: 'FunctionCallResponse', name: 'get_weather', content: 'sun' })
  await client.next('AgentAudioDone')
  const oslo = { name: 'get_weather', arguments: '{"city":"Oslo"}', output: 'rain' }
  const rome = { name: 'get_weather', arguments: '{"city":"Rome"}', output: 'sun' }
  assert.deepEqual(seen, [[oslo], [oslo, rome]])
})

test('Flux for many languages tells the languages of what the user said, and only of that', async (context) => {
  const { client } = await openAgent(context, { transcripts: ['Hello.'] }, { listen: { provider: FLUX } })
  for (const piece of pieces(bytesOf(shortSpeech(24000)), 960)) client.sendBytes(piece)
  await client.next('AgentAudioDone')
  const [user, agent] = client.messages.filter(({ type }) => type === 'ConversationText')
  assert.deepEqual([user!['languages'], user!['languages_hinted']] as object, [['en'], ['en', 'de']])
  assert.ok(!('languages' in agent!))
})
