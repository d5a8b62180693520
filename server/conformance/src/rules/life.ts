import { describe, type Peer } from '../peer.ts'
import type { Rule } from '../rule.ts'
import type { Settings } from '../settings.ts'
import { demand } from '../violation.ts'
import { demandWorks } from './sessions.ts'

/** Beyond these the suite does not wait; in ms. */
const MOST_HEARTBEAT_MS = 5000
const MOST_INACTIVITY_MS = 30_000

const noHeartbeat = ({ heartbeatMs }: Settings) =>
  heartbeatMs === 0 || heartbeatMs > MOST_HEARTBEAT_MS
    ? `HEARTBEAT_INTERVAL is not in 1…${MOST_HEARTBEAT_MS} ms`
    : null
const noInactivity = ({ inactivityMs }: Settings) =>
  inactivityMs === 0 || inactivityMs > MOST_INACTIVITY_MS
    ? `INACTIVITY_TIMEOUT is not in 1…${MOST_INACTIVITY_MS} ms`
    : null

/** How long sessions live (R-LIFE-3 to R-LIFE-5). */
export const life: readonly Rule[] = [
  {
    id: 'life/pings',
    title: 'Both legs are pinged every HEARTBEAT_INTERVAL',
    proves: ['R-LIFE-3'],
    long: true,
    skip: noHeartbeat,
    async judge(trial) {
      const { client, provider } = await trial.session()
      const ms = trial.settings.heartbeatMs * 3 + 1000
      await client.until(() => client.pings.length >= 2, 'a second ping of the client', ms)
      await provider.until(() => provider.pings.length >= 2, 'a second ping of the provider', ms)
    },
  },
  {
    id: 'life/client-silent',
    title: 'A client that answers no ping is gone within three heartbeats',
    proves: ['R-LIFE-3'],
    long: true,
    skip: noHeartbeat,
    async judge(trial) {
      const { client, provider } = await trial.session()
      client.answersPings = false
      await provider.closed(trial.settings.heartbeatMs * 3 + 2000)
    },
  },
  {
    id: 'life/provider-silent',
    title: 'A provider that answers no ping is gone within three heartbeats',
    proves: ['R-LIFE-3'],
    long: true,
    skip: noHeartbeat,
    async judge(trial) {
      const { client, provider } = await trial.session()
      provider.answersPings = false
      await client.closed(trial.settings.heartbeatMs * 3 + 2000)
    },
  },
  {
    id: 'life/answers-keep',
    title: 'A session whose sides answer pings and say nothing is kept',
    proves: ['R-LIFE-3'],
    long: true,
    skip: (settings) => noHeartbeat(settings) ?? tooShort(settings),
    async judge(trial) {
      const session = await trial.session()
      const { client, provider } = session
      const kept = new Promise<null>((resolve) => {
        setTimeout(() => resolve(null), trial.settings.heartbeatMs * 3.5)
      })
      const ended = await Promise.race([kept, client.closing, provider.closing])
      demand(ended === null, `it ended with ${ended === null ? '' : describe(ended)}`)
      await demandWorks(session, 'a session behind three heartbeats')
    },
  },
  {
    id: 'life/inactivity',
    title: 'A session in which nobody says anything ends with 4408 inactivity_timeout',
    proves: ['R-LIFE-4'],
    long: true,
    skip: noInactivity,
    async judge(trial) {
      const startedAt = performance.now()
      const { client } = await trial.session()
      await demandIdle(client, trial.settings)
      const ms = performance.now() - startedAt
      demand(ms > trial.settings.inactivityMs * 0.95, `that came after ${(ms / 1000).toFixed(1)} s`)
    },
  },
  {
    id: 'life/sound-is-silence',
    title: "The client's sound, keep-alives and pongs do not keep a session in which nobody says anything",
    proves: ['R-LIFE-4'],
    long: true,
    skip: (settings) => noInactivity(settings) ?? tooLong(settings),
    async judge(trial) {
      const ways: readonly { provider: 'openai' | 'deepgram'; speak: (client: Peer) => void }[] = [
        {
          provider: 'openai',
          speak: (client) => client.send('{"type":"input_audio_buffer.append","audio":"AAAA"}'),
        },
        { provider: 'deepgram', speak: (client) => client.send(Buffer.alloc(320)) },
        { provider: 'deepgram', speak: (client) => client.send('{"type":"KeepAlive"}') },
        { provider: trial.provider, speak: (client) => client.fragment(10, '') },
      ]
      const possible = ways.filter(({ provider }) => trial.providers.includes(provider))
      const judged = possible.map(async ({ provider, speak }) => {
        const { client } = await trial.session({ provider })
        const timer = setInterval(() => speak(client), trial.settings.inactivityMs / 10)
        const ended = client.closed(idleMs(trial.settings))
        await ended.finally(() => clearInterval(timer))
      })
      await Promise.all(judged)
    },
  },
  {
    id: 'life/words-keep',
    title: 'A session in which the client or the provider says something is kept',
    proves: ['R-LIFE-4'],
    long: true,
    skip: (settings) => noInactivity(settings) ?? tooLong(settings),
    async judge(trial) {
      const { inactivityMs } = trial.settings
      const [byClient, byProvider] = [await trial.session(), await trial.session()]
      const speak = () => {
        byClient.client.send('{"type":"response.create"}')
        byProvider.provider.send('{"type":"response.created"}')
      }
      const timer = setInterval(speak, inactivityMs / 6)
      const over = new Promise<null>((resolve) => {
        setTimeout(() => resolve(null), inactivityMs * 1.3)
      })
      const ends = [byClient, byProvider].map(({ client }) => client.closing)
      const ended = await Promise.race([over, ...ends]).finally(() => clearInterval(timer))
      demand(ended === null, `the client got ${ended === null ? '' : describe(ended)}`)
    },
  },
  {
    id: 'life/ticket-seconds',
    title: "A ticket's max_seconds end the session with 4408 session_limit",
    proves: ['R-LIFE-5'],
    async judge(trial) {
      const startedAt = performance.now()
      const { client } = await trial.session({ ticket: trial.ticket({ max_seconds: 2 }) })
      const closing = await client.closed(6000)
      const told = closing.code === 4408 && closing.reason === 'session_limit'
      demand(told, `the client got ${describe(closing)}`)
      const ms = performance.now() - startedAt
      demand(ms > 1900, `that came after ${(ms / 1000).toFixed(1)} s`)
    },
  },
  {
    id: 'life/never-lengthened',
    title: "A ticket's max_seconds do not lengthen MAX_SESSION_SECONDS",
    proves: ['R-LIFE-5'],
    long: true,
    skip: ({ maxSessionSeconds }) =>
      maxSessionSeconds === 0 || maxSessionSeconds > 60 ? 'MAX_SESSION_SECONDS is not in 1…60' : null,
    async judge(trial) {
      const { maxSessionSeconds } = trial.settings
      const { client, provider } = await trial.session({ ticket: trial.ticket({ max_seconds: 3600 }) })
      const timer = setInterval(() => provider.send('{"type":"response.created"}'), 1000)
      const closing = await client.closed(maxSessionSeconds * 1000 + 5000).finally(() => clearInterval(timer))
      demand(closing.reason === 'session_limit', `the client got ${describe(closing)}`)
    },
  },
]

/** A quarter may be added (R-LIFE-4). */
function idleMs({ inactivityMs }: Settings): number {
  return inactivityMs * 1.25 + 3000
}

async function demandIdle(client: Peer, settings: Settings): Promise<void> {
  const closing = await client.closed(idleMs(settings))
  const told = closing.code === 4408 && closing.reason === 'inactivity_timeout'
  demand(told, `the client got ${describe(closing)}`)
}

function tooShort({ inactivityMs, heartbeatMs }: Settings): string | null {
  return inactivityMs > 0 && inactivityMs < heartbeatMs * 5
    ? 'INACTIVITY_TIMEOUT is under five heartbeats'
    : null
}

function tooLong(settings: Settings): string | null {
  const { maxSessionSeconds } = settings
  const ends = maxSessionSeconds > 0 && maxSessionSeconds * 1000 < idleMs(settings)
  return ends ? 'MAX_SESSION_SECONDS ends sessions first' : null
}
