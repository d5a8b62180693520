import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, test } from 'node:test'
import { createEmulator, type Emulator } from '../../server/emulator/src/index.ts'
import {
  agentsConversation,
  deepgramConversation,
  type Outcome,
  openaiConversation,
} from './conversations.ts'

const openaiKey = `sk-${randomBytes(16).toString('hex')}`
const deepgramKey = randomBytes(20).toString('hex')
let emulator: Emulator

before(async () => {
  const apiKeys = { openai: [openaiKey], deepgram: [deepgramKey] }
  emulator = await createEmulator({ port: 0, apiKeys })
})
after(() => emulator.close())

/** What every client must have brought home. */
function assertConversation(outcome: Outcome): void {
  assert.match(outcome.userTranscript, /^\(1\.\d seconds of speech\)$/)
  assert.match(outcome.agentTranscript, /^I heard you speak for 1\.\d seconds\. \w/)
  assert.ok(outcome.agentMs > 2000 && outcome.agentMs < 8000, `${outcome.agentMs} ms`)
  assert.ok(outcome.agentLoudness > 0.03, `loudness ${outcome.agentLoudness}`)
  assert.deepEqual(outcome.toolArguments, { city: 'Oslo' })
  assert.match(outcome.toolAnswer, /sunny and 21 degrees/)
  assert.equal(outcome.interruption, 'cancelled: turn_detected')
  assert.deepEqual(outcome.errors, [])
}

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
