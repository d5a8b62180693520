import assert from 'node:assert/strict'
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, get } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { exportJWK } from 'jose'
import { createRelay, issueTicket, type RelayOptions } from '../src/index.ts'
import { assertRefused, forge, statuses } from './support/admissions.ts'
import { connect, handshakeRequest, RawClient } from './support/peers.ts'
import { ORIGIN, type Setup, setUp } from './support/relays.ts'
import { stillServes } from './support/sessions.ts'

// R-AUTH-1, R-HAND-3, R-HAND-4
test('Relay lets a ticket in wherever a client can put it', async (t) => {
  const setup = await setUp(t)
  const { url, ticket, upstream } = setup
  const ways: [
    string,
    (ticket: string) => { protocols?: string[]; headers?: Record<string, string>; query?: string },
  ][] = [
    ['realtime', (token) => ({ protocols: ['realtime', `openai-insecure-api-key.${token}`] })],
    ['token', (token) => ({ protocols: ['token', token] })],
    ['bearer', (token) => ({ protocols: ['bearer', token] })],
    ['mine', (token) => ({ protocols: [`access_token.${token}`, 'mine'] })],
    ['', (token) => ({ headers: { Authorization: `Bearer ${token}` } })],
    ['', (token) => ({ headers: { Authorization: `Token ${token}` } })],
    ['', (token) => ({ query: `?token=${token}` })],
  ]
  for (const [protocol, way] of ways) {
    const { query = '', ...options } = way(await ticket())
    const client = await connect(t, `${url}/v1/agent/converse${query}`, { ...options, origin: ORIGIN })
    assert.equal(client.socket.protocol, protocol)
    await upstream.accept()
  }
  const alone = `access_token.${await ticket()}`
  assert.equal((await connect(t, `${url}/v1/listen`, { protocols: [alone] })).socket.protocol, alone)
})

// R-HAND-9
test('Relay answers a GET from a page of its own origin, which has no Origin, as that page’s upgrade', async (t) => {
  const { url, authorization } = await setUp(t)
  const headers = await authorization({ origin: ORIGIN })
  const ask = (more: Record<string, string>) =>
    new Promise<number>((resolve, reject) => {
      const request = get(`${url}/v1/realtime`, { headers: { ...headers, ...more } }, (response) => {
        response.resume()
        resolve(response.statusCode ?? 0)
      })
      request.on('error', reject)
    })
  const { host } = new URL(ORIGIN)
  assert.equal(await ask({ host, 'sec-fetch-site': 'same-origin' }), 426)
  assert.equal(await ask({ host, 'sec-fetch-site': 'cross-site' }), 403)
  assert.equal(await ask({ host: 'elsewhere.example', 'sec-fetch-site': 'same-origin' }), 403)
})

// R-HAND-7, R-HAND-8
test('Relay answers GET as it would the upgrade, and 426 where nothing stands in the way', async (t) => {
  const { url, authorization } = await setUp(t)
  const headers = await authorization()
  for (let again = 0; again < 2; again += 1) {
    const response = await fetch(`${url}/v1/realtime`, { headers: { ...headers, Origin: ORIGIN } })
    assert.equal(response.status, 426)
    assert.equal(response.headers.get('access-control-allow-origin'), ORIGIN)
  }
  await connect(t, `${url}/v1/realtime`, { headers }) // asking did not use the ticket up
})

// R-TICKET-12
test('Relay holds a ticket to its provider, model and origin', async (t) => {
  const setup = await setUp(t)
  const cases: [Parameters<Setup['ticket']>[0], string, string | null, string][] = [
    [{ provider: 'deepgram' }, '/v1/realtime', null, 'provider_forbidden'],
    [{ provider: 'openai' }, '/v1/agent/converse', null, 'provider_forbidden'],
    [{ model: 'small' }, '/v1/realtime?model=big', null, 'model_forbidden'],
    [{ model: 'small' }, '/v1/realtime', null, 'model_forbidden'],
    [{ model: 'small' }, '/v1/realtime?model=small&model=big', null, 'model_forbidden'],
    [{ model: 'small' }, '/v1/agent/converse', null, 'model_forbidden'],
    [{ origin: 'https://other.example' }, '/v1/realtime', ORIGIN, 'origin_forbidden'],
    [{ origin: ORIGIN }, '/v1/realtime', null, 'origin_forbidden'],
    [{ model: 'small', provider: 'openai', origin: ORIGIN }, '/v1/realtime?model=small', ORIGIN, ''],
  ]
  for (const [claims, path, origin, code] of cases) {
    const headers = { ...(await setup.authorization(claims)), ...(origin !== null && { Origin: origin }) }
    const found = await statuses(t, setup.url, headers, path)
    if (code === '') assert.equal(found.upgrade, 101)
    else assert.deepEqual(found, { get: 403, upgrade: 403, code }, path)
  }
})

// R-TICKET-2, R-TICKET-13
test('Relay checks tickets against published keys, and answers 503 where it cannot get them', async (t) => {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const jwk = { ...(await exportJWK(publicKey)), kid: 'k', alg: 'RS256' }
  let broken = true
  const server = createServer((_request, response) => {
    response.statusCode = broken ? 500 : 200
    response.end(JSON.stringify({ keys: [jwk] }))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const jwksUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  const setup = await setUp(t, { tickets: { jwksUrl } })
  const good = () => forge(privateKey, {}, { alg: 'RS256', kid: 'k' })
  await assertRefused(t, setup, await good(), 503, 'authentication_unavailable')
  broken = false
  await connect(t, `${setup.url}/v1/realtime`, { headers: { Authorization: `Bearer ${await good()}` } })
  // The public key is no secret: who signs with it as if it were one must not get in.
  const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString()
  await assertRefused(t, setup, await forge(pem, {}, { kid: 'k' }), 401, 'ticket_invalid')
  const other = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
  await assertRefused(t, setup, await forge(other, {}, { alg: 'RS256', kid: 'k' }), 401, 'ticket_invalid')
  await assertRefused(t, setup, await forge(other, {}, { alg: 'RS256', kid: 'x' }), 401, 'ticket_invalid')
  const response = await fetch(`${setup.url}/api/voice-agent/token`, { method: 'POST' })
  assert.equal(response.status, 404, 'who has only public keys issues nothing')
})

// R-AUTH-4, R-TICKET-13
test('Relay asks the application where there is no ticket', async (t) => {
  const authenticate: NonNullable<RelayOptions['authenticate']> = async ({ headers }) => {
    if (headers.cookie === 'session=broken') throw new Error('the database is away')
    return headers.cookie === 'session=1' ? { user: 'cookie-user', provider: 'openai' } : null
  }
  const setup = await setUp(t, { authenticate })
  const headers = { Cookie: 'session=1', Origin: ORIGIN }
  await connect(t, `${setup.url}/v1/realtime`, { headers })
  const refused = { get: 403, upgrade: 403, code: 'provider_forbidden' }
  assert.deepEqual(await statuses(t, setup.url, headers, '/v1/listen'), refused)
  const missing = { get: 401, upgrade: 401, code: 'ticket_missing' }
  assert.deepEqual(await statuses(t, setup.url, { Cookie: 'session=2' }), missing)
  const away = { get: 503, upgrade: 503, code: 'authentication_unavailable' }
  assert.deepEqual(await statuses(t, setup.url, { Cookie: 'session=broken' }), away)
  const evil = { Cookie: 'session=1', Origin: 'https://evil.example' }
  assert.equal((await statuses(t, setup.url, evil)).upgrade, 403)
})

// R-AUTH-5, R-ORIGIN-3
test('Relay in open mode lets pages of an allowed origin in, and others only with a ticket', async (t) => {
  const setup = await setUp(t, { open: 'force' })
  assert.match(setup.log(), /THE RELAY IS OPEN/)
  await connect(t, `${setup.url}/v1/realtime`, { origin: ORIGIN })
  await setup.upstream.accept()
  assert.equal(setup.upstream.requests.at(-1)?.headers['openai-safety-identifier'], undefined)
  await connect(t, `${setup.url}/v1/realtime`, {
    origin: ORIGIN,
    protocols: ['realtime', 'openai-insecure-api-key.x'],
  })
  await setup.upstream.accept()
  assert.equal((await statuses(t, setup.url, {})).upgrade, 401)
  assert.equal((await statuses(t, setup.url, { Origin: 'https://evil.example' })).upgrade, 403)
  await stillServes(t, setup)
})

// R-ORIGIN-2, R-TICKET-1, R-AUTH-5
test('createRelay() refuses what would be unsafe', () => {
  const base = { allowedOrigins: [ORIGIN], production: true }
  const tickets = { secret: randomBytes(32).toString('hex') }
  assert.throws(() => createRelay({ ...base, open: true }), /open must be "force"/)
  assert.throws(() => createRelay({ ...base, tickets, allowedOrigins: ['*'] }), /each must be named/)
  assert.throws(() => createRelay(base), /one of tickets, authenticate and open/)
  assert.throws(
    () => createRelay({ ...base, tickets: { secret: 'short' } }),
    /at least 32 bytes: current value has 5/,
  )
  assert.throws(() => createRelay({ ...base, tickets: {} }), /exactly one of secret and jwksUrl/)
  for (const origin of [
    'https://app.example/',
    'https://app.example/x',
    'app.example',
    '*.example',
    'null',
  ]) {
    assert.throws(() => createRelay({ ...base, tickets, allowedOrigins: [origin] }), /must be like https/)
  }
  assert.throws(() => createRelay({ ...base, tickets, prefix: 'voice' }), /prefix must be like/)
  assert.throws(
    () => createRelay({ ...base, tickets, openai: { apiKey: 'k', url: 'nonsense' } }),
    /URL must be like/,
  )
})

// R-LIMIT-1, R-LIMIT-2, R-LIMIT-3, R-LIMIT-5, R-TICKET-10, R-HTTP-5
test('Relay caps sessions in all, per address and per user, and gives places back', async (t) => {
  const cases = [
    [{ maxConnections: 2 }, 503, 'at_capacity'],
    [{ maxConnectionsPerIp: 2 }, 429, 'too_many_connections'],
    [{ maxConnectionsPerUser: 2 }, 429, 'too_many_connections'],
  ] as const
  for (const [options, status, code] of cases) {
    const setup = await setUp(t, options)
    const join = async () => connect(t, `${setup.url}/v1/realtime`, { headers: await setup.authorization() })
    const [first] = [await join(), await join()]
    const headers = await setup.authorization()
    const response = await fetch(`${setup.url}/v1/realtime`, { headers })
    assert.equal(response.headers.get('retry-after'), '10')
    assert.deepEqual(await statuses(t, setup.url, headers), { get: status, upgrade: status, code })
    assert.equal((await fetch(`${setup.url}/ready`)).status, status === 503 ? 503 : 200)
    first!.socket.terminate()
    await setup.ended(1)
    await connect(t, `${setup.url}/v1/realtime`, { headers }) // the refused attempts did not use the ticket up
    if (code === 'too_many_connections' && 'maxConnectionsPerUser' in options) {
      await connect(t, `${setup.url}/v1/realtime`, { headers: await setup.authorization({ user: 'user-2' }) })
    }
  }
})

// R-LIMIT-4, R-LIMIT-6
test('Relay limits upgrades per address, and believes X-Forwarded-For only of trusted proxies', async (t) => {
  const flood = async (options: Partial<RelayOptions>, forwarded: (index: number) => string) => {
    const setup = await setUp(t, { rateLimit: 3, ...options })
    const found: number[] = []
    for (let index = 0; index < 5; index += 1) {
      const headers = { ...(await setup.authorization()), 'X-Forwarded-For': forwarded(index) }
      const client = await RawClient.open(t, setup.url)
      client.write(handshakeRequest('/v1/realtime', headers))
      found.push(await client.status())
    }
    return { found, setup }
  }
  const spoofed = await flood({}, (index) => `203.0.113.${index}`)
  assert.deepEqual(spoofed.found, [101, 101, 101, 429, 429])
  const refused = await fetch(`${spoofed.setup.url}/v1/realtime`, {
    headers: await spoofed.setup.authorization(),
  })
  assert.equal(refused.status, 429)
  assert.ok(Number(refused.headers.get('retry-after')) > 50)
  assert.equal(refused.headers.get('ratelimit-limit'), '3')
  const trusted = { trustedProxies: 1 }
  assert.deepEqual((await flood(trusted, (index) => `203.0.113.${index}`)).found, Array(5).fill(101))
  // What stands before the proxy's own entry was written by the client.
  const behind = await flood(trusted, (index) => `198.51.100.${index}, 203.0.113.7`)
  assert.deepEqual(behind.found, [101, 101, 101, 429, 429])
})

// R-UP-11
test('Relay answers 503 for a provider it has no key for', async (t) => {
  const secret = randomBytes(32).toString('base64')
  const setup = await setUp(t, { deepgram: { apiKey: '' }, tickets: { secret } })
  const { token } = await issueTicket({ user: 'u' }, { secret })
  const found = await statuses(t, setup.url, { Authorization: `Bearer ${token}` }, '/v1/listen')
  assert.deepEqual(found, { get: 503, upgrade: 503, code: 'provider_not_configured' })
})

// R-HTTP-1, R-HTTP-3, R-HTTP-4, R-HTTP-5
test('Relay answers /health and /ready with security headers, and preflight requests', async (t) => {
  const { url } = await setUp(t)
  for (const path of ['/health', '/ready']) {
    const response = await fetch(url + path, { headers: { Origin: ORIGIN } })
    assert.equal(response.status, 200)
    assert.equal(response.headers.get('cache-control'), 'no-store')
    assert.equal(response.headers.get('x-content-type-options'), 'nosniff')
    assert.equal(response.headers.get('access-control-allow-origin'), ORIGIN)
  }
  const preflight = await fetch(`${url}/v1/realtime`, { method: 'OPTIONS', headers: { Origin: ORIGIN } })
  assert.equal(preflight.status, 204)
  assert.match(preflight.headers.get('access-control-allow-headers') ?? '', /Authorization/)
  const wrong = await fetch(`${url}/health`, { method: 'DELETE' })
  assert.equal(wrong.status, 405)
  assert.equal(wrong.headers.get('allow'), 'GET, OPTIONS')
  assert.equal((await fetch(`${url}/nothing`)).status, 404)
})
