import { createHmac } from 'node:crypto'
import fc from 'fast-check'
import { TICKET_TYPE } from '../../../server/node/src/tokens.ts'
import { json, text } from './inputs.ts'

/** A ticket by its parts: header and claims over those of a good one, and how it is signed and written. */
export interface TicketParts {
  readonly header: object
  readonly claims: object
  readonly signed: 'well' | 'otherwise' | 'not'
  readonly written: 'well' | 'padded' | 'with-more' | 'cut'
}

/** None to two of such fields. */
function changes(fields: Readonly<Record<string, fc.Arbitrary<unknown>>>): fc.Arbitrary<object> {
  const one = fc.oneof(
    ...Object.entries(fields).map(([name, value]) => value.map((it): [string, unknown] => [name, it])),
  )
  return fc.array(one, { maxLength: 2 }).map((list) => Object.fromEntries(list))
}

/** Never near the moment at which a reader's answer turns; beyond all bounds, readers differ in how they say no. */
const noNumber = json().filter((value) => typeof value !== 'number')
const seconds = fc.oneof(
  fc.integer({ min: -40, max: 40 }).map((hundreds) => hundreds * 100 + 50.5),
  noNumber,
)

export const tickets = fc.record({
  header: changes({
    alg: fc.oneof(fc.constantFrom('HS256', 'none', 'RS256', 'hs256', 'HS512'), json()),
    typ: fc.oneof(fc.constantFrom(TICKET_TYPE, 'JWT'), json()),
    kid: text(8),
    jku: fc.constant('https://evil.example/'),
    crit: fc.oneof(fc.constant(['b64']), json()),
    b64: fc.boolean(),
  }),
  claims: changes({
    iss: fc.oneof(fc.constantFrom('voicewire', 'other'), json()),
    aud: fc.oneof(fc.constantFrom('voicewire-relay', ['voicewire-relay', 'x'], 'other'), json()),
    sub: fc.oneof(text(8), json()),
    jti: fc.oneof(text(8), json()),
    iat: seconds,
    nbf: seconds,
    exp: seconds,
    provider: fc.oneof(fc.constantFrom('openai', 'deepgram'), json()),
    model: fc.oneof(text(8), json()),
    origin: fc.oneof(text(8), json()),
    max_seconds: fc.oneof(fc.double({ min: -10, max: 1e6, noNaN: true }), noNumber),
  }),
  signed: fc.constantFrom('well', 'well', 'well', 'well', 'well', 'otherwise', 'not'),
  written: fc.constantFrom('well', 'well', 'well', 'well', 'well', 'padded', 'with-more', 'cut'),
}) as fc.Arbitrary<TicketParts>

/** The token, and what a reader of its parts finds. */
export function writeTicket(
  { header, claims, signed, written }: TicketParts,
  { now, secret }: { readonly now: number; readonly secret: string },
) {
  const good = { iss: 'voicewire', aud: 'voicewire-relay', sub: 'ann', jti: 'one', iat: 0, exp: 60 }
  // Times are from now on, or a run would not be the same another day.
  const all = Object.entries({ ...good, ...claims }).map(([name, value]): [string, unknown] => [
    name,
    ['iat', 'exp', 'nbf'].includes(name) && typeof value === 'number' ? now + value : value,
  ])
  const parts = [{ alg: 'HS256', typ: TICKET_TYPE, ...header }, Object.fromEntries(all)]
  const texts = parts.map((part) => JSON.stringify(part))
  const input = texts.map((one) => Buffer.from(one).toString('base64url')).join('.')
  const key = signed === 'well' ? secret : `${secret} of another`
  const signature = signed === 'not' ? '' : createHmac('sha256', key).update(input).digest('base64url')
  const token = `${input}.${signature}${{ well: '', padded: '=', 'with-more': '.x', cut: '' }[written]}`
  const [readHeader, readClaims] = texts.map((one) => JSON.parse(one) as Record<string, unknown>)
  return { token: written === 'cut' ? token.slice(0, -4) : token, header: readHeader!, claims: readClaims! }
}
