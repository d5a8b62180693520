import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { SignJWT } from 'jose'
import { createFunctionEndpoint, createRelay, createTokenService, type RelayOptions } from '../src/index.ts'
import { resolveOptions } from '../src/options.ts'
import { TICKET_TYPE, TicketVerifier } from '../src/tokens.ts'

const tickets = { secret: randomBytes(32).toString('base64') }
const silent = { info: () => {}, warn: () => {} }
const base = { allowedOrigins: ['https://app.example'], tickets, logger: silent }

/** As a program in JavaScript gives it. */
const untyped = (options: object) => options as unknown as Partial<RelayOptions>

test('createRelay takes the default where an option is undefined, and switches nothing off', async (t) => {
  const before = process.env['NODE_ENV']
  process.env['NODE_ENV'] = 'production'
  t.after(() => {
    if (before === undefined) delete process.env['NODE_ENV']
    else process.env['NODE_ENV'] = before
  })
  const nothing = untyped({ production: undefined, maxConnections: undefined, maxSessionSeconds: undefined })
  const { production, maxConnections, maxSessionSeconds } = resolveOptions({ ...base, ...nothing })
  assert.deepEqual([production, maxConnections, maxSessionSeconds], [true, 1000, 3600])
  const everywhere = { ...base, allowedOrigins: ['*'], ...untyped({ production: undefined }) }
  const refused = /Cannot allow all origins in production/
  assert.throws(() => createRelay(everywhere), refused)
  assert.throws(() => createTokenService(everywhere), refused)
  assert.throws(() => createFunctionEndpoint({ ...everywhere, functions: {} }), refused)
})

test('createRelay refuses numbers that would limit nothing', () => {
  for (const value of [Number.NaN, -1, Number.POSITIVE_INFINITY]) {
    for (const name of [
      'maxConnections',
      'maxConnectionsPerUser',
      'rateLimit',
      'maxSessionSeconds',
      'trustedProxies',
    ]) {
      assert.throws(
        () => createRelay({ ...base, ...untyped({ [name]: value }) }),
        new RegExp(
          `^RangeError: Cannot make a relay as ${name} must be 0 or more: current value is ${value}$`,
        ),
      )
    }
    for (const name of ['tokensPerDay', 'minutesPerDay']) {
      assert.throws(() => createRelay({ ...base, budgets: { [name]: value } }), /must be 0 or more/)
    }
  }
})

test('TicketVerifier checks issuer, audience and times where an option is undefined', async () => {
  const verifier = new TicketVerifier({
    ...tickets,
    ...untyped({ issuer: undefined, audience: undefined, clockToleranceSeconds: undefined }),
  })
  const key = Buffer.from(tickets.secret)
  const now = Math.floor(Date.now() / 1000)
  const ticket = ({ iss = 'voicewire', aud = 'voicewire-relay', iat = now }) =>
    new SignJWT({ iss, aud, iat, exp: now + 60, sub: 'ann', jti: 'one' })
      .setProtectedHeader({ alg: 'HS256', typ: TICKET_TYPE })
      .sign(key)
  const { expiresAt } = await verifier.verify(await ticket({}))
  assert.equal(expiresAt, now + 60 + 5)
  for (const wrong of [{ iss: 'another' }, { aud: 'another' }, { iat: now + 30 }]) {
    await assert.rejects(verifier.verify(await ticket(wrong)), /The ticket is not good here/)
  }
})

test('TicketVerifier refuses a tolerance that would make every time right', () => {
  for (const clockToleranceSeconds of [121, -1, Number.NaN]) {
    assert.throws(
      () => new TicketVerifier({ ...tickets, clockToleranceSeconds }),
      /^RangeError: Cannot check tickets as clockToleranceSeconds must be in 0…120/,
    )
  }
})

test('createTokenService refuses a grace in which a session would outlive its revocation', () => {
  assert.throws(
    () => createTokenService({ ...base, refreshGraceMs: 1_800_001 }),
    /^RangeError: Cannot issue tokens as refreshGraceMs must be in 0…1800000: current value is 1800001$/,
  )
})

test('Nothing that limits requests takes a number that would limit nothing, wherever it is used', () => {
  const elsewhere = { tickets: { jwksUrl: 'https://id.example/keys' } } // such a relay issues no tokens
  for (const name of ['windowMs', 'maxRequests', 'suspiciousActivityThreshold', 'blockDuration']) {
    const wrong = { [name]: Number.NaN }
    const refused = new RegExp(`Cannot limit requests as ${name} must be .*: current value is NaN`)
    assert.throws(() => createTokenService({ ...base, ...wrong }), refused)
    assert.throws(() => createFunctionEndpoint({ ...base, ...wrong, functions: {} }), refused)
    if (name === 'windowMs' || name === 'maxRequests') continue // an upgrade's window is the relay's own
    assert.throws(() => createRelay({ ...base, ...elsewhere, tokens: wrong }), refused)
  }
})
