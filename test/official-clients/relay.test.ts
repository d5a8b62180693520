import assert from 'node:assert/strict'
import { randomBytes, randomUUID } from 'node:crypto'
import { after, before, type TestContext, test } from 'node:test'
import { pino } from 'pino'
import { createEmulator, type Emulator } from '../../server/emulator/src/index.ts'
import { createRelay, issueTicket, type Policies, type ServerTool } from '../../server/node/src/index.ts'
import { connect } from '../../server/node/test/support/peers.ts'
import { CLIENTS } from './clients.ts'
import type { Place } from './conversations.ts'
import { assertConversation, assertHidden } from './outcome.ts'

const openaiKey = `sk-${randomBytes(16).toString('hex')}`
const deepgramKey = randomBytes(20).toString('hex')
const secret = randomBytes(32).toString('hex')
const instructions = `You are the agent of ${randomUUID()}.`
let emulator: Emulator

/** Both data paths: bytes that pass untouched, and messages that are judged, under a session of the server's. */
const PATHS: Readonly<Record<string, Policies>> = {
  'a transparent relay': {},
  'a relay with a policy': {
    '/v1/realtime': {
      model: 'gpt-realtime-2.1',
      session: { instructions, audio: { output: { voice: 'marin' } } },
      fields: ['session.audio.input', 'session.audio.output', 'session.tools'],
    },
    '/v1/agent/converse': {
      session: {
        agent: { think: { provider: { type: 'open_ai', model: 'gpt-4o-mini' }, prompt: instructions } },
      },
      fields: ['audio', 'agent.context', 'agent.listen', 'agent.speak', 'agent.think.functions'],
    },
  },
}

before(async () => {
  const apiKeys = { openai: [openaiKey], deepgram: [deepgramKey] }
  emulator = await createEmulator({ port: 0, apiKeys })
})
after(() => emulator.close())

async function startRelay(t: TestContext, policy: Policies, tools: ServerTool[] = []): Promise<Place> {
  const relay = createRelay({
    openai: { apiKey: openaiKey, url: emulator.webSocketUrl },
    deepgram: { apiKey: deepgramKey, url: emulator.webSocketUrl, agentUrl: emulator.webSocketUrl },
    allowedOrigins: [],
    tickets: { secret },
    production: true,
    policy,
    tools,
    logger: pino({ level: 'silent' }),
  })
  const url = await relay.listen()
  t.after(() => relay.close())
  const { token } = await issueTicket({ user: 'client' }, { secret })
  return { url, apiKey: token }
}

// R-PATH-1, R-UP-4
for (const [path, policy] of Object.entries(PATHS)) {
  for (const { name, converse, missing } of CLIENTS) {
    const options = { timeout: 30_000, skip: missing ?? false }
    test(`${name} holds a spoken conversation through ${path}`, options, async (t) => {
      const at = await startRelay(t, policy)
      assertConversation(await converse(at))
      assertHidden(emulator, at)
      const said = JSON.stringify(emulator.connections.at(-1)!.received.map(({ data }) => data))
      assert.equal(said.includes(instructions), Object.keys(policy).length > 0)
      assert.equal(said.includes('Be brief.'), Object.keys(policy).length === 0)
    })
  }
}

test('A tool of the relay answers the agent, and the client hears only what the agent says', {
  timeout: 30_000,
}, async (t) => {
  const asked: unknown[] = []
  const weather: ServerTool = {
    name: 'get_weather',
    description: 'Tells the weather in a city.',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
    run: (args) => {
      asked.push(args)
      return 'sunny and 21 degrees'
    },
  }
  const { url, apiKey } = await startRelay(t, {}, [weather])
  const headers = { Authorization: `Bearer ${apiKey}` }
  const client = await connect(t, `${url}/v1/realtime?model=gpt-realtime-2.1`, { headers })
  await client.nextOfType('session.created')
  const content = [{ type: 'input_text', text: 'Please get weather in Oslo' }]
  const item = { type: 'message', role: 'user', content }
  client.send(JSON.stringify({ type: 'conversation.item.create', item }))
  client.send(JSON.stringify({ type: 'response.create' }))
  const seen: string[] = []
  for (;;) {
    const message = await client.nextJson()
    seen.push(JSON.stringify(message))
    if (message.type === 'response.output_audio_transcript.done') {
      assert.match(message.transcript, /sunny and 21 degrees/)
      break
    }
  }
  assert.deepEqual(asked, [{ city: 'Oslo' }])
  assert.ok(!seen.some((text) => text.includes('function_call') || text.includes('get_weather')))
})
