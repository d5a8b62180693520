import { describe } from '../peer.ts'
import type { Rule } from '../rule.ts'
import type { Provider, Settings } from '../settings.ts'
import type { Trial } from '../trial.ts'
import { demand, demandEqual, NotJudged } from '../violation.ts'
import { OPCODE } from '../wire.ts'

const without =
  (provider: Provider) =>
  ({ keys }: Settings) =>
    keys[provider] === undefined ? 'the relay has no key for this provider' : null

/** What the relay itself says to a client (R-CLOSE-3 to R-CLOSE-7). */
export const notices: readonly Rule[] = [
  {
    id: 'notices/openai',
    title: "Before a close of the relay's own comes a notice in the shape of OpenAI's error",
    proves: ['R-CLOSE-3', 'R-CLOSE-4'],
    skip: without('openai'),
    async judge(trial) {
      const { notice, reason } = await refusedSession(trial, 'openai')
      const error = notice['error'] as Record<string, unknown> | undefined
      demandEqual(notice['type'], 'error', 'the type of the notice')
      demand(typeof notice['event_id'] === 'string', 'the notice has no event_id')
      demand(typeof error === 'object' && error !== null, 'the notice has no error')
      demandEqual(error['code'], reason, 'the code of the notice')
      demandEqual(error['type'], 'rate_limit_error', 'the type in the error')
      demand(typeof error['message'] === 'string' && error['message'] !== '', 'the error has no message')
      demandEqual(error['param'], null, 'the param of the error')
      demandEqual(error['event_id'], null, 'the event_id of the error')
    },
  },
  {
    id: 'notices/deepgram',
    title: "Before a close of the relay's own comes a notice in the shape of Deepgram's error",
    proves: ['R-CLOSE-3', 'R-CLOSE-5'],
    skip: without('deepgram'),
    async judge(trial) {
      const { notice, reason } = await refusedSession(trial, 'deepgram')
      demandEqual(notice['type'], 'Error', 'the type of the notice')
      demandEqual(notice['code'], reason, 'the code of the notice')
      demand(typeof notice['description'] === 'string', 'the notice has no description')
    },
  },
  {
    id: 'notices/warning-openai',
    title: "A warning at OpenAI is a relay.warning, and comes before a session's end",
    proves: ['R-CLOSE-7', 'R-LIFE-5'],
    skip: without('openai'),
    async judge(trial) {
      const ticket = trial.ticket({ max_seconds: 3 })
      const { client } = await trial.session({ provider: 'openai', ticket })
      const isWarning = (message: Record<string, unknown>) => message['type'] === 'relay.warning'
      const message = await client.find(isWarning, 'a warning')
      const warning = message['warning'] as Record<string, unknown> | undefined
      demandEqual(warning?.['code'], 'session_limit', 'the code of the warning')
      demand(typeof warning?.['message'] === 'string', 'the warning has no message')
      demand(typeof message['event_id'] === 'string', 'the warning has no event_id')
    },
  },
  {
    id: 'notices/warning-deepgram',
    title: "A warning at Deepgram is a Warning, and comes before a session's end",
    proves: ['R-CLOSE-7', 'R-LIFE-5'],
    skip: without('deepgram'),
    async judge(trial) {
      const ticket = trial.ticket({ max_seconds: 3 })
      const { client } = await trial.session({ provider: 'deepgram', ticket })
      const warning = await client.find((message) => message['type'] === 'Warning', 'a warning')
      demandEqual(warning['code'], 'session_limit', 'the code of the warning')
      demand(typeof warning['description'] === 'string', 'the warning has no description')
    },
  },
  {
    id: 'notices/inside-nothing',
    title: 'A notice or a warning is not put inside a message of the provider',
    proves: ['R-CLOSE-3', 'R-CLOSE-7'],
    async judge(trial) {
      const ticket = trial.ticket({ max_seconds: 2 })
      const { client, provider } = await trial.session({ ticket })
      provider.fragment(OPCODE.text, 'one ', { final: false })
      await client.closed(8000)
      const said = client.drain()
      const wrong = said.find((text) => text.includes('one') && text.includes('session_limit'))
      demand(
        wrong === undefined && client.breaches.length === 0,
        `a message became ${wrong ?? client.breaches[0]}`,
      )
    },
  },
  {
    id: 'notices/provider-told',
    title: 'The provider of a session that the relay ends gets 1001',
    proves: ['R-CLOSE-6'],
    async judge(trial) {
      const { client, provider } = await trial.session()
      client.fragment(OPCODE.binary, 'x', { declared: 2 ** 40 })
      const closing = await provider.closed()
      demand(closing.code === 1001, `the provider got ${describe(closing)}`)
    },
  },
  {
    id: 'notices/provider-to-blame',
    title: 'A provider that broke the protocol gets 1002',
    proves: ['R-CLOSE-6'],
    async judge(trial) {
      const { provider } = await trial.session()
      provider.fragment(3, 'x')
      const closing = await provider.closed()
      demand(closing.code === 1002, `the provider got ${describe(closing)}`)
    },
  },
]

/** A session that the provider does not take, and what the relay says about it. */
async function refusedSession(trial: Trial, provider: Provider) {
  const call = await trial.call({ provider })
  ;(await call.dialled()).refuse(429)
  const { client } = await call.answer()
  if (client === null) throw new NotJudged('the relay lets clients in only when the provider has answered')
  const notice = await client.nextJson('a notice')
  const { reason } = await client.closed()
  return { notice, reason }
}
