import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { after } from 'node:test'
import fc from 'fast-check'
import { z } from 'zod'
import { Refusal } from '../../server/node/src/codes.ts'
import { readConfiguration } from '../../server/node/src/config.ts'
import { readConfigurationFile } from '../../server/node/src/config-file.ts'
import { ConfigurationError } from '../../server/node/src/configuration-error.ts'
import { readFunctionCall } from '../../server/node/src/functions/function-call.ts'
import { RelayPolicies } from '../../server/node/src/policy/policies.ts'
import { DataMessage } from '../../server/node/src/relay/message-assembler.ts'
import type { FilterHost, MessageFilter } from '../../server/node/src/relay/message-filter.ts'
import { totalTokens } from '../../server/node/src/relay/usage-reader.ts'
import { readJsonBody } from '../../server/node/src/token-service/json-body.ts'
import { VARIABLES } from '../../server/node/src/variables.ts'
import { fuzz } from './support/fuzz.ts'
import { json, messages, phrase, recorded, text } from './support/inputs.ts'

/** What must never be seen outside. */
const HIDDEN = 'instructions that only their author may read'

/** A message, and which side sends it. */
type Turn = readonly [from: 'client' | 'provider', message: string]

const turns = (client: readonly unknown[], provider: readonly unknown[]) =>
  fc.array(
    fc.oneof(
      messages(client).map((message): Turn => ['client', message]),
      messages(provider).map((message): Turn => ['provider', message]),
    ),
    { maxLength: 6 },
  )

fuzz<readonly Turn[]>('relay-policy-openai', {
  inputs: turns(
    [
      {
        type: 'session.update',
        session: { type: 'realtime', instructions: 'Mine', audio: { input: { format: {} } } },
      },
      {
        type: 'response.create',
        response: { instructions: 'Mine', input: [{ type: 'message', role: 'system' }], metadata: {} },
      },
      { type: 'conversation.item.create', item: { type: 'message', role: 'system', content: [] } },
      { type: 'input_audio_buffer.append', audio: 'AAAA' },
      { audio: 'AAAA', type: 'input_audio_buffer.append' },
    ],
    [
      ...recorded('openai-realtime'),
      {
        type: 'session.created',
        session: { instructions: HIDDEN, tools: [{ type: 'function', name: HIDDEN }] },
      },
      { type: 'error', error: { type: 'invalid', code: 'x', message: `About: ${HIDDEN}`, event_id: null } },
      { type: 'response.done', response: { instructions: HIDDEN, usage: { total_tokens: 5 } } },
    ],
  ),
  runs: 1000,
  check: (conversation) => {
    const session = { instructions: HIDDEN, tools: [{ type: 'function', name: 'of_the_server' }] }
    const policy = {
      '/v1/realtime': { session, fields: ['session.audio', 'session.tools', 'response.metadata'] },
    } as const
    const route = { provider: 'openai', path: '/v1/realtime', query: '', models: [] } as const
    converse(new RelayPolicies(policy).filter(route, {} as never)!, conversation, {
      toProvider: ({ type, session, response, item }) => {
        assert.ok(!('instructions' in Object(session)) || type !== 'session.update')
        assert.ok(!('instructions' in Object(response)))
        assert.notEqual(Object(item).role, 'system')
      },
      toClient: ({ session, error }) => assert.ok(!JSON.stringify([session, error]).includes(HIDDEN)),
    })
  },
})

fuzz<readonly Turn[]>('relay-policy-deepgram', {
  inputs: turns(
    [
      {
        type: 'Settings',
        audio: { input: {} },
        agent: { think: { prompt: 'Mine' }, context: { messages: [{ role: 'system' }] } },
      },
      { type: 'UpdateThink', think: { prompt: 'Mine', endpoint: { url: 'https://evil.example' } } },
      { type: 'UpdatePrompt', prompt: 'Mine' },
      { type: 'InjectUserMessage', content: 'Hello' },
    ],
    [...recorded('deepgram-agent'), { type: 'Error', code: 'X', description: `About: ${HIDDEN}` }],
  ),
  runs: 1000,
  check: (conversation) => {
    const session = { agent: { think: { prompt: HIDDEN } } }
    const policy = { '/v1/agent/converse': { session, messages: ['*'], fields: ['agent'] } } as const
    const route = { provider: 'deepgram', path: '/v1/agent/converse', query: '', models: [] } as const
    converse(new RelayPolicies(policy).filter(route, {} as never)!, conversation, {
      toProvider: ({ type, agent, think }) => {
        if (type === 'Settings') assert.deepEqual(Object(agent).think.prompt, HIDDEN)
        if (type === 'UpdateThink') assert.deepEqual(Object(think).prompt, HIDDEN)
        if (type === 'UpdateThink') assert.ok(!('endpoint' in Object(think)))
      },
      toClient: ({ type, description }) =>
        assert.ok(type !== 'Error' || !String(JSON.stringify(description)).includes(HIDDEN)),
    })
  },
})

type Seen = (message: Record<string, unknown>) => void

/** Plays a conversation through a filter; both sides see what is passed on, and what the filter says by itself. */
function converse(
  filter: MessageFilter,
  conversation: readonly Turn[],
  { toProvider, toClient }: { readonly toProvider: Seen; readonly toClient: Seen },
): void {
  const host: FilterHost = {
    toProvider: () => {},
    toClient: (message) => toClient(read(message)),
    end: (_code, _closeCode, message) => assert.ok(!message.includes(HIDDEN)),
    used: (tokens) => assert.ok(Number.isFinite(tokens)),
  }
  filter.start(host)
  for (const [from, message] of conversation) {
    const data = new DataMessage(false, null, Buffer.from(message), null)
    const verdict = from === 'client' ? filter.fromClient(data) : filter.fromProvider(data)
    if (verdict === false) continue
    const passed = readOrNothing(verdict === true ? message : verdict)
    if (from === 'client') toProvider(passed)
    else toClient(passed)
  }
  filter.stop()
}

/** What a careless reader makes of a message: `__proto__` is one's prototype there. */
function read(message: string): Record<string, unknown> {
  const value = JSON.parse(message) as Record<string, unknown>
  return Object.assign({}, value)
}

/** Sound and words of the provider's pass unread, whatever follows their first bytes. */
function readOrNothing(message: string): Record<string, unknown> {
  if (
    message.startsWith('{"type":"response.output_') ||
    message.startsWith('{"type":"conversation.item.input_')
  )
    return {}
  return read(message)
}

fuzz<unknown>('relay-usage', {
  inputs: json(),
  runs: 1000,
  check: (message) => {
    const tokens = totalTokens(message)
    assert.ok(tokens >= 0 && Number.isFinite(tokens))
  },
})

/** A request's body, and what it is said to be. */
interface Body {
  readonly kind: string
  readonly content: string
}

const schema = z.object({ provider: z.enum(['openai', 'deepgram']).optional() })

fuzz<Body>('relay-body', {
  inputs: fc.record({
    kind: fc.oneof(
      fc.constantFrom('application/json', 'application/json; charset=utf-8', 'APPLICATION/JSON;'),
      text(20),
    ),
    content: messages([
      { provider: 'openai', use: 'relay' },
      { sessionId: HIDDEN },
      { id: 'call_1', name: 'clock', arguments: '{"city":"Bern"}' },
      { id: 'call_1', name: 'clock', arguments: { city: 'Bern' } },
    ]),
  }),
  runs: 800,
  check: async ({ kind, content }) => {
    for (const parse of [(request: IncomingMessage) => readJsonBody(request, schema), readFunctionCall]) {
      try {
        await parse(requestOf(kind, content))
      } catch (error) {
        assert.ok(error instanceof Refusal && [400, 413, 415].includes(error.status), String(error))
        assert.match(
          error.message,
          /^The (field "(body|provider|id|name|arguments)" is not what it must be|body (is|must be) [\w /]+)$/,
        )
      }
    }
  },
})

function requestOf(kind: string, content: string): IncomingMessage {
  const half = content.length >> 1
  const pieces = [content.slice(0, half), content.slice(half)].filter((piece) => piece !== '')
  const body = Readable.from(pieces.map((piece) => Buffer.from(piece)))
  return Object.assign(body, { headers: { 'content-type': kind } }) as unknown as IncomingMessage
}

const GOOD = {
  OPENAI_API_KEY: `${HIDDEN} key`.replaceAll(' ', '-'),
  TICKET_SECRET: HIDDEN,
  ALLOWED_ORIGINS: 'https://app.example',
}

const value = fc.oneof(
  phrase([
    '1',
    '0',
    '-',
    'e9',
    '.',
    ',',
    'true',
    'openai',
    'https://',
    'wss://',
    'app.example',
    '*',
    ' ',
    'redis://',
    ':',
    '/',
  ]),
  text(12),
)

fuzz<Readonly<Record<string, string>>>('relay-configuration', {
  inputs: fc.dictionary(fc.constantFrom(...Object.keys(VARIABLES), '__proto__', 'VOICEWIRE_CONFIG'), value, {
    maxKeys: 6,
  }),
  runs: 800,
  check: (variables) => {
    try {
      const { port, relay } = readConfiguration({ ...GOOD, ...variables })
      assert.ok(Number.isInteger(port) && port >= 0 && port <= 65_535)
      assert.ok(relay.allowedOrigins.length > 0)
    } catch (error) {
      assert.ok(error instanceof ConfigurationError, String(error))
      for (const secret of [HIDDEN, GOOD.OPENAI_API_KEY]) assert.ok(!error.message.includes(secret))
      assert.ok(!error.message.includes('\n'))
    }
  },
})

const folder = mkdtempSync(join(tmpdir(), 'voicewire-fuzz-'))
after(() => rmSync(folder, { recursive: true, force: true }))

fuzz<string>('relay-configuration-file', {
  inputs: messages([
    {
      host: '127.0.0.1',
      port: 8080,
      openai: { apiKey: HIDDEN, url: 'wss://provider.example' },
      tickets: { secret: HIDDEN },
      allowedOrigins: ['https://app.example'],
      policy: { '/v1/realtime': { session: { instructions: HIDDEN } } },
    },
  ]),
  runs: 150,
  check: async (content) => {
    const file = join(folder, 'relay.json')
    writeFileSync(file, content)
    try {
      readConfiguration({ DEEPGRAM_API_KEY: 'key' }, await readConfigurationFile(file))
    } catch (error) {
      assert.ok(error instanceof ConfigurationError, String(error))
      assert.ok(!error.message.includes(HIDDEN))
    }
  },
})
