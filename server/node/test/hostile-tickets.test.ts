import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { assertRefused, forge, statuses } from './support/admissions.ts'
import { connect, handshakeRequest, RawClient } from './support/peers.ts'
import { type Setup, setUp } from './support/relays.ts'
import { linesOf, stillServes } from './support/sessions.ts'

/** The last refusal in the log is the one that the client was told, and holds nothing of the ticket. */
function assertLogged(setup: Setup, token: string, code: string): void {
  assert.equal(linesOf(setup, 'upgrade refused').at(-1)?.['code'], code)
  if (token !== '') assert.ok(!setup.log().includes(token))
}
// R-TICKET-2, R-TICKET-3, R-TICKET-4, R-TICKET-5, R-TICKET-6, R-TICKET-8, R-TICKET-11, R-AUTH-2
test('Relay refuses tickets that are not good, logs no word of them, and goes on serving', async (t) => {
  const setup = await setUp(t)
  const { secret } = setup
  const now = Math.floor(Date.now() / 1000)
  const none = `${Buffer.from('{"alg":"none","typ":"voicewire-ticket+jwt"}').toString('base64url')}.${Buffer.from(
    JSON.stringify({ iss: 'voicewire', aud: 'voicewire-relay', sub: 'u', jti: 'j', iat: now, exp: now + 60 }),
  ).toString('base64url')}.`
  const bad: [string, string | Promise<string>][] = [
    ['garbage', 'x.y.z'],
    ['a provider’s key', 'sk-not-a-ticket'],
    ['alg none', none],
    ['wrong secret', forge(randomBytes(32).toString('base64'))],
    ['other algorithm', forge(secret, {}, { alg: 'HS512' })],
    ['wrong type', forge(secret, {}, { typ: 'JWT' })],
    ['wrong issuer', forge(secret, { iss: 'other' })],
    ['wrong audience', forge(secret, { aud: 'other' })],
    ['not yet', forge(secret, { nbf: now + 60 })],
    ['from the future', forge(secret, { iat: now + 60, exp: now + 120 })],
    ['too long a life', forge(secret, { exp: now + 3700 })],
    ['huge expiry', forge(secret, { exp: 1e15 })],
    ['no sub', forge(secret, { sub: '' })],
    ['no jti', forge(secret, { jti: '' })],
    ['odd provider', forge(secret, { provider: 'other' })],
    ['odd model', forge(secret, { model: 7 })],
    ['odd seconds', forge(secret, { max_seconds: -1 })],
    ['a claim that is not text', forge(secret, { sub: { $ne: null } } as never)],
    ['signed over other bytes', forge(secret).then((token) => `${token}x`)],
    ['over 4 KB', forge(secret, { filler: 'x'.repeat(4000) })],
  ]
  for (const [name, token] of bad) {
    await t.test(name, async (inner) => {
      await assertRefused(inner, setup, await token, 401, 'ticket_invalid')
      assertLogged(setup, await token, 'ticket_invalid')
    })
  }
  const expired = await forge(secret, { iat: now - 120, exp: now - 60 })
  await assertRefused(t, setup, expired, 401, 'ticket_expired')
  assertLogged(setup, expired, 'ticket_expired')
  assert.deepEqual(await statuses(t, setup.url, {}), { get: 401, upgrade: 401, code: 'ticket_missing' })
  assertLogged(setup, '', 'ticket_missing')
  assert.equal(setup.upstream.requests.length, 0, 'nothing was dialled')
  await stillServes(t, setup)
})

// R-TICKET-7
test('Relay allows for as much clock skew as it is told to', async (t) => {
  const now = Math.floor(Date.now() / 1000)
  for (const [skew, tolerance, let_in] of [
    [60, 0, false],
    [60, 65, true],
    [-120, 0, false],
    [-120, 65, true],
  ] as const) {
    const secret = randomBytes(32).toString('base64')
    const setup = await setUp(t, { tickets: { secret, clockToleranceSeconds: tolerance } })
    const token = await forge(secret, { iat: now + skew, nbf: now + skew, exp: now + skew + 60 })
    const { upgrade } = await statuses(t, setup.url, { Authorization: `Bearer ${token}` })
    assert.equal(upgrade, let_in ? 101 : 401, `${skew} s with a tolerance of ${tolerance} s`)
  }
})

// R-TICKET-9
test('Relay lets a ticket in once, also when it is shown ten times at the same moment', async (t) => {
  const setup = await setUp(t)
  const headers = await setup.authorization()
  const clients = await Promise.all(Array.from({ length: 10 }, () => RawClient.open(t, setup.url)))
  for (const client of clients) client.write(handshakeRequest('/v1/realtime', headers))
  const found = await Promise.all(clients.map((client) => client.status()))
  assert.deepEqual(found.toSorted(), [101, ...Array(9).fill(401)])
  const replayed = { get: 401, upgrade: 401, code: 'ticket_used' }
  assert.deepEqual(await statuses(t, setup.url, headers), replayed)
  const codes = linesOf(setup, 'upgrade refused').map((line) => line['code'])
  assert.deepEqual(codes, Array(10).fill('ticket_used'))
  assert.equal(setup.relay.sessions, 1)
  await setup.upstream.accept()
  await stillServes(t, setup)
})

// R-TICKET-12, R-LIFE-6
test('Relay refuses a ticket for another provider or model, logs which, and goes on serving', async (t) => {
  const setup = await setUp(t)
  const cases: [Parameters<Setup['ticket']>[0], string, string][] = [
    [{ provider: 'deepgram' }, '/v1/realtime', 'provider_forbidden'],
    [{ model: 'small' }, '/v1/realtime?model=big', 'model_forbidden'],
    [{ model: 'small' }, '/v1/realtime?model=small&mod%65l=big', 'model_forbidden'],
  ]
  for (const [claims, path, code] of cases) {
    const token = await setup.ticket(claims)
    const found = await statuses(t, setup.url, { Authorization: `Bearer ${token}` }, path)
    assert.deepEqual(found, { get: 403, upgrade: 403, code })
    assertLogged(setup, token, code)
  }
  assert.equal(setup.upstream.requests.length, 0)
  await stillServes(t, setup)
})

// R-TICKET-5, R-LIFE-6
test('Relay refuses a ticket of 16 KB wherever it stands, before it is read', async (t) => {
  const setup = await setUp(t)
  const token = await forge(setup.secret, { filler: randomBytes(12_000).toString('hex') })
  assert.ok(token.length > 16_384)
  const ways: [string, Record<string, string>][] = [
    ['/v1/realtime', { Authorization: `Bearer ${token}` }],
    ['/v1/realtime', { 'Sec-WebSocket-Protocol': `realtime, openai-insecure-api-key.${token}` }],
    [`/v1/realtime?token=${token}`, {}],
  ]
  for (const [path, headers] of ways) {
    const client = await RawClient.open(t, setup.url)
    client.write(handshakeRequest(path, headers))
    assert.equal(await client.status(), 431)
  }
  assert.equal(setup.log(), '', 'it never became a request')
  await stillServes(t, setup)
})

// R-LOG-2, R-LIFE-6
test('Relay logs nothing of a ticket in a query, good, bad or used', async (t) => {
  const setup = await setUp(t)
  const good = await setup.ticket()
  const bad = await forge(randomBytes(32).toString('hex'))
  const client = await connect(t, `${setup.url}/v1/realtime?token=${good}`)
  await setup.upstream.accept()
  client.socket.close(1000)
  await setup.ended(1)
  for (const [token, code] of [
    [good, 'ticket_used'],
    [bad, 'ticket_invalid'],
  ] as const) {
    await assert.rejects(connect(t, `${setup.url}/v1/realtime?token=${token}`), /HTTP 401/)
    assertLogged(setup, token, code)
  }
  for (const part of [...good.split('.').slice(1), ...bad.split('.').slice(1)]) {
    assert.ok(!setup.log().includes(part))
  }
  await stillServes(t, setup)
})
