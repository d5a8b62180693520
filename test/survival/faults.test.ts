/**
 * Every misfortune of the emulator, at every moment of a conversation, for every provider: over real sockets, with a
 * real microphone. Each case says how it ends and what is told, and that nothing is left behind.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type Browser, chromium, type Page } from 'playwright'
import { FaultInterceptor } from '../../server/emulator/src/fault-interceptor.ts'
import {
  createEmulator,
  type Emulator,
  type EmulatorConnection,
  type Fault,
  FliteVoice,
} from '../../server/emulator/src/index.ts'
import { chromiumOptions } from '../support/chromium.mjs'
import { openPage, type Status, start, status, stop, until } from '../support/matrix-page.ts'
import { type Stack, startStack } from '../support/stack.ts'

type ProviderName = 'openai' | 'agent' | 'listen' | 'flux'

/** When it strikes: before the agent is ready, while nobody speaks, or in the midst of an answer. */
type Moment = 'handshake' | 'listening' | 'speaking'

/** What is left of a conversation: a new line, the same one, or none, for the reason that is told once. */
type Outcome = 'new line' | 'same line' | { readonly ends: string }

const PATHS: Readonly<Record<ProviderName, string>> = {
  openai: '/v1/realtime',
  agent: '/v1/agent/converse',
  listen: '/v1/listen',
  flux: '/v2/listen',
}

/** Providers that answer, and so can be cut off in the midst of it. */
const SPEAKS: ReadonlySet<ProviderName> = new Set(['openai', 'agent'])

const STORY =
  'Once upon a time there was a voice that went out into the world, over hills and rivers, and it did not come back for a long, long while.'

const HUGE = JSON.stringify({ type: 'something.new', padding: 'x'.repeat(10 * 1024 * 1024) })

/** By close code: what a first connection is refused with, and what becomes of one that was ready. */
const CLOSES: readonly (readonly [code: number, handshake: string, open: Outcome])[] = [
  [1000, 'connection-closed', { ends: 'connection-closed' }],
  [1001, 'connection-lost', 'new line'],
  [1002, 'connection-closed', { ends: 'connection-closed' }],
  [1003, 'connection-closed', { ends: 'connection-closed' }],
  [1007, 'connection-closed', { ends: 'connection-closed' }],
  [1008, 'unauthorized', { ends: 'unauthorized' }],
  [1009, 'connection-closed', { ends: 'connection-closed' }],
  [1011, 'connection-lost', 'new line'],
  [1012, 'connection-lost', 'new line'],
  [1013, 'connection-lost', 'new line'],
  [1014, 'connection-lost', 'new line'],
  [3000, 'unauthorized', { ends: 'unauthorized' }],
  [4000, 'connection-closed', { ends: 'connection-closed' }],
  [4401, 'unauthorized', { ends: 'unauthorized' }],
  [4403, 'forbidden', { ends: 'forbidden' }],
  [4429, 'rate-limited', { ends: 'rate-limited' }],
]

interface Case {
  readonly name: string
  readonly fault: Fault
  /** Of a first connection; null where the fault has no meaning there. */
  readonly handshake: Outcome | null
  readonly open: Outcome
  /** Options of the session, where it is to lose its patience. */
  readonly session?: object
}

const CASES: readonly Case[] = [
  ...CLOSES.map(
    ([code, handshake, open]): Case => ({
      name: `close ${code}`,
      fault: { type: 'close', code, reason: 'as the test has it' },
      handshake: { ends: handshake },
      open,
    }),
  ),
  {
    name: 'drop without close',
    fault: { type: 'drop' },
    handshake: { ends: 'connection-lost' },
    open: 'new line',
  },
  {
    name: 'half-open line',
    fault: { type: 'stall' },
    handshake: { ends: 'ready-timeout' },
    open: 'new line',
    session: { readyTimeoutMs: 1500, stallTimeoutMs: 400 },
  },
  {
    name: 'stall of 2 s',
    fault: { type: 'stall', forMs: 2000 },
    handshake: null,
    open: 'same line',
  },
  { name: 'invalid JSON', fault: { type: 'send', data: 'hello' }, handshake: 'same line', open: 'same line' },
  {
    name: 'JSON that is no object',
    fault: { type: 'send', data: '[1,null]' },
    handshake: 'same line',
    open: 'same line',
  },
  { name: 'truncated message', fault: { type: 'truncate', bytes: 9 }, handshake: null, open: 'same line' },
  {
    name: 'unknown type',
    fault: { type: 'send', data: '{"type":"something.new"}' },
    handshake: 'same line',
    open: 'same line',
  },
  {
    name: 'message of 10 MB',
    fault: { type: 'send', data: HUGE },
    handshake: 'same line',
    open: 'same line',
  },
  { name: 'wrong order', fault: { type: 'reorder', count: 4 }, handshake: null, open: 'same line' },
  { name: 'duplicates', fault: { type: 'duplicate', count: 6 }, handshake: 'same line', open: 'same line' },
]

let browser: Browser
let stack: Stack
const voice = new FliteVoice()
/** Pages that a case left as it found them: what a session leaves behind would show in the next one. */
const idlePages: Page[] = []
const emulators = new Set<Emulator>()

before(async () => {
  browser = await chromium.launch(chromiumOptions())
  stack = await startStack()
})
after(async () => {
  await browser.close()
  await stack.close()
  // Of cases that failed.
  await Promise.all([...emulators].map((emulator) => emulator.close()))
  await voice.close()
})

/** One page and one provider of its own, with a token that it takes. */
async function setUp(provider: ProviderName, { now = Date.now, expiresIn = 600 } = {}) {
  const emulator = await createEmulator({
    port: 0,
    speech: voice,
    now,
    apiKeys: { openai: ['sk-for-minting-only'], deepgram: ['for-minting-only'] },
    respond: () => STORY,
    pace: { thinkMs: 0, transcriptMs: 0 },
  })
  emulators.add(emulator)
  const page = idlePages.pop() ?? (await openPage(browser, stack.url))
  const config = {
    provider,
    url: `${emulator.webSocketUrl}${PATHS[provider]}`,
    // Who speaks is not to be cut off by the recorded voice, but by the fault.
    muted: SPEAKS.has(provider),
    tokens: [await mint(emulator, provider, expiresIn)],
  }
  return {
    emulator,
    page,
    config,
    async tearDown() {
      await stop(page)
      idlePages.push(page)
      // A line that stands still does not hear that it is over.
      for (const connection of emulator.connections) if (!connection.closed) connection.terminate()
      await emulator.close()
      emulators.delete(emulator)
    },
  }
}

async function mint(emulator: Emulator, provider: ProviderName, seconds: number): Promise<string> {
  const openai = provider === 'openai'
  const response = await fetch(
    `${emulator.url}${openai ? '/v1/realtime/client_secrets' : '/v1/auth/grant'}`,
    {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        authorization: openai ? 'Bearer sk-for-minting-only' : 'Token for-minting-only',
      },
      body: JSON.stringify(
        openai ? { expires_after: { anchor: 'created_at', seconds } } : { ttl_seconds: seconds },
      ),
    },
  )
  const answer = (await response.json()) as { value: string; access_token: string }
  return openai ? answer.value : answer.access_token
}

function nextConnection(emulator: Emulator): Promise<EmulatorConnection> {
  return emulator.once('connection') as Promise<EmulatorConnection>
}

/** Proves that the conversation goes on over this connection: it is answered, or heard. */
async function goesOn(page: Page, provider: ProviderName, connection: EmulatorConnection): Promise<Status> {
  const heard = connection.once('audio')
  if (!SPEAKS.has(provider)) {
    await heard
    return status(page)
  }
  const spoken = connection.spoken.length
  await page.evaluate("matrix.sendText('And then?')")
  await until(page, () => connection.spoken.length > spoken, 'an answer')
  return until(page, ({ agentState }) => agentState === 'speaking', 'the sound of an answer')
}

async function reach(page: Page, moment: Moment): Promise<void> {
  if (moment !== 'speaking') return
  await page.evaluate("matrix.sendText('Tell me a story')")
  await until(page, ({ agentState }) => agentState === 'speaking', 'an answer')
}

for (const provider of Object.keys(PATHS) as ProviderName[]) {
  const moments: readonly Moment[] = SPEAKS.has(provider) ? ['listening', 'speaking'] : ['listening']

  describe(`faults of ${provider}`, { concurrency: 3 }, () => {
    for (const { name, fault, handshake, open, session } of CASES) {
      // Speech to text has no handshake: it is ready when the line is open.
      if (handshake !== null && SPEAKS.has(provider)) {
        test(`${name} at the handshake`, { timeout: 40_000 }, async () => {
          const { emulator, page, config, tearDown } = await setUp(provider)
          emulator.addFault({ ...fault, times: 1 })
          const connecting = nextConnection(emulator)
          const refused = await start(page, { ...config, session })
          if (typeof handshake === 'object') {
            assert.equal(refused, handshake.ends)
            const { states, errors } = await status(page)
            assert.deepEqual([states, errors], [['connecting', 'closing', 'closed'], []])
          } else {
            assert.equal(refused, null)
            const { errors } = await goesOn(page, provider, await connecting)
            assert.deepEqual(errors, [])
            assert.equal(emulator.connections.length, 1)
          }
          await tearDown()
        })
      }

      for (const moment of moments) {
        test(`${name} while ${moment}`, { timeout: 40_000 }, async () => {
          const { emulator, page, config, tearDown } = await setUp(provider)
          const connecting = nextConnection(emulator)
          assert.equal(await start(page, { ...config, session }), null)
          const first = await connecting
          await reach(page, moment)
          const second = open === 'new line' ? nextConnection(emulator) : Promise.resolve(first)
          first.interceptor = new FaultInterceptor(first, [fault as never])
          if (typeof open === 'object') {
            const { errors } = await until(page, ({ state }) => state === 'closed', 'the end')
            assert.deepEqual(errors, [open.ends])
          } else {
            // A line that is dead is noticed when somebody is asked something.
            if (fault.type === 'stall' && SPEAKS.has(provider)) {
              await page.evaluate("matrix.sendText('Are you there?')")
            }
            const connection = await second
            await until(page, ({ state }) => state === 'open', 'a line')
            const { errors, states, transcript } = await goesOn(page, provider, connection)
            assert.deepEqual(errors, [])
            const lost = open === 'new line' ? ['reconnecting', 'open'] : []
            assert.deepEqual(states, ['connecting', 'open', ...lost])
            assert.equal(new Set(transcript.map(({ id }) => id)).size, transcript.length)
          }
          await tearDown()
        })
      }
    }

    for (const code of [401, 403, 404, 429, 500]) {
      test(`upgrade refused with ${code}`, { timeout: 40_000 }, async () => {
        const { emulator, page, config, tearDown } = await setUp(provider)
        emulator.addFault({ type: 'refuse', status: code, times: 1 })
        assert.equal(await start(page, config), 'connection-failed')
        const connecting = nextConnection(emulator)
        assert.equal(await start(page, config), null)
        const first = await connecting
        emulator.addFault({ type: 'refuse', status: code, times: 2 })
        const again = nextConnection(emulator)
        first.terminate()
        const { errors } = await goesOn(
          page,
          provider,
          await again.then(async (connection) => {
            await until(page, ({ state }) => state === 'open', 'a line')
            return connection
          }),
        )
        assert.deepEqual(errors, [])
        await tearDown()
      })
    }

    test('upgrade that is never answered', { timeout: 40_000 }, async () => {
      const { emulator, page, config, tearDown } = await setUp(provider)
      emulator.addFault({ type: 'never-answer', times: 1 })
      assert.equal(await start(page, { ...config, session: { connectTimeoutMs: 300 } }), 'connection-failed')
      await tearDown()
    })

    test('upgrades refused until the attempts are used up', { timeout: 40_000 }, async () => {
      const { emulator, page, config, tearDown } = await setUp(provider)
      const connecting = nextConnection(emulator)
      assert.equal(await start(page, config), null)
      emulator.addFault({ type: 'refuse', status: 503 })
      ;(await connecting).terminate()
      const { errors } = await until(page, ({ state }) => state === 'closed', 'the end')
      assert.deepEqual(errors, ['connection-failed'])
      await tearDown()
    })

    test('token that has expired at a reconnect', { timeout: 40_000 }, async () => {
      let ahead = 0
      const now = () => Date.now() + ahead
      const { emulator, page, config, tearDown } = await setUp(provider, { now, expiresIn: 60 })
      const [old] = config.tokens
      ahead = 30_000
      const fresh = await mint(emulator, provider, 60)
      const connecting = nextConnection(emulator)
      assert.equal(await start(page, { ...config, tokens: [old, old, fresh] }), null)
      const first = await connecting
      ahead = 70_000
      if (provider === 'openai') {
        // This one says that the token is the matter, and the same again would be refused again.
        first.terminate()
        const { errors } = await until(page, ({ state }) => state === 'closed', 'the end')
        assert.deepEqual(errors, ['unauthorized'])
      } else {
        const refused = emulator.once('refused')
        const again = nextConnection(emulator)
        first.terminate()
        await refused
        const connection = await again
        await until(page, ({ state }) => state === 'open', 'a line')
        assert.deepEqual((await goesOn(page, provider, connection)).errors, [])
      }
      await tearDown()
    })

    for (const stopAt of ['at once', 'prompt', 'microphone', 'token', 'dialled', 'opened', 'first message']) {
      // The first message of speech to text comes when somebody has spoken.
      if (stopAt === 'first message' && provider === 'listen') continue
      test(`stop() at: ${stopAt}`, { timeout: 40_000 }, async () => {
        const { page, config, tearDown } = await setUp(provider)
        const result = await start(page, { ...config, stopAt })
        assert.ok(
          result === 'AbortError' || (result === null && ['opened', 'first message'].includes(stopAt)),
          `${result}`,
        )
        const { errors } = await until(page, ({ state }) => state === 'closed', 'the end')
        assert.deepEqual(errors, [])
        await tearDown()
      })
    }
  })
}
