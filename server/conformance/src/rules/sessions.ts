import type { Peer } from '../peer.ts'
import type { CallOptions, Session, Trial } from '../trial.ts'
import { demand, show, Violation } from '../violation.ts'

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

/** As `demandNext`, where the type is for another rule to judge. @throws {Violation} */
export async function demandData(peer: Peer, data: string, what: string): Promise<void> {
  const text = (await peer.next(what)).data.toString()
  demand(text === data, `${what}: ${show(text)} and not ${show(data)}`)
}

/** States that a session still carries a message each way. @throws {Violation} */
export async function demandWorks({ client, provider }: Session, what: string): Promise<void> {
  client.send('{"type":"a question"}')
  await demandData(provider, '{"type":"a question"}', what)
  provider.send('{"type":"an answer"}')
  await demandData(client, '{"type":"an answer"}', what)
}

/**
 * Opens a session as soon as there is a place for it again.
 *
 * @throws {Violation} Where there is none when both legs of the one before must be gone.
 */
export async function sessionInTime(trial: Trial, options: () => CallOptions = () => ({})): Promise<Session> {
  const lastAt = performance.now() + LEGS_MS + SLACK_MS
  for (;;) {
    try {
      return await trial.session(options())
    } catch (error) {
      if (!(error instanceof Violation) || performance.now() > lastAt) throw error
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
}

/** Opens a session behind others: what the relay did for those has been done by then. */
export async function fence(trial: Trial): Promise<void> {
  await trial.session()
}
