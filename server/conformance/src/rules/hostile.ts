import { describe, type Peer } from '../peer.ts'
import type { Rule } from '../rule.ts'
import type { Trial } from '../trial.ts'
import { demand, Violation } from '../violation.ts'
import { closePayload, OPCODE } from '../wire.ts'
import { demandWorks } from './sessions.ts'

const DEFAULT_MOST_BYTES = 16 * 1024 * 1024
const DEFAULT_MOST_FRAGMENTS = 131_072

type Breach = (peer: Peer) => void

/** What RFC 6455 forbids either side. */
const BREACHES: Readonly<Record<string, Breach>> = {
  'a reserved bit': (peer) => peer.fragment(OPCODE.text, 'x', { reserved: 0x40 }),
  'an unknown opcode': (peer) => peer.fragment(3, 'x'),
  'an unknown control opcode': (peer) => peer.fragment(11, 'x'),
  'a fragmented ping': (peer) => peer.fragment(OPCODE.ping, 'x', { final: false }),
  'a ping of 126 bytes': (peer) => peer.fragment(OPCODE.ping, 'x'.repeat(126)),
  'a continuation of nothing': (peer) => peer.fragment(OPCODE.continuation, 'x'),
  'a message inside another': (peer) => {
    peer.fragment(OPCODE.text, 'x', { final: false })
    peer.fragment(OPCODE.text, 'y')
  },
  'a close of one byte': (peer) => peer.fragment(OPCODE.close, Buffer.from([3])),
}

/** Codes that may not be sent. */
const FORBIDDEN_CODES = [0, 999, 1004, 1005, 1006, 1015, 1016, 2000, 5000]

/** What attackers and broken peers send (R-MSG-4 to R-MSG-9). */
export const hostile: readonly Rule[] = [
  {
    id: 'hostile/unmasked',
    title: 'A message without a mask ends the session with 1002',
    proves: ['R-MSG-4'],
    judge: (trial) =>
      demandEnds(trial, { 'no mask': (peer) => peer.fragment(OPCODE.text, 'x', { masked: false }) }, 1002),
  },
  {
    id: 'hostile/breaches',
    title: "A client's breach of RFC 6455 ends the session with 1002",
    proves: ['R-MSG-4'],
    judge: (trial) => demandEnds(trial, BREACHES, 1002),
  },
  {
    id: 'hostile/close-codes',
    title: 'A close with a code that may not be sent ends the session with 1002',
    proves: ['R-MSG-4', 'R-CLOSE-1'],
    async judge(trial) {
      const closes = FORBIDDEN_CODES.map((code): [string, Breach] => [
        `the code ${code}`,
        (peer) => {
          const payload = closePayload(1000)
          payload.writeUInt16BE(code)
          peer.fragment(OPCODE.close, payload)
        },
      ])
      await demandEnds(trial, Object.fromEntries(closes), 1002)
    },
  },
  {
    id: 'hostile/close-reason',
    title: 'A close reason that is not UTF-8 ends the session with 1007',
    proves: ['R-MSG-4'],
    judge: (trial) =>
      demandEnds(
        trial,
        { 'bytes of no character': (peer) => peer.close(1000, Buffer.from([0xc3, 0x28])) },
        1007,
      ),
  },
  {
    id: 'hostile/declared-length',
    title: 'A message that is too long ends the session with 1009 as soon as its length is known',
    proves: ['R-MSG-5'],
    async judge(trial) {
      const lengths = { 'a byte over 16 MiB': DEFAULT_MOST_BYTES + 1, '2^40 bytes': 2 ** 40 }
      const breaches = Object.entries(lengths).map(([what, declared]): [string, Breach] => [
        what,
        (peer) => peer.fragment(OPCODE.binary, 'x', { declared }),
      ])
      await demandEnds(trial, Object.fromEntries(breaches), 1009)
    },
  },
  {
    id: 'hostile/fragments-length',
    title: 'Fragments that are too long together end the session with 1009',
    proves: ['R-MSG-5'],
    judge: (trial) =>
      demandEnds(
        trial,
        {
          'two fragments': (peer) => {
            peer.fragment(OPCODE.binary, Buffer.alloc(1000), { final: false })
            peer.fragment(OPCODE.continuation, 'x', { declared: DEFAULT_MOST_BYTES })
          },
        },
        1009,
      ),
  },
  {
    id: 'hostile/fragments-count',
    title: 'A message in more than 131,072 fragments ends the session with 1008',
    proves: ['R-MSG-6'],
    alone: true,
    async judge(trial) {
      const { client } = await trial.session()
      client.fragment(OPCODE.text, 'x', { final: false })
      const many = Buffer.concat(
        Array.from({ length: 1025 }, () => Buffer.from([0x00, 0x81, 0, 0, 0, 0, 120])),
      )
      for (let sent = 0; sent <= DEFAULT_MOST_FRAGMENTS; sent += 1025) client.write(many)
      const closing = await client.closed(15_000)
      demand(closing.code === 1008, `the client got ${describe(closing)}`)
    },
  },
  {
    id: 'hostile/told',
    title: "A client's breach is told with the code protocol_error",
    proves: ['R-MSG-4'],
    async judge(trial) {
      const { client } = await trial.session()
      client.fragment(3, 'x')
      const { reason } = await client.closed()
      demand(reason === 'protocol_error', `the reason was "${reason}"`)
    },
  },
  {
    id: 'hostile/provider-breaches',
    title: "A provider's breach of RFC 6455 ends the session with 1011 upstream_protocol_error",
    proves: ['R-MSG-7'],
    async judge(trial) {
      const breaches: Readonly<Record<string, Breach>> = {
        ...BREACHES,
        'a masked message': (peer) => peer.fragment(OPCODE.text, 'x', { masked: true }),
      }
      const wrong: string[] = []
      for (const [what, commit] of Object.entries(breaches)) {
        const { client, provider } = await trial.session()
        commit(provider)
        const { code, reason } = await client.closed()
        const right = code === 1011 && reason === 'upstream_protocol_error'
        if (!right) wrong.push(`${what} became ${describe({ code, reason })}`)
      }
      if (wrong.length > 0) throw new Violation(wrong.join('; '))
    },
  },
  {
    id: 'hostile/floods',
    title: 'Floods of pings and of empty messages stall no other session',
    proves: ['R-MSG-9', 'R-LIFE-6'],
    alone: true,
    async judge(trial) {
      const bystander = await trial.session()
      const [pings, empty] = [await trial.session(), await trial.session()]
      pings.client.write(
        Buffer.concat(Array.from({ length: 20_000 }, () => Buffer.from([0x89, 0x80, 0, 0, 0, 0]))),
      )
      empty.client.write(
        Buffer.concat(Array.from({ length: 20_000 }, () => Buffer.from([0x81, 0x80, 0, 0, 0, 0]))),
      )
      for (let index = 0; index < 5; index += 1) await demandWorks(bystander, 'a session beside floods')
    },
  },
  {
    id: 'hostile/others-served',
    title: 'Whatever one session meets, the others go on, and new ones are served',
    proves: ['R-LIFE-6'],
    profile: 'minimal',
    async judge(trial) {
      const bystander = await trial.session()
      const meets: ((client: Peer, provider: Peer) => void)[] = [
        (client) => client.reset(),
        (_, provider) => provider.reset(),
        (client) => client.fragment(OPCODE.text, 'x', { masked: false }),
        (_, provider) => provider.fragment(3, 'x'),
        (client) => client.write(Buffer.from([0x81])),
        (_, provider) => provider.close(1005),
      ]
      for (const meet of meets) {
        const { client, provider } = await trial.session()
        meet(client, provider)
      }
      await demandWorks(bystander, 'a session beside others that ended badly')
      await demandWorks(await trial.session(), 'a session behind others that ended badly')
    },
  },
]

async function demandEnds(trial: Trial, breaches: Readonly<Record<string, Breach>>, code: number) {
  const wrong: string[] = []
  for (const [what, commit] of Object.entries(breaches)) {
    const { client } = await trial.session()
    commit(client)
    const closing = await client.closed().catch(() => null)
    if (closing === null) wrong.push(`${what} did not end the session`)
    else if (closing.code !== code) wrong.push(`${what} got ${describe(closing)}`)
  }
  if (wrong.length > 0) throw new Violation(wrong.join('; '))
}
