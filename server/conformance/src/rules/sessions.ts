import type { Peer } from '../peer.ts'
import type { Session, Trial } from '../trial.ts'
import { demand, show } from '../violation.ts'

/** How long both legs may live when one has ended (R-LIFE-1), and what a busy machine may add; in ms. */
export const LEGS_MS = 1500
export const SLACK_MS = 1000

/** States that the next message at `peer` is this one, and of the same type. @throws {Violation} */
export async function demandNext(peer: Peer, data: string | Buffer, what: string): Promise<void> {
  const received = await peer.next(what)
  const binary = typeof data !== 'string'
  demand(
    received.binary === binary,
    `${what}: a ${binary ? 'binary' : 'text'} message became ${binary ? 'text' : 'binary'}`,
  )
  const same = Buffer.from(data).equals(received.data)
  demand(same, `${what}: ${show(received.data.toString())} and not ${show(Buffer.from(data).toString())}`)
}

/** States that a session still carries a message each way. @throws {Violation} */
export async function demandWorks({ client, provider }: Session, what: string): Promise<void> {
  client.send('{"type":"a question"}')
  await demandNext(provider, '{"type":"a question"}', what)
  provider.send('{"type":"an answer"}')
  await demandNext(client, '{"type":"an answer"}', what)
}

/** Opens a session behind others: what the relay did for those has been done by then. */
export async function fence(trial: Trial): Promise<void> {
  await trial.session()
}
