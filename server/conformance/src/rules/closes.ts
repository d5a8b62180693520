import { describe } from '../peer.ts'
import type { Rule } from '../rule.ts'
import type { Trial } from '../trial.ts'
import { demand, Violation, within } from '../violation.ts'
import { LEGS_MS, SLACK_MS } from './sessions.ts'

/** All that one side may end with, and that the other must get (section 10). */
const PASSED_ON = [
  1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4001, 4999,
]

/** How both legs end together, and with what (R-CLOSE, R-LIFE-1, R-LIFE-2). */
export const closes: readonly Rule[] = [
  {
    id: 'close/client-closes',
    title: "The client's close ends the provider's connection within 1.5 s",
    proves: ['R-LIFE-1'],
    profile: 'minimal',
    async judge(trial) {
      const { client, provider } = await trial.session()
      client.close(1000)
      await within(LEGS_MS + SLACK_MS, provider.closing, "a close of the provider's connection")
    },
  },
  {
    id: 'close/provider-closes',
    title: "The provider's close ends the client's connection within 1.5 s",
    proves: ['R-LIFE-1'],
    profile: 'minimal',
    async judge(trial) {
      const { client, provider } = await trial.session()
      provider.close(1000)
      await within(LEGS_MS + SLACK_MS, client.closing, "a close of the client's connection")
    },
  },
  {
    id: 'close/both-gone',
    title: 'After a close both connections are gone within 1.5 s, even where a side does not answer it',
    proves: ['R-LIFE-1'],
    async judge(trial) {
      const one = await trial.session()
      one.provider.answersClose = false
      one.client.close(1000)
      await within(LEGS_MS + SLACK_MS, one.provider.gone, 'the end of a provider that answers no close')
      const other = await trial.session()
      other.client.answersClose = false
      other.provider.close(1000)
      await within(LEGS_MS + SLACK_MS, other.client.gone, 'the end of a client that answers no close')
    },
  },
  {
    id: 'close/client-dies',
    title: "A client that is gone without a close ends the provider's connection",
    proves: ['R-LIFE-1', 'R-LIFE-2'],
    profile: 'minimal',
    async judge(trial) {
      const { client, provider } = await trial.session()
      client.reset()
      await within(LEGS_MS + SLACK_MS, provider.closing, "the end of the provider's connection")
    },
  },
  {
    id: 'close/provider-dies',
    title: "A provider that is gone without a close ends the client's connection",
    proves: ['R-LIFE-1', 'R-LIFE-2'],
    profile: 'minimal',
    async judge(trial) {
      const { client, provider } = await trial.session()
      provider.reset()
      await within(LEGS_MS + SLACK_MS, client.closing, "the end of the client's connection")
    },
  },
  {
    id: 'close/lost-client-1011',
    title: 'A client that is gone without a close is told to the provider as 1011',
    proves: ['R-CLOSE-1', 'R-LIFE-2'],
    async judge(trial) {
      const { client, provider } = await trial.session()
      client.reset()
      const closing = await provider.closed()
      demand(closing.code === 1011, `the provider got ${describe(closing)}`)
    },
  },
  {
    id: 'close/lost-provider-1011',
    title: 'A provider that is gone without a close is told to the client as 1011',
    proves: ['R-CLOSE-1', 'R-LIFE-2'],
    profile: 'minimal',
    async judge(trial) {
      const { client, provider } = await trial.session()
      provider.reset()
      const closing = await client.closed()
      demand(closing.code === 1011, `the client got ${describe(closing)}`)
    },
  },
  {
    id: 'close/upstream-lost',
    title: 'A lost provider is told with the code upstream_lost',
    proves: ['R-LIFE-2'],
    async judge(trial) {
      const { client, provider } = await trial.session()
      provider.reset()
      const closing = await client.closed()
      demand(closing.reason === 'upstream_lost', `the client got ${describe(closing)}`)
    },
  },
  {
    id: 'close/sane-codes',
    title: 'The codes 1000 and 4000 reach the other side',
    proves: ['R-CLOSE-1'],
    profile: 'minimal',
    judge: (trial) => demandPassedOn(trial, [1000, 4000], 'both'),
  },
  {
    id: 'close/client-codes',
    title: 'Each code a client may close with reaches the provider as it is',
    proves: ['R-CLOSE-1'],
    judge: (trial) => demandPassedOn(trial, PASSED_ON, 'up'),
  },
  {
    id: 'close/provider-codes',
    title: 'Each code a provider may close with reaches the client as it is',
    proves: ['R-CLOSE-1'],
    judge: (trial) => demandPassedOn(trial, PASSED_ON, 'down'),
  },
  {
    id: 'close/without-code',
    title: 'A close without a code becomes 1000',
    proves: ['R-CLOSE-1'],
    async judge(trial) {
      const one = await trial.session()
      one.client.close(1005)
      const atProvider = await one.provider.closed()
      demand(atProvider.code === 1000, `the provider got ${describe(atProvider)}`)
      const other = await trial.session()
      other.provider.close(1005)
      const atClient = await other.client.closed()
      demand(atClient.code === 1000, `the client got ${describe(atClient)}`)
    },
  },
  {
    id: 'close/reasons',
    title: 'A reason goes along, up to 123 bytes of UTF-8',
    proves: ['R-CLOSE-2'],
    async judge(trial) {
      const reason = `${'ü'.repeat(61)}.`
      const one = await trial.session()
      one.client.close(4001, reason)
      const atProvider = await one.provider.closed()
      demand(atProvider.reason === reason, `the provider got ${describe(atProvider)}`)
      const other = await trial.session()
      other.provider.close(4001, reason)
      const atClient = await other.client.closed()
      demand(atClient.reason === reason, `the client got ${describe(atClient)}`)
    },
  },
  {
    id: 'close/no-message-lost',
    title: 'What was said before a close arrives before the close',
    proves: ['R-MSG-1', 'R-CLOSE-1'],
    async judge(trial) {
      const { client, provider } = await trial.session()
      for (let index = 0; index < 50; index += 1) provider.send(`last words ${index}`)
      provider.close(1000)
      await client.closed()
      const { length } = client.drain()
      demand(length === 50, `${length} of 50 messages came before the close`)
    },
  },
]

async function demandPassedOn(
  trial: Trial,
  codes: readonly number[],
  way: 'up' | 'down' | 'both',
): Promise<void> {
  const wrong: string[] = []
  const pass = async (code: number, up: boolean) => {
    const { client, provider } = await trial.session()
    const [from, to] = up ? [client, provider] : [provider, client]
    from.close(code)
    const closing = await to.closed()
    if (closing.code !== code) wrong.push(`${code} became ${describe(closing)}`)
  }
  for (const up of way === 'both' ? [true, false] : [way === 'up']) {
    if (!trial.upstream.byOrder) await Promise.all(codes.map((code) => pass(code, up)))
    else for (const code of codes) await pass(code, up)
  }
  if (wrong.length > 0) throw new Violation(wrong.join('; '))
}
