import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, test } from 'node:test'
import { createEmulator, type Emulator } from '../../server/emulator/src/index.ts'
import { agentsConversation, deepgramConversation, openaiConversation } from './conversations.ts'
import { openaiPythonConversation, openaiPythonMissing } from './openai-python.ts'
import { assertConversation } from './outcome.ts'

const openaiKey = `sk-${randomBytes(16).toString('hex')}`
const deepgramKey = randomBytes(20).toString('hex')
let emulator: Emulator

before(async () => {
  const apiKeys = { openai: [openaiKey], deepgram: [deepgramKey] }
  emulator = await createEmulator({ port: 0, apiKeys })
})
after(() => emulator.close())

test('openai: OpenAIRealtimeWS holds a spoken conversation', { timeout: 30_000 }, async () => {
  assertConversation(await openaiConversation({ url: emulator.url, apiKey: openaiKey }))
  const connection = emulator.connections.at(-1)!
  assert.equal(connection.headers.authorization, `Bearer ${openaiKey}`)
  assert.equal(connection.spoken.find(({ truncatedAtMs }) => truncatedAtMs === 100)?.complete, false)
})

test('@openai/agents-realtime: RealtimeSession holds a spoken conversation', {
  timeout: 30_000,
}, async () => {
  assertConversation(await agentsConversation({ url: emulator.url, apiKey: openaiKey }))
})

test('@deepgram/sdk: the v5 agent client holds a spoken conversation', { timeout: 30_000 }, async () => {
  assertConversation(await deepgramConversation({ url: emulator.url, apiKey: deepgramKey }))
  const settings = emulator.connections.at(-1)!.received.filter(({ type }) => type === 'Settings')
  assert.equal(settings.length, 1)
})

test('openai for Python: AsyncOpenAI().realtime holds a spoken conversation', {
  timeout: 30_000,
  skip: openaiPythonMissing ?? false,
}, async () => {
  assertConversation(await openaiPythonConversation({ url: emulator.url, apiKey: openaiKey }))
  assert.equal(emulator.connections.at(-1)!.headers.authorization, `Bearer ${openaiKey}`)
})
