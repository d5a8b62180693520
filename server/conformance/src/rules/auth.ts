import type { Rule } from '../rule.ts'
import type { CallOptions } from '../trial.ts'
import { demand, demandEqual } from '../violation.ts'
import { fence } from './sessions.ts'

/** Where a ticket is shown, and when it is decided who comes in (R-AUTH). */
export const auth: readonly Rule[] = [
  {
    id: 'auth/header',
    title: 'A ticket is taken from Authorization, as Bearer and as Token',
    proves: ['R-AUTH-1'],
    async judge(trial) {
      for (const scheme of ['Bearer', 'Token', 'bearer', 'token']) {
        const headers = { Authorization: `${scheme} ${trial.ticket()}` }
        await trial.session({ ticket: null, headers })
      }
    },
  },
  {
    id: 'auth/subprotocols',
    title: 'A ticket is taken from each of the four subprotocols',
    proves: ['R-AUTH-1'],
    async judge(trial) {
      const { origin } = trial
      const ways = [
        ['realtime', `openai-insecure-api-key.${trial.ticket()}`],
        [`access_token.${trial.ticket()}`],
        ['bearer', trial.ticket()],
        ['token', trial.ticket()],
      ]
      for (const protocols of ways) {
        await trial.demandSession({ ticket: null, origin, protocols }, protocols[0]!.split('.', 1)[0]!)
      }
    },
  },
  {
    id: 'auth/query',
    title: 'A ticket is taken from the query parameter token',
    proves: ['R-AUTH-1'],
    async judge(trial) {
      const { origin } = trial
      await trial.session({ ticket: null, origin, query: `token=${trial.ticket()}` })
    },
  },
  {
    id: 'auth/precedence',
    title: 'The header counts before a subprotocol, and that before the query',
    proves: ['R-AUTH-1'],
    async judge(trial) {
      const { origin } = trial
      const bad = 'x.y.z'
      const asked: readonly (readonly [CallOptions, string])[] = [
        [{ ticket: bad, protocols: ['bearer', trial.ticket()] }, 'a bad header and a good subprotocol'],
        [{ ticket: bad, query: `token=${trial.ticket()}` }, 'a bad header and a good query'],
        [
          { ticket: null, protocols: ['bearer', bad], query: `token=${trial.ticket()}` },
          'a bad subprotocol and a good query',
        ],
      ]
      for (const [options, what] of asked) {
        await trial.demandRefused({ ...options, origin }, 401, 'ticket_invalid', what)
      }
      await trial.session({ origin, protocols: ['bearer', bad], query: `token=${bad}` })
    },
  },
  {
    id: 'auth/before-dialling',
    title: 'Nobody is dialled for a client that is refused',
    proves: ['R-AUTH-2'],
    async judge(trial) {
      const refused: readonly CallOptions[] = [
        { ticket: null, origin: trial.origin },
        { ticket: 'x.y.z' },
        { origin: 'https://other.example' },
      ]
      for (const options of refused) {
        const call = await trial.call(options)
        const answer = await call.answer()
        await answer.client?.closed().catch(() => {}) // only whether the provider heard of it matters here
        await fence(trial)
        demandEqual(call.expectation.dials.length, 0, 'the number of connections to the provider')
      }
      demand(
        trial.upstream.strays.every((dial) => !dial.target.includes('token=')),
        'a stray with a token came',
      )
    },
  },
  {
    id: 'auth/order',
    title: 'Of several things that are wrong the first in the order of the protocol is told',
    proves: ['R-AUTH-3'],
    async judge(trial) {
      const { origin, provider } = trial
      const other = 'https://other.example'
      const foreign = provider === 'openai' ? 'deepgram' : 'openai'
      const status = async (options: CallOptions) => (await (await trial.call(options)).answer()).status
      const version = { 'Sec-WebSocket-Version': '12' }
      demandEqual(
        await status({ headers: version, origin: other, ticket: null }),
        426,
        'form, origin, ticket',
      )
      const twice = { 'Sec-WebSocket-Protocol': 'a, a' }
      demandEqual(await status({ headers: twice, origin: other, ticket: null }), 400, 'subprotocols, origin')
      await trial.demandRefused({ origin: other, ticket: null }, 403, 'origin_forbidden', 'origin, ticket')
      const forgedElsewhere = { ticket: trial.ticket({ provider: foreign }, { signature: 'x' }), origin }
      await trial.demandRefused(forgedElsewhere, 401, 'ticket_invalid', 'credential, scope')
      const claims = { jti: `again-${Date.now()}-${Math.random()}` }
      await trial.session({ ticket: trial.ticket(claims), origin })
      const usedElsewhere = { ticket: trial.ticket({ ...claims, provider: foreign }), origin }
      await trial.demandRefused(usedElsewhere, 403, 'provider_forbidden', 'scope, use')
    },
  },
  {
    id: 'auth/application',
    title: 'A page of a foreign origin without a ticket is told of its origin',
    proves: ['R-AUTH-4', 'R-ORIGIN-1'],
    judge: async (trial) => {
      const headers = { Cookie: 'session=1' }
      const options = { ticket: null, origin: 'https://other.example', headers }
      await trial.demandRefused(options, 403, 'origin_forbidden', 'a cookie from a foreign page')
    },
  },
]
