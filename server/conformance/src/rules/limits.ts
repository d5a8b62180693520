import type { Answer } from '../answer.ts'
import type { Rule } from '../rule.ts'
import type { Settings } from '../settings.ts'
import { type CallOptions, choosesAddress, type Trial } from '../trial.ts'
import { demand, demandEqual, Violation } from '../violation.ts'
import { codeIn } from './preview.ts'
import { sessionInTime } from './sessions.ts'

/** Beyond these the suite does not count. */
const MOST_SESSIONS = 200
const MOST_EACH = 60

const noAddresses = ({ trustedProxies, relay }: Settings) =>
  trustedProxies > 0 || choosesAddress(relay, trustedProxies)
    ? null
    : 'all clients of the suite have one address: start the relay with TRUST_PROXY=1'
const noRate = (settings: Settings) =>
  settings.rateLimit === 0 || settings.rateLimit > MOST_EACH
    ? `VOICE_AGENT_RATE_LIMIT is not in 1…${MOST_EACH}`
    : noAddresses(settings)
const noPerAddress = (settings: Settings) => {
  const { maxConnectionsPerAddress: most, rateLimit } = settings
  if (most === 0 || most > MOST_EACH) return `MAX_CONNECTIONS_PER_IP is not in 1…${MOST_EACH}`
  if (rateLimit > 0 && rateLimit < most + 3) return 'VOICE_AGENT_RATE_LIMIT is met before'
  return noAddresses(settings)
}

/** How many may come in, and how often (R-LIMIT). */
export const limits: readonly Rule[] = [
  {
    id: 'limits/per-address',
    title: 'More sessions of an address than allowed get 429 too_many_connections with Retry-After',
    proves: ['R-LIMIT-2'],
    skip: noPerAddress,
    async judge(trial) {
      const address = trial.address()
      for (let index = 0; index < trial.settings.maxConnectionsPerAddress; index += 1) {
        await trial.session({ address })
      }
      await demandLater(trial, { address }, 429, 'too_many_connections')
    },
  },
  {
    id: 'limits/per-user',
    title: 'More sessions of a user than allowed get 429 too_many_connections with Retry-After',
    proves: ['R-LIMIT-3'],
    skip: ({ maxConnectionsPerUser: most }) =>
      most === 0 || most > MOST_EACH ? `MAX_CONNECTIONS_PER_USER is not in 1…${MOST_EACH}` : null,
    async judge(trial) {
      const sub = `user-of-many-tabs-${Math.random()}`
      for (let index = 0; index < trial.settings.maxConnectionsPerUser; index += 1) {
        await trial.session({ ticket: trial.ticket({ sub }) })
      }
      await demandLater(trial, { ticket: trial.ticket({ sub }) }, 429, 'too_many_connections')
    },
  },
  {
    id: 'limits/places-returned',
    title: 'A place is given back however its session ends',
    proves: ['R-LIMIT-5'],
    skip: ({ maxConnectionsPerUser: most }) =>
      most === 0 || most > MOST_EACH ? `MAX_CONNECTIONS_PER_USER is not in 1…${MOST_EACH}` : null,
    async judge(trial) {
      const sub = `user-who-comes-back-${Math.random()}`
      const ends = [
        'close',
        'reset',
        'provider closes',
        'provider dies',
        'breach',
        'provider refuses',
      ] as const
      for (const end of ends) {
        const options = () => ({ ticket: trial.ticket({ sub }) })
        for (let index = 0; index < trial.settings.maxConnectionsPerUser; index += 1) {
          if (end === 'provider refuses') {
            const call = await trial.call(options())
            ;(await call.dialled()).refuse(500)
            await (await call.answer()).client?.gone
            continue
          }
          const { client, provider } = await trial.session(options())
          if (end === 'close') client.close()
          if (end === 'reset') client.reset()
          if (end === 'provider closes') provider.close()
          if (end === 'provider dies') provider.reset()
          if (end === 'breach') client.fragment(3, 'x')
          await client.gone
          await provider.gone
        }
        const { client } = await sessionInTime(trial, options).catch((error: unknown) => {
          throw error instanceof Violation ? new Violation(`behind "${end}": ${error.message}`) : error
        })
        client.close()
        await client.gone
      }
    },
  },
  {
    id: 'limits/rate',
    title: 'More upgrades of an address than allowed get 429 rate_limited, with Retry-After and RateLimit-*',
    proves: ['R-LIMIT-4'],
    skip: noRate,
    async judge(trial) {
      const address = trial.address()
      await useUp(trial, address)
      const { answer, by } = await demandLater(trial, { address }, 429, 'rate_limited')
      if (by === 'close') return
      for (const name of ['RateLimit-Limit', 'RateLimit-Remaining', 'RateLimit-Reset']) {
        demand(answer.header(name) !== null, `the answer has no ${name}`)
      }
      demandEqual(answer.header('RateLimit-Remaining'), '0', 'RateLimit-Remaining')
    },
  },
  {
    id: 'limits/sliding-window',
    title: 'The window slides, refused upgrades do not count, and waiting for Retry-After helps',
    proves: ['R-LIMIT-4'],
    slow: true,
    long: true,
    skip: noRate,
    async judge(trial) {
      const { windowMs, rateLimit } = trial.settings
      const address = trial.address()
      const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
      // One early, the others late: a window that is fixed, or forgets all at once, lets too many through.
      await open(trial, address)
      await wait(windowMs * 0.75)
      for (let index = 1; index < rateLimit; index += 1) await open(trial, address)
      for (let index = 0; index < 3; index += 1) await trial.refused({ address })
      const { answer } = await demandLater(trial, { address }, 429, 'rate_limited')
      const seconds = Number(answer.header('Retry-After'))
      demand(seconds * 1000 <= windowMs * 0.25 + 1500, `Retry-After was ${seconds} for the end of the first`)
      await wait(seconds * 1000 + 300)
      await open(trial, address)
      await demandLater(trial, { address }, 429, 'rate_limited')
    },
  },
  {
    id: 'limits/forwarded-for',
    title: 'What a client puts into X-Forwarded-For does not make it another client',
    proves: ['R-LIMIT-6'],
    skip: noPerAddress,
    async judge(trial) {
      const { trustedProxies, maxConnectionsPerAddress } = trial.settings
      const address = trial.address()
      const proxies = Array.from({ length: trustedProxies - 1 }, (_, index) => `192.0.2.${index + 1}`)
      const invented = (): CallOptions => {
        const trusted = trustedProxies === 0 ? [] : [address, ...proxies]
        return { address, headers: { 'X-Forwarded-For': [trial.address(), ...trusted].join(', ') } }
      }
      for (let index = 0; index < maxConnectionsPerAddress; index += 1) await trial.session(invented())
      await trial.demandRefused(invented(), 429, 'too_many_connections', 'one too many')
    },
  },
  {
    id: 'limits/total',
    title: 'A full relay answers 503 at_capacity, is not ready and alive, and lets in when somebody leaves',
    proves: ['R-LIMIT-1', 'R-HTTP-4', 'R-HTTP-5'],
    alone: true,
    skip: ({ maxConnections: most }) =>
      most === 0 || most > MOST_SESSIONS ? `MAX_CONNECTIONS is not in 1…${MOST_SESSIONS}` : null,
    async judge(trial) {
      const { maxConnections } = trial.settings
      const clients = []
      // Sessions of other rules may be ending still, so it can be full a little earlier.
      for (let index = 0; index < maxConnections; index += 1) {
        const call = await trial.call()
        const answer = await call.answer()
        if (answer.client === null) break
        ;(await call.dialled()).accept()
        clients.push(answer.client)
      }
      demand(clients.length > maxConnections / 2, `it was full with ${clients.length} of ${maxConnections}`)
      await demandLater(trial, {}, 503, 'at_capacity')
      const ready = await trial.request('/ready')
      demandEqual(`${ready.status} ${codeIn(ready.json)}`, '503 at_capacity', 'the answer to /ready')
      const health = (await trial.request('/health')).status
      demand(health < 300, `the answer to /health was ${health}`)
      const [first] = clients
      first!.close()
      await first!.gone
      await sessionInTime(trial)
    },
  },
]

/** Opens a session, and ends it. */
async function open(trial: Trial, address: string): Promise<void> {
  const { client } = await trial.session({ address })
  client.close()
  await client.gone
}

async function useUp(trial: Trial, address: string): Promise<void> {
  for (let index = 0; index < trial.settings.rateLimit; index += 1) await open(trial, address)
}

async function demandLater(trial: Trial, options: CallOptions, status: number, code: string) {
  const refused = await trial.demandRefused(options, status, code, 'one too many')
  if (refused.by === 'answer') demandRetryAfter(refused.answer)
  return refused
}

/** States that the header and the body agree on when to come back (R-HTTP-2). @throws {Violation} */
export function demandRetryAfter({ header, body }: Pick<Answer, 'header' | 'body'>): void {
  const retryAfter = header('Retry-After')
  demand(/^[1-9]\d*$/.test(retryAfter ?? ''), `Retry-After was ${retryAfter}`)
  const { error } = JSON.parse(body) as { error: { retryAfter?: unknown } }
  demandEqual(error.retryAfter, Number(retryAfter), 'retryAfter in the body')
}
