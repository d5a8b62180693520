import { randomBytes } from 'node:crypto'
import type { Rule } from '../rule.ts'
import type { CallOptions, Trial } from '../trial.ts'
import { acceptValue } from '../upstream.ts'
import { demand, demandEqual, show, Violation, within } from '../violation.ts'
import { demandData } from './sessions.ts'

/** What a handshake is, and what is none (R-HAND-1 to R-HAND-6). */
export const handshake: readonly Rule[] = [
  {
    id: 'handshake/accepted',
    title: 'A correct handshake gets 101 with the right Sec-WebSocket-Accept',
    proves: ['R-HAND-1'],
    profile: 'minimal',
    async judge(trial) {
      const key = randomBytes(16).toString('base64')
      const { answer } = await trial.session({ headers: { 'Sec-WebSocket-Key': key } })
      demandEqual(answer.header('sec-websocket-accept'), acceptValue(key), 'Sec-WebSocket-Accept')
    },
  },
  {
    id: 'handshake/no-extension',
    title: 'An extension that is offered is not agreed on',
    proves: ['R-HAND-1'],
    async judge(trial) {
      const headers = { 'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits' }
      const { answer } = await trial.session({ headers })
      demandEqual(answer.header('sec-websocket-extensions'), null, 'Sec-WebSocket-Extensions')
    },
  },
  {
    id: 'handshake/method',
    title: 'Another method than GET gets 405',
    proves: ['R-HAND-2'],
    async judge(trial) {
      const start = (method: string) => (target: string) => `${method} ${target} HTTP/1.1`
      await demandStatus(trial, { start: start('POST') }, 405, 'POST')
      await demandStatus(trial, { start: start('PUT') }, 405, 'PUT')
    },
  },
  {
    id: 'handshake/http-1.0',
    title: 'A version of HTTP below 1.1 gets 400',
    proves: ['R-HAND-2'],
    judge: (trial) => demandStatus(trial, { start: (target) => `GET ${target} HTTP/1.0` }, 400, 'HTTP/1.0'),
  },
  {
    id: 'handshake/other-upgrade',
    title: 'An Upgrade to something else gets 400',
    proves: ['R-HAND-2'],
    judge: (trial) => demandStatus(trial, { headers: { Upgrade: 'h2c' } }, 400, 'Upgrade: h2c'),
  },
  {
    id: 'handshake/body',
    title: 'A handshake with a body gets 400',
    proves: ['R-HAND-2'],
    judge: (trial) =>
      demandStatus(trial, { headers: { 'Content-Length': '4' }, body: 'body' }, 400, 'a body'),
  },
  {
    id: 'handshake/key',
    title: 'A missing or malformed Sec-WebSocket-Key gets 400',
    proves: ['R-HAND-2'],
    async judge(trial) {
      for (const key of [null, '', 'short', `${'x'.repeat(30)}==`]) {
        await demandStatus(trial, { headers: { 'Sec-WebSocket-Key': key } }, 400, `the key ${show(key)}`)
      }
    },
  },
  {
    id: 'handshake/version',
    title: 'A Sec-WebSocket-Version other than 13 gets 426',
    proves: ['R-HAND-2'],
    async judge(trial) {
      for (const version of ['12', '8', '14', null]) {
        const options = { headers: { 'Sec-WebSocket-Version': version } }
        await demandStatus(trial, options, 426, `version ${version}`)
      }
    },
  },
  {
    id: 'handshake/subprotocol-list',
    title: 'A Sec-WebSocket-Protocol that is no list of different tokens gets 400',
    proves: ['R-HAND-2'],
    async judge(trial) {
      for (const list of ['realtime, realtime', 'a b', 'realtime,,token', 'a"b']) {
        await demandStatus(
          trial,
          { headers: { 'Sec-WebSocket-Protocol': list } },
          400,
          `the list ${show(list)}`,
        )
      }
    },
  },
  {
    id: 'handshake/codes-of-forms',
    title: 'What is no handshake is told with bad_request or method_not_allowed in a JSON body',
    proves: ['R-HAND-2', 'R-HAND-5'],
    async judge(trial) {
      const code = async (options: CallOptions) => (await trial.refused(options)).code
      demandEqual(await code({ headers: { Upgrade: 'h2c' } }), 'bad_request', 'the code of another Upgrade')
      demandEqual(
        await code({ headers: { 'Sec-WebSocket-Version': '12' } }),
        'bad_request',
        'that of a version',
      )
      const start = (target: string) => `POST ${target} HTTP/1.1`
      demandEqual(await code({ start }), 'method_not_allowed', 'that of a method')
    },
  },
  {
    id: 'handshake/refusal-closes',
    title: 'After a refusal the connection is closed',
    proves: ['R-HAND-5'],
    async judge(trial) {
      const call = await trial.call({ ticket: null, origin: trial.origin })
      const ended = new Promise<void>((resolve) =>
        call.socket.once('end', resolve).once('close', () => resolve()),
      )
      await trial.refusal(call)
      await within(5000, ended, 'the end of a connection that was refused')
    },
  },
  {
    id: 'handshake/selects',
    title:
      'Of the offered subprotocols realtime, token or bearer is selected, else the first that is no secret',
    proves: ['R-HAND-3'],
    async judge(trial) {
      const secret = () => `openai-insecure-api-key.${trial.ticket()}`
      await demandSelected(trial, ['voice.v2', 'realtime'], 'realtime')
      await demandSelected(trial, ['realtime', secret()], 'realtime', null)
      await demandSelected(trial, ['token', trial.ticket()], 'token', null)
      await demandSelected(trial, ['bearer', trial.ticket()], 'bearer', null)
      await demandSelected(trial, ['voice.v2', 'voice.v1'], 'voice.v2')
    },
  },
  {
    id: 'handshake/unoffered',
    title: 'Without an offer no subprotocol is selected',
    proves: ['R-HAND-3'],
    async judge(trial) {
      const { answer } = await trial.session()
      demandEqual(answer.header('sec-websocket-protocol'), null, 'the subprotocol')
    },
  },
  {
    id: 'handshake/no-secret-selected',
    title: 'A secret is never selected',
    proves: ['R-HAND-4'],
    async judge(trial) {
      await demandSelected(trial, [`openai-insecure-api-key.${trial.ticket()}`], null, null)
      await demandSelected(trial, [`sk-${randomBytes(6).toString('hex')}`], null)
      await demandSelected(trial, [`ek_${randomBytes(6).toString('hex')}`], null)
      await demandSelected(trial, [randomBytes(16).toString('hex')], null)
      await demandSelected(trial, ['realtime', `access_token.${trial.ticket()}`], 'realtime')
    },
  },
  {
    id: 'handshake/slow-header',
    title: 'A request whose header takes more than 10 s is given up',
    proves: ['R-HAND-6'],
    long: true,
    async judge(trial) {
      const socket = await trial.connect()
      const over = new Promise<void>((resolve) => socket.once('close', () => resolve()))
      socket.on('end', () => socket.end())
      socket.resume()
      socket.write('GET /v1/realtime HTTP/1.1\r\n')
      const drip = setInterval(() => socket.write('X-Slow: 1\r\n'), 700)
      try {
        await within(16_000, over, 'the end of a request that never ends')
      } finally {
        clearInterval(drip)
      }
    },
  },
  {
    id: 'handshake/large-header',
    title: 'A header of more than 16 KiB is refused',
    proves: ['R-HAND-6'],
    async judge(trial) {
      const call = await trial.call({ headers: { 'X-Large': 'x'.repeat(20_000) } })
      const answer = await call.answer().catch((error: unknown) => {
        if (error instanceof Violation && error.message.includes('ended')) return null
        throw error
      })
      if (answer !== null) demand(answer.status >= 400, `20 kB of header got ${answer.status}`)
    },
  },
]

async function demandStatus(trial: Trial, options: CallOptions, status: number, what: string): Promise<void> {
  const answer = await (await trial.call(options)).answer()
  demandEqual(answer.status, status, `the answer to ${what}`)
}

/** @param ticket null where the ticket is among the subprotocols. */
async function demandSelected(
  trial: Trial,
  protocols: readonly string[],
  selected: string | null,
  ticket?: null,
): Promise<void> {
  const options = ticket === null ? { ticket } : {}
  const { answer, client, provider } = await trial.session({ protocols, ...options })
  const { length } = protocols[0]!
  const offer = length > 40 ? `${protocols[0]!.slice(0, 24)}…` : protocols[0]!
  const seen = answer.header('sec-websocket-protocol')
  demand(
    seen === selected,
    `of ${show(offer)} and ${protocols.length - 1} more ${seen !== null && seen.length > 40 ? 'a secret' : show(seen)} was selected`,
  )
  client.send('works')
  await demandData(provider, 'works', 'at the provider')
}
