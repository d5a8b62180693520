import assert from 'node:assert/strict'
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { exportJWK } from 'jose'
import type { RelayOptions } from '../src/index.ts'
import { assertRefused, forge, statuses } from './support/admissions.ts'
import { connect, handshakeRequest, RawClient } from './support/peers.ts'
import { ORIGIN, type Setup, setUp } from './support/relays.ts'
import { join, stillServes } from './support/sessions.ts'
import { serve } from './support/token-services.ts'

/** The header of an HTTP answer as it came, and its JSON body. */
async function refusedUpgrade(client: RawClient) {
  await client.closed
  const [head = '', body = ''] = client.received.toString().split('\r\n\r\n')
  return { head, body: JSON.parse(body) }
}

// R-AUTH-3
test('Relay judges a client in one order, and says the first thing that is wrong', async (t) => {
  const away: RelayOptions['deepgram'] = { apiKey: '' }
  const setup = await setUp(t, { deepgram: away, rateLimit: 12, maxConnectionsPerUser: 1 })
  const good = await setup.ticket()
  const once = await setup.ticket({ user: 'first' })
  await connect(t, `${setup.url}/v1/realtime`, { headers: { Authorization: `Bearer ${once}` } })
  const everything = {
    Origin: 'https://evil.example',
    Authorization: 'Bearer x.y.z',
    'Sec-WebSocket-Protocol': 'a,,b',
    'Sec-WebSocket-Version': '8',
  }
  const elsewhere = await setup.ticket({ user: 'first', provider: 'openai' })
  // Each step mends what the step before was refused for; the path has no key behind it.
  const steps: [Record<string, string>, number, string][] = [
    [{}, 426, 'bad_request'],
    [{ 'Sec-WebSocket-Version': '13' }, 400, 'bad_request'],
    [{ 'Sec-WebSocket-Protocol': '' }, 403, 'origin_forbidden'],
    [{ Origin: ORIGIN }, 401, 'ticket_invalid'],
    [{ Authorization: `Bearer ${elsewhere}` }, 403, 'provider_forbidden'],
    [{ Authorization: `Bearer ${once}` }, 401, 'ticket_used'],
    [{ Authorization: `Bearer ${good}` }, 503, 'provider_not_configured'],
  ]
  let headers: Record<string, string> = everything
  for (const [mended, status, code] of steps) {
    headers = { ...headers, ...mended }
    const client = await RawClient.open(t, setup.url)
    client.write(handshakeRequest('/v1/listen', headers))
    assert.equal(await client.status(), status, code)
    assert.equal((await refusedUpgrade(client)).body.error.code, code)
  }
  // The key of the other provider is there, and the user has a session: the cap is what is left.
  const second = { Authorization: `Bearer ${elsewhere}` }
  const capped = { get: 429, upgrade: 429, code: 'too_many_connections' }
  assert.deepEqual(await statuses(t, setup.url, second), capped)
})

// R-AUTH-3, R-LIMIT-4
test('Relay limits upgrades before it looks at the origin or the ticket', async (t) => {
  const setup = await setUp(t, { rateLimit: 1 })
  const headers = { Origin: 'https://evil.example' }
  assert.equal((await statuses(t, setup.url, headers)).upgrade, 403)
  assert.deepEqual(await statuses(t, setup.url, headers), { get: 429, upgrade: 429, code: 'rate_limited' })
})

// R-AUTH-1
test('Relay looks at the header first, then at subprotocols, then at the query', async (t) => {
  const setup = await setUp(t)
  const refused = async (path: string, headers: Record<string, string>) => {
    assert.equal((await statuses(t, setup.url, headers, path)).upgrade, 401)
  }
  const good = await setup.ticket()
  const header = { Authorization: 'Bearer x.y.z' }
  await refused(`/v1/realtime?token=${good}`, { ...header, 'Sec-WebSocket-Protocol': `token, ${good}` })
  await refused(`/v1/realtime?token=${good}`, { 'Sec-WebSocket-Protocol': 'token, x.y.z' })
  await connect(t, `${setup.url}/v1/realtime?token=x.y.z`, { protocols: ['token', good] })
})

// R-TICKET-4
test('Relay takes no key from a ticket, and follows no address in it', async (t) => {
  let asked = 0
  const strangers = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const jwk = { ...(await exportJWK(strangers.publicKey)), kid: 'k', alg: 'ES256' }
  const url = await serve(t, (_request, response) => {
    asked += 1
    response.end(JSON.stringify({ keys: [jwk] }))
  })
  const own = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const published = { ...(await exportJWK(own.publicKey)), kid: 'k', alg: 'ES256' }
  const jwksUrl = await serve(
    t,
    (_request, response) => void response.end(JSON.stringify({ keys: [published] })),
  )
  for (const tickets of [{ jwksUrl }, { secret: randomBytes(32).toString('base64') }]) {
    const setup = await setUp(t, { tickets })
    for (const header of [
      { jwk },
      { jku: url },
      { x5u: url },
      { kid: '../../../../dev/null' },
      { kid: url },
    ]) {
      const token = await forge(strangers.privateKey, {}, { alg: 'ES256', kid: 'k', ...header })
      await assertRefused(t, setup, token, 401, 'ticket_invalid')
    }
  }
  assert.equal(asked, 0)
})

// R-TICKET-2
test('Relay takes tickets that were signed with RS256, ES256 or EdDSA, and with nothing else', async (t) => {
  const pairs = {
    RS256: generateKeyPairSync('rsa', { modulusLength: 2048 }),
    PS256: generateKeyPairSync('rsa', { modulusLength: 2048 }),
    ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
    ES384: generateKeyPairSync('ec', { namedCurve: 'P-384' }),
    EdDSA: generateKeyPairSync('ed25519'),
  }
  const keys = await Promise.all(
    Object.entries(pairs).map(async ([alg, { publicKey }]) => ({
      ...(await exportJWK(publicKey)),
      kid: alg,
      alg,
    })),
  )
  const jwksUrl = await serve(t, (_request, response) => void response.end(JSON.stringify({ keys })))
  const setup = await setUp(t, { tickets: { jwksUrl } })
  for (const [alg, { privateKey }] of Object.entries(pairs)) {
    const headers = {
      Authorization: `Bearer ${await forge(privateKey, {}, { alg, kid: alg })}`,
    }
    const expected = alg === 'PS256' || alg === 'ES384' ? 401 : 101
    assert.equal((await statuses(t, setup.url, headers)).upgrade, expected, alg)
  }
})

// R-HAND-8
test('Relay changes nothing for a GET that asks what an upgrade would be answered', async (t) => {
  const setup = await setUp(t, { rateLimit: 2, maxConnections: 1 })
  const headers = await setup.authorization()
  for (let again = 0; again < 10; again += 1) {
    const response = await fetch(`${setup.url}/v1/realtime`, { headers })
    assert.equal(response.status, 426)
    assert.equal(response.headers.get('upgrade'), 'websocket')
  }
  assert.equal(setup.upstream.requests.length, 0)
  await connect(t, `${setup.url}/v1/realtime`, { headers })
})

// R-HAND-1, R-HAND-3
test('Relay accepts without an extension, and with at most one of the subprotocols that are offered', async (t) => {
  const setup = await setUp(t)
  const cases: [string, string | null][] = [
    ['', null],
    ['mine', 'mine'],
    ['bearer-like, token-like', 'bearer-like'],
    ['mine, realtime, openai-beta.realtime-v1', 'realtime'],
    ['openai-organization.o, openai-project.p', null],
    [`sk-short, ${'x'.repeat(32)}`, null],
  ]
  for (const [offered, selected] of cases) {
    const client = await RawClient.open(t, setup.url)
    const headers = { 'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits' }
    client.write(
      handshakeRequest('/v1/realtime', {
        ...headers,
        ...(await setup.authorization()),
        'Sec-WebSocket-Protocol': offered,
      }),
    )
    assert.equal(await client.status(), 101)
    const head = client.received.toString().split('\r\n\r\n')[0]!
    assert.match(head, /^sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=$/im)
    assert.doesNotMatch(head, /sec-websocket-extensions/i)
    assert.equal(/^sec-websocket-protocol: (.+)$/im.exec(head)?.[1] ?? null, selected)
  }
})

// R-HAND-5, R-HTTP-2
test('Relay refuses an upgrade with an HTTP answer that says why, and closes', async (t) => {
  const setup = await setUp(t, { rateLimit: 1 })
  const ask = async (headers: Record<string, string> = {}) => {
    const client = await RawClient.open(t, setup.url)
    client.write(handshakeRequest('/v1/realtime', { Origin: ORIGIN, ...headers }))
    return refusedUpgrade(client)
  }
  const missing = await ask()
  assert.match(missing.head, /^HTTP\/1\.1 401 Unauthorized\r\n/)
  assert.match(missing.head, /^WWW-Authenticate: Bearer$/im)
  assert.match(missing.head, /^Connection: close$/im)
  assert.match(missing.head, new RegExp(`^Access-Control-Allow-Origin: ${ORIGIN}$`, 'im'))
  assert.deepEqual([missing.body.success, missing.body.error.code], [false, 'ticket_missing'])
  const limited = await ask()
  assert.match(limited.head, /^HTTP\/1\.1 429 /)
  const seconds = /^Retry-After: (\d+)$/im.exec(limited.head)?.[1]
  assert.deepEqual(limited.body.error.retryAfter, Number(seconds))
  const wrong = await fetch(`${setup.url}/v1/realtime`, { method: 'PUT' })
  assert.deepEqual([wrong.status, wrong.headers.get('allow')], [405, 'GET, OPTIONS'])
})

// R-PATH-3, R-PATH-4
test('Relay answers 404 for a service that does not exist, and for paths that are almost its own', async (t) => {
  const setup = await setUp(t)
  for (const path of [
    '/deepgram-proxy?service=other',
    '/deepgram-proxyx',
    '/v1/realtime/',
    '/v1/Realtime',
    '/v3/listen',
    '//v1/realtime',
    '/v1/../v1/realtime',
    '/',
  ]) {
    const client = await RawClient.open(t, setup.url)
    client.write(handshakeRequest(path, await setup.authorization()))
    assert.equal(await client.status(), 404, path)
  }
  assert.equal(setup.upstream.requests.length, 0)
  await stillServes(t, setup)
})

// R-PATH-5
test('Relay below a prefix has all its paths there and none beside it', async (t) => {
  const setup = await setUp(t, { prefix: '/voice', authenticate: () => ({ user: 'ann' }) })
  const statusOf = async (path: string, method = 'GET') =>
    (await fetch(setup.url + path, { method, headers: { Origin: ORIGIN } })).status
  for (const [path, status, method] of [
    ['/health', 200, 'GET'],
    ['/ready', 200, 'GET'],
    ['/v1/realtime', 426, 'GET'],
    ['/deepgram-proxy', 426, 'GET'],
    ['/api/voice-agent/health', 200, 'GET'],
    ['/api/voice-agent/token', 200, 'POST'],
  ] as const) {
    assert.equal(await statusOf(`/voice${path}`, method), status, path)
    assert.equal(await statusOf(path, method), 404, path)
  }
  await stillServes(t, { ...setup, url: `${setup.url}/voice` } satisfies Setup)
})

// R-LIMIT-5, R-HTTP-5
test('Relay gives a place back when a session ends because the provider refused', async (t) => {
  const { Upstream } = await import('./support/peers.ts')
  const refusing = await Upstream.start(t, { verifyClient: () => false })
  const setup = await setUp(t, { upstreamUrl: refusing.url, maxConnections: 1 })
  for (let again = 0; again < 3; again += 1) {
    assert.equal((await (await join(t, setup)).closed).code, 1011)
    await setup.ended(again + 1)
  }
  assert.equal((await fetch(`${setup.url}/ready`)).status, 200)
})

// R-HTTP-4, R-HTTP-5, R-LIMIT-1
test('Relay is alive but not ready while it is full', async (t) => {
  const setup = await setUp(t, { maxConnections: 1 })
  const client = await join(t, setup)
  assert.equal((await fetch(`${setup.url}/health`)).status, 200)
  const ready = await fetch(`${setup.url}/ready`)
  assert.equal(ready.status, 503)
  assert.equal(((await ready.json()) as { error: { code: string } }).error.code, 'at_capacity')
  client.socket.close()
  await setup.ended(1)
  assert.equal((await fetch(`${setup.url}/ready`)).status, 200)
})
