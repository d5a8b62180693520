import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, test } from 'node:test'
import { pino } from 'pino'
import { createEmulator, type Emulator } from '../../server/emulator/src/index.ts'
import { createRelay, issueTicket, type Relay } from '../../server/node/src/index.ts'
import { agentsConversation, deepgramConversation, openaiConversation, type Place } from './conversations.ts'
import { assertConversation } from './outcome.ts'

const openaiKey = `sk-${randomBytes(16).toString('hex')}`
const deepgramKey = randomBytes(20).toString('hex')
const secret = randomBytes(32).toString('hex')
let emulator: Emulator
let relay: Relay
let url: string

before(async () => {
  const apiKeys = { openai: [openaiKey], deepgram: [deepgramKey] }
  emulator = await createEmulator({ port: 0, apiKeys })
  relay = createRelay({
    openai: { apiKey: openaiKey, url: emulator.webSocketUrl },
    deepgram: { apiKey: deepgramKey, url: emulator.webSocketUrl, agentUrl: emulator.webSocketUrl },
    allowedOrigins: [],
    tickets: { secret },
    production: true,
    logger: pino({ level: 'silent' }),
  })
  url = await relay.listen()
})
after(async () => {
  await relay.close()
  await emulator.close()
})

/** The relay in the provider's place, and a ticket in the key's. */
async function place(): Promise<Place> {
  const { token } = await issueTicket({ user: 'client' }, { secret })
  return { url, apiKey: token }
}

/** The client showed a ticket; the provider saw the key and nothing of the ticket. */
function assertHidden({ apiKey }: Place): void {
  const { headers, query, offered } = emulator.connections.at(-1) ?? assert.fail('No connection came through')
  assert.ok(!JSON.stringify([headers, [...query], offered]).includes(apiKey))
}

test('openai: OpenAIRealtimeWS holds a spoken conversation through the relay', {
  timeout: 30_000,
}, async () => {
  const at = await place()
  assertConversation(await openaiConversation(at))
  assertHidden(at)
})

test('@openai/agents-realtime: RealtimeSession holds one through the relay', {
  timeout: 30_000,
}, async () => {
  const at = await place()
  assertConversation(await agentsConversation(at))
  assertHidden(at)
})

test('@deepgram/sdk: the v5 agent client holds one through the relay', { timeout: 30_000 }, async () => {
  const at = await place()
  assertConversation(await deepgramConversation(at))
  assertHidden(at)
})
