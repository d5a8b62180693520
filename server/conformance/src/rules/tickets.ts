import { generateKeyPairSync, randomBytes, randomUUID } from 'node:crypto'
import type { Rule } from '../rule.ts'
import type { Claims, MintOptions } from '../tickets.ts'
import type { Trial } from '../trial.ts'
import { demand, demandEqual } from '../violation.ts'
import { fence } from './sessions.ts'

/** Who is let in with which ticket (R-TICKET). */
export const tickets: readonly Rule[] = [
  {
    id: 'tickets/missing',
    title: 'Without a ticket the answer is 401 ticket_missing',
    proves: ['R-TICKET-11'],
    async judge(trial) {
      const { origin } = trial
      await trial.demandRefused({ ticket: null, origin }, 401, 'ticket_missing', 'a page without a ticket')
    },
  },
  {
    id: 'tickets/forged',
    title: 'A ticket signed with another secret, or changed, gets 401 ticket_invalid',
    proves: ['R-TICKET-1', 'R-TICKET-11'],
    async judge(trial) {
      await demandInvalid(trial, 'another secret', {}, { secret: randomBytes(32).toString('hex') })
      await demandInvalid(trial, 'no signature', {}, { signature: '' })
      const [header, , signature] = trial.ticket().split('.')
      const [, payload] = trial.ticket().split('.')
      await trial.demandRefused(
        { ticket: `${header}.${payload}.${signature}` },
        401,
        'ticket_invalid',
        'claims under the signature of others',
      )
      await trial.demandRefused({ ticket: 'x.y.z' }, 401, 'ticket_invalid', 'what is no JWT')
    },
  },
  {
    id: 'tickets/alg-none',
    title: 'A ticket with alg none is refused',
    proves: ['R-TICKET-2'],
    async judge(trial) {
      for (const alg of ['none', 'None', 'NONE']) {
        await demandInvalid(trial, `alg ${alg}`, {}, { header: { alg } })
      }
    },
  },
  {
    id: 'tickets/algorithm',
    title: 'With a shared secret only HS256 counts',
    proves: ['R-TICKET-1'],
    async judge(trial) {
      for (const alg of ['HS384', 'HS512']) await demandInvalid(trial, alg, {}, { header: { alg } })
    },
  },
  {
    id: 'tickets/type',
    title: 'The header must have the type of tickets',
    proves: ['R-TICKET-3'],
    async judge(trial) {
      for (const typ of ['JWT', 'at+jwt', undefined]) {
        await demandInvalid(trial, `typ ${typ}`, {}, { header: { typ } })
      }
    },
  },
  {
    id: 'tickets/keys-of-the-client',
    title: 'Keys that a ticket brings along or points to lead nowhere',
    proves: ['R-TICKET-4'],
    async judge(trial) {
      const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
      const jwk = publicKey.export({ format: 'jwk' })
      const path = `/keys-${randomUUID()}`
      const jku = `http://127.0.0.1:${trial.upstream.port}${path}`
      const headers = {
        jwk: { jwk },
        jku: { jku, kid: '1' },
        x5u: { x5u: jku },
        kid: { kid: '../../dev/null' },
      }
      for (const [name, header] of Object.entries(headers)) {
        await demandInvalid(trial, name, {}, { header: { alg: 'ES256', ...header }, key: privateKey })
      }
      await demandInvalid(trial, 'kid with an empty secret', {}, { header: headers.kid, secret: '' })
      await fence(trial)
      const asked = trial.upstream.strays.some((dial) => dial.target.startsWith(path))
      demand(!asked, 'the relay asked where the ticket told it to')
    },
  },
  {
    id: 'tickets/size',
    title: 'A ticket over 4,096 bytes is refused',
    proves: ['R-TICKET-5'],
    judge: (trial) => demandInvalid(trial, 'a ticket of 5,000 bytes', { padding: 'x'.repeat(3500) }),
  },
  {
    id: 'tickets/issuer',
    title: 'Another issuer or audience is refused',
    proves: ['R-TICKET-8', 'R-TICKET-11'],
    async judge(trial) {
      await demandInvalid(trial, 'another issuer', { iss: 'somebody' })
      await demandInvalid(trial, 'another audience', { aud: 'something' })
    },
  },
  {
    id: 'tickets/claims-needed',
    title: 'A ticket without one of its claims, or with a malformed one, is refused',
    proves: ['R-TICKET-8'],
    async judge(trial) {
      for (const name of ['iss', 'aud', 'sub', 'jti', 'iat', 'exp']) {
        await demandInvalid(trial, `no ${name}`, { [name]: undefined })
      }
      await demandInvalid(trial, 'an empty sub', { sub: '' })
      await demandInvalid(trial, 'a sub of 257 characters', { sub: 'x'.repeat(257) })
      await demandInvalid(trial, 'a sub that is a number', { sub: 5 })
      await demandInvalid(trial, 'an empty jti', { jti: '' })
      await demandInvalid(trial, 'a jti of 129 characters', { jti: 'x'.repeat(129) })
      await demandInvalid(trial, 'an exp that is text', { exp: '9999999999' })
    },
  },
  {
    id: 'tickets/claims-optional',
    title: 'A malformed optional claim has the ticket refused',
    proves: ['R-TICKET-8'],
    async judge(trial) {
      const malformed: readonly Claims[] = [
        { provider: 'azure' },
        { provider: 5 },
        { model: 5 },
        { origin: 5 },
        { max_seconds: 0 },
        { max_seconds: -1 },
        { max_seconds: '60' },
        { nbf: 'now' },
      ]
      for (const claims of malformed) await demandInvalid(trial, JSON.stringify(claims), claims)
    },
  },
  {
    id: 'tickets/longest-claims',
    title: 'A sub of 256 and a jti of 128 characters are good',
    proves: ['R-TICKET-8'],
    async judge(trial) {
      const sub = randomBytes(128).toString('hex')
      const jti = randomBytes(64).toString('hex')
      await trial.session({ ticket: trial.ticket({ sub, jti }) })
    },
  },
  {
    id: 'tickets/lifetime',
    title: 'A ticket for more than an hour, or from the future, is refused',
    proves: ['R-TICKET-6'],
    async judge(trial) {
      const now = Math.floor(Date.now() / 1000)
      const { toleranceSeconds: tolerance } = trial.settings
      await demandInvalid(trial, 'a life of 3,601 s', { iat: now - 60, exp: now + 3541 })
      await demandInvalid(trial, 'an exp two hours ahead', { iat: now + 3700, exp: now + 7200 })
      await demandInvalid(trial, 'an iat in the future', { iat: now + tolerance + 30, exp: now + 120 })
      await trial.session({ ticket: trial.ticket({ iat: now - 10, exp: now + 3580 }) })
    },
  },
  {
    id: 'tickets/expired',
    title: 'A ticket that is too old gets 401 ticket_expired',
    proves: ['R-TICKET-7', 'R-TICKET-11'],
    async judge(trial) {
      const now = Math.floor(Date.now() / 1000)
      const exp = now - trial.settings.toleranceSeconds - 2
      const ticket = trial.ticket({ iat: exp - 60, exp })
      await trial.demandRefused({ ticket }, 401, 'ticket_expired', 'an expired ticket')
    },
  },
  {
    id: 'tickets/not-before',
    title: 'A ticket that is not good yet gets 401 ticket_invalid',
    proves: ['R-TICKET-7', 'R-TICKET-11'],
    async judge(trial) {
      const now = Math.floor(Date.now() / 1000)
      const nbf = now + trial.settings.toleranceSeconds + 30
      await demandInvalid(trial, 'an nbf ahead', { nbf, exp: now + 300 })
    },
  },
  {
    id: 'tickets/tolerance',
    title: 'What differs by less than the tolerance between clocks is good',
    proves: ['R-TICKET-7'],
    skip: ({ toleranceSeconds }) => (toleranceSeconds < 3 ? 'the tolerance is under 3 s' : null),
    async judge(trial) {
      const at = (seconds: number) => Math.floor(Date.now() / 1000) + seconds
      const differ: Readonly<Record<string, () => Claims>> = {
        'an exp a second ago': () => ({ iat: at(-61), exp: at(-1) }),
        'an iat 3 s ahead': () => ({ iat: at(3), exp: at(60) }),
        'an nbf 3 s ahead': () => ({ nbf: at(3) }),
      }
      for (const [what, claims] of Object.entries(differ)) {
        await trial.demandSession({ ticket: trial.ticket(claims()) }, what)
      }
    },
  },
  {
    id: 'tickets/forgers-learn-nothing',
    title: 'A forged ticket is told as ticket_invalid, whatever else is wrong with it',
    proves: ['R-TICKET-11'],
    async judge(trial) {
      const now = Math.floor(Date.now() / 1000)
      const secret = randomBytes(32).toString('hex')
      await demandInvalid(trial, 'forged and expired', { iat: now - 600, exp: now - 500 }, { secret })
      await demandInvalid(trial, 'expired and for others', { iat: now - 600, exp: now - 500, aud: 'other' })
    },
  },
  {
    id: 'tickets/once',
    title: 'A ticket opens one session; the second time it is 401 ticket_used',
    proves: ['R-TICKET-9'],
    async judge(trial) {
      const ticket = trial.ticket()
      await trial.session({ ticket })
      await trial.demandRefused({ ticket }, 401, 'ticket_used', 'a ticket shown again')
    },
  },
  {
    id: 'tickets/once-at-once',
    title: 'Of ten handshakes at once with one ticket exactly one is let in',
    proves: ['R-TICKET-9'],
    async judge(trial) {
      const ticket = trial.ticket()
      const calls = await Promise.all(Array.from({ length: 10 }, () => trial.call({ ticket })))
      for (const call of calls) {
        void call.expectation.dialled.then((dial) => dial.accept())
      }
      const outcomes = await Promise.all(calls.map((call) => outcome(trial, call)))
      demandEqual(outcomes.filter((each) => each === 'in').length, 1, 'the number of those let in')
    },
  },
  {
    id: 'tickets/kept-by-refusals',
    title: 'A ticket is not used up by an attempt that is refused',
    proves: ['R-TICKET-10'],
    async judge(trial) {
      const { provider } = trial
      const wrongPath = provider === 'openai' ? '/v1/agent/converse' : '/v1/realtime'
      const ticket = trial.ticket({ provider })
      await trial.refused({ ticket, origin: 'https://other.example' })
      await trial.refused({ ticket, path: wrongPath })
      await trial.refused({ ticket, headers: { 'Sec-WebSocket-Version': '12' } })
      await trial.demandSession({ ticket }, 'the ticket behind refusals for other reasons')
    },
  },
  {
    id: 'tickets/used-by-sessions',
    title: 'A ticket that was let in is used up, also where the provider then refuses',
    proves: ['R-TICKET-10'],
    async judge(trial) {
      const ticket = trial.ticket()
      const call = await trial.call({ ticket })
      ;(await call.dialled()).refuse(500)
      const answer = await call.answer()
      await answer.client?.closed()
      demandEqual(
        (await trial.refused({ ticket })).status,
        401,
        'the answer to a ticket whose provider refused',
      )
    },
  },
  {
    id: 'tickets/provider',
    title: 'A ticket for one provider gets 403 provider_forbidden at the other',
    proves: ['R-TICKET-12'],
    async judge(trial) {
      const openai = { path: '/v1/realtime', ticket: trial.ticket({ provider: 'deepgram' }) }
      await trial.demandRefused(openai, 403, 'provider_forbidden', "Deepgram's ticket at OpenAI")
      const deepgram = { path: '/v1/listen', ticket: trial.ticket({ provider: 'openai' }) }
      await trial.demandRefused(deepgram, 403, 'provider_forbidden', "OpenAI's ticket at Deepgram")
    },
  },
  {
    id: 'tickets/model',
    title: 'A ticket for a model is good only where the query has exactly this one',
    proves: ['R-TICKET-12'],
    async judge(trial) {
      const queries = ['', 'model=other', 'model=mine&model=mine', 'model=mine&model=other', 'model=']
      for (const query of queries) {
        const ticket = trial.ticket({ model: 'mine' })
        await trial.demandRefused({ query, ticket }, 403, 'model_forbidden', `the query "${query}"`)
      }
      await trial.session({ query: 'model=mine', ticket: trial.ticket({ model: 'mine' }) })
    },
  },
  {
    id: 'tickets/origin',
    title: 'A ticket for one origin gets 403 origin_forbidden from another, and from no page',
    proves: ['R-TICKET-12'],
    async judge(trial) {
      const { origin } = trial
      const foreign = { ticket: trial.ticket({ origin: 'https://elsewhere.example' }), origin }
      await trial.demandRefused(foreign, 403, 'origin_forbidden', 'another origin')
      const nowhere = { ticket: trial.ticket({ origin }) }
      await trial.demandRefused(nowhere, 403, 'origin_forbidden', 'no origin')
      await trial.session({ ticket: trial.ticket({ origin }), origin })
    },
  },
]

async function demandInvalid(
  trial: Trial,
  what: string,
  claims: Claims,
  options: MintOptions & { secret?: string } = {},
): Promise<void> {
  await trial.demandRefused({ ticket: trial.ticket(claims, options) }, 401, 'ticket_invalid', what)
}

/** Whether a handshake was let in, or what it was told. */
async function outcome(trial: Trial, call: Awaited<ReturnType<Trial['call']>>): Promise<string> {
  const answer = await call.answer()
  if (answer.client === null) return String(answer.status)
  const closed = answer.client.closing.then(({ reason }) => reason)
  return Promise.race([closed, call.dialled().then(() => 'in')]).catch(() => trial.settings.profile)
}
