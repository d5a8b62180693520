import { randomBytes } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { createEmulator, type Emulator } from '../../server/emulator/src/index.ts'
import { issueTicket } from '../../server/node/src/index.ts'
import { DJANGO, EXPRESS, FASTAPI, type RunningBackend, startBackend } from '../support/backends.ts'
import { CLIENTS } from './clients.ts'
import { assertConversation, assertHidden } from './outcome.ts'

/** What a backend is started with, in front of an emulator that knows the same keys. */
function variablesFor(emulator: Emulator, keys: { openai: string; deepgram: string; secret: string }) {
  return {
    OPENAI_API_KEY: keys.openai,
    OPENAI_API_URL: emulator.webSocketUrl,
    DEEPGRAM_API_KEY: keys.deepgram,
    DEEPGRAM_API_URL: emulator.webSocketUrl,
    DEEPGRAM_AGENT_URL: emulator.webSocketUrl,
    ALLOWED_ORIGINS: 'https://app.example',
    TICKET_SECRET: keys.secret,
    PORT: '0',
  }
}

// R-PATH-1, R-UP-4: the URL and the ticket are all that a client is told of a backend.
describe('backends', { concurrency: 3 }, () => {
  for (const backend of [EXPRESS, FASTAPI, DJANGO]) {
    describe(backend.name, { concurrency: 1, skip: backend.missing ?? false }, () => {
      const openai = `sk-${randomBytes(16).toString('hex')}`
      const deepgram = randomBytes(20).toString('hex')
      const secret = randomBytes(32).toString('hex')
      let emulator: Emulator
      let relay: RunningBackend | null = null

      before(async () => {
        emulator = await createEmulator({ port: 0, apiKeys: { openai: [openai], deepgram: [deepgram] } })
        relay = await startBackend(backend, variablesFor(emulator, { openai, deepgram, secret }))
      })
      after(async () => {
        await relay?.kill()
        await emulator.close()
      })

      for (const { name, converse, missing } of CLIENTS) {
        const options = { timeout: 60_000, skip: missing ?? false }
        test(`${name} holds a spoken conversation through ${backend.name}`, options, async () => {
          const { token } = await issueTicket({ user: 'client' }, { secret })
          const at = { url: relay!.url, apiKey: token }
          assertConversation(await converse(at))
          assertHidden(emulator, at)
        })
      }
    })
  }
})
