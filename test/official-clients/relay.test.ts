import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { pino } from 'pino'
import { createEmulator, type Emulator } from '../../server/emulator/src/index.ts'
import { createRelay, issueTicket, type Relay, type RelayOptions } from '../../server/node/src/index.ts'
import {
  agentsConversation,
  deepgramConversation,
  type Outcome,
  openaiConversation,
  type Place,
} from './conversations.ts'
import { assertConversation } from './outcome.ts'

/** The ways to set a relay up in which each client must hold its conversation: what is not as in all of them. */
const CONFIGURATIONS: Readonly<Record<string, Partial<RelayOptions>>> = {
  transparent: {},
}

/** Each client, with nothing changed but the base URL and what it takes for the key. */
const CLIENTS: Readonly<Record<string, (place: Place) => Promise<Outcome>>> = {
  'openai: OpenAIRealtimeWS': openaiConversation,
  '@openai/agents-realtime: RealtimeSession': agentsConversation,
  '@deepgram/sdk: the v5 agent client': deepgramConversation,
}

const openaiKey = `sk-${randomBytes(16).toString('hex')}`
const deepgramKey = randomBytes(20).toString('hex')
const secret = randomBytes(32).toString('hex')
let emulator: Emulator

before(async () => {
  emulator = await createEmulator({ port: 0, apiKeys: { openai: [openaiKey], deepgram: [deepgramKey] } })
})
after(() => emulator.close())

function startRelay(options: Partial<RelayOptions>): Relay {
  const url = emulator.webSocketUrl
  return createRelay({
    openai: { apiKey: openaiKey, url },
    deepgram: { apiKey: deepgramKey, url, agentUrl: url },
    allowedOrigins: [],
    tickets: { secret },
    production: true,
    logger: pino({ level: 'silent' }),
    ...options,
  })
}

/** The client showed a ticket; the provider saw the key and nothing of the ticket. */
function assertHidden({ apiKey }: Place): void {
  const { headers, query, offered } = emulator.connections.at(-1) ?? assert.fail('No connection came through')
  assert.ok(!JSON.stringify([headers, [...query], offered]).includes(apiKey))
}

// R-PATH-1, R-UP-4
for (const [name, options] of Object.entries(CONFIGURATIONS)) {
  describe(`through a relay that is ${name}`, () => {
    let relay: Relay
    let url: string

    before(async () => {
      relay = startRelay(options)
      url = await relay.listen()
    })
    after(() => relay.close())

    for (const [client, converse] of Object.entries(CLIENTS)) {
      test(`${client} holds a spoken conversation`, { timeout: 30_000 }, async () => {
        const { token } = await issueTicket({ user: 'client' }, { secret })
        const place = { url, apiKey: token }
        assertConversation(await converse(place))
        assertHidden(place)
      })
    }
  })
}
