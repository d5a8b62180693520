import { describe, type Peer } from '../peer.ts'
import type { Rule } from '../rule.ts'
import { demand, demandEqual, within } from '../violation.ts'

const PART_BYTES = 65_536
/** What the operating system's buffers on the way may take, and much more: a relay that takes this is reading on. */
const MOST_BYTES = 48 * 1024 * 1024
/** How long nothing must move before a sender is called stuck, in ms. */
const STUCK_MS = 1500
/** How long a side may refuse to read (R-FLOW-3), with what a wheel of timers may add. */
const STALL_MS = { least: 13_000, most: 22_000 }

/** A side that does not read (R-FLOW). */
export const flow: readonly Rule[] = [
  {
    id: 'flow/client-stops',
    title: 'While the client does not read, the relay stops reading from the provider; then nothing is lost',
    proves: ['R-FLOW-1', 'R-FLOW-2'],
    alone: true,
    async judge(trial) {
      const { client, provider } = await trial.session()
      await demandStops(provider, client)
    },
  },
  {
    id: 'flow/provider-stops',
    title: 'While the provider does not read, the relay stops reading from the client; then nothing is lost',
    proves: ['R-FLOW-1', 'R-FLOW-2'],
    alone: true,
    async judge(trial) {
      const { client, provider } = await trial.session()
      await demandStops(client, provider)
    },
  },
  {
    id: 'flow/slow-consumer',
    title: 'A side that has not read for 15 s ends the session with 1013 slow_consumer',
    proves: ['R-FLOW-3'],
    long: true,
    async judge(trial) {
      const { client, provider } = await trial.session()
      provider.pause()
      // It sees no pings, and is neither gone nor silent.
      const alive = setInterval(() => provider.send('{"type":"response.created"}'), 500)
      const startedAt = performance.now()
      try {
        await fill(client)
        const closing = await client.closed(STALL_MS.most)
        const told = closing.code === 1013 && closing.reason === 'slow_consumer'
        demand(told, `the client got ${describe(closing)}`)
      } finally {
        clearInterval(alive)
      }
      const ms = performance.now() - startedAt
      demand(ms > STALL_MS.least, `that came after ${(ms / 1000).toFixed(1)} s`)
    },
  },
]

async function demandStops(from: Peer, to: Peer): Promise<void> {
  to.pause()
  const sent = await fill(from)
  demand(
    sent * PART_BYTES < MOST_BYTES,
    `the relay took ${(sent * PART_BYTES) / 1024 / 1024} MiB for a side that does not read`,
  )
  to.resume()
  for (let index = 0; index < sent; index += 1) {
    const { data } = await to.next(`part ${index} of ${sent} behind a pause`)
    demandEqual(data.length, PART_BYTES, 'the length of a part')
    demandEqual(data.readUInt32BE(0), index, 'the number of a part')
  }
}

/** Sends numbered parts until nothing moves any more. @returns How many were sent. */
async function fill(peer: Peer): Promise<number> {
  let sent = 0
  while (sent * PART_BYTES < MOST_BYTES && !peer.isGone) {
    const part = Buffer.alloc(PART_BYTES)
    part.writeUInt32BE(sent)
    peer.send(part)
    sent += 1
    if (!peer.socket.writableNeedDrain) continue
    const drained = new Promise<true>((resolve) => peer.socket.once('drain', () => resolve(true)))
    if (!(await within(STUCK_MS, drained, 'a drain').catch(() => false))) break
  }
  return sent
}
