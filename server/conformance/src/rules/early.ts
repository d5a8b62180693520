import { describe, type Peer } from '../peer.ts'
import type { Rule } from '../rule.ts'
import type { Trial } from '../trial.ts'
import type { Dial } from '../upstream.ts'
import { demand, NotJudged } from '../violation.ts'
import { demandData, demandNext } from './sessions.ts'

/** What a client says before the provider has answered (R-MSG-2). */
export const early: readonly Rule[] = [
  {
    id: 'early/kept',
    title: 'Messages that come before the provider has answered reach it, in order',
    proves: ['R-MSG-2'],
    profile: 'minimal',
    async judge(trial) {
      const call = await trial.call()
      const dial = await call.dialled()
      const answering = call.answer(EARLY_MS)
      const client = (await answering.catch(() => null))?.client ?? null
      // A relay may let the client in only when the provider has answered: then nothing can be early.
      const early = client !== null
      if (early) for (const text of ['first', 'second', 'third']) client.send(text)
      const provider = dial.accept()
      if (!early) return
      for (const text of ['first', 'second', 'third']) await demandData(provider, text, 'at the provider')
      client.send('fourth')
      await demandData(provider, 'fourth', 'at the provider')
      demand(client.waiting === 0, 'something came back to the client')
    },
  },
  {
    id: 'early/binary',
    title: 'An early binary message keeps its type',
    proves: ['R-MSG-1', 'R-MSG-2'],
    async judge(trial) {
      const { client, dial } = await earlyClient(trial)
      client.send(Buffer.from('sound'))
      const provider = dial.accept()
      await demandNext(provider, Buffer.from('sound'), 'early sound')
    },
  },
  {
    id: 'early/with-handshake',
    title: 'Messages that come in one piece with the handshake are kept, too',
    proves: ['R-MSG-2'],
    async judge(trial) {
      const body = Buffer.concat([Buffer.from([0x81, 0x84, 0, 0, 0, 0]), Buffer.from('head')])
      const call = await trial.call({ body })
      const provider = (await call.dialled()).accept()
      await demandData(provider, 'head', 'at the provider')
    },
  },
  {
    id: 'early/a-megabyte',
    title: 'A million bytes that come early are kept',
    proves: ['R-MSG-2'],
    async judge(trial) {
      const { client, dial } = await earlyClient(trial)
      const part = 'x'.repeat(100_000)
      for (let index = 0; index < 10; index += 1) client.send(part)
      client.ping('behind it')
      await client.until(
        () => client.pongs.length > 0 || client.isGone,
        'a pong behind a million early bytes',
      )
      const provider = dial.accept()
      for (let index = 0; index < 10; index += 1) await demandData(provider, part, `part ${index}`)
    },
  },
  {
    id: 'early/too-much',
    title: 'More than 1 MiB that comes early ends the session with 1009',
    proves: ['R-MSG-2'],
    async judge(trial) {
      const { client } = await earlyClient(trial) // and the provider never answers
      const part = 'x'.repeat(100_000)
      for (let index = 0; index < 13; index += 1) client.send(part)
      const closing = await client.closed(4000)
      demand(closing.code === 1009, `after 1,300,000 early bytes came ${describe(closing)}`)
    },
  },
]

/** How long a relay has to let a client in that does not wait for the provider, in ms. */
const EARLY_MS = 2000

/** A client that was let in, and the handshake of the provider, which waits. @throws {NotJudged} */
async function earlyClient(trial: Trial): Promise<{ client: Peer; dial: Dial }> {
  const call = await trial.call()
  const dial = await call.dialled()
  const answer = await call.answer(EARLY_MS).catch(() => null)
  if (answer === null) throw new NotJudged('the relay lets clients in only when the provider has answered')
  const { client, status } = answer
  demand(client !== null, `the handshake was answered with ${status}`)
  return { client, dial }
}
