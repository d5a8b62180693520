import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { handshakeRequest, RawClient } from './support/peers.ts'
import { ORIGIN, type Setup, setUp } from './support/relays.ts'
import { linesOf, pair, stillServes } from './support/sessions.ts'

/** Sends one request and hands back the status; where the relay refused it, its log line says the same. */
async function ask(t: TestContext, setup: Setup, request: string): Promise<number> {
  const before = linesOf(setup, 'upgrade refused').length
  const client = await RawClient.open(t, setup.url)
  client.write(request)
  const status = await client.status()
  if (status === 101) return status
  await client.closed
  const lines = linesOf(setup, 'upgrade refused').slice(before)
  const code = /"code":"(\w+)"/.exec(client.received.toString())?.[1]
  if (code !== undefined) {
    assert.deepEqual(
      lines.map((line) => [line['status'], line['code']]),
      [[status, code]],
    )
  } else assert.deepEqual(lines, [], 'what is no HTTP is answered by the server, and no line of the relay’s')
  return status
}

// R-HAND-2, R-TICKET-10, R-PATH-4, R-LIFE-6
test('Relay refuses handshakes that are none, logs why, and goes on serving', async (t) => {
  const setup = await setUp(t)
  const right = await setup.authorization()
  const cases: [string, Record<string, string>, number][] = [
    ['no version', { 'Sec-WebSocket-Version': '' }, 426],
    ['old version', { 'Sec-WebSocket-Version': '8' }, 426],
    ['no key', { 'Sec-WebSocket-Key': '' }, 400],
    ['short key', { 'Sec-WebSocket-Key': 'AAAA' }, 400],
    ['key of 17 bytes', { 'Sec-WebSocket-Key': Buffer.alloc(17).toString('base64') }, 400],
    ['other protocol', { Upgrade: 'h2c' }, 400],
    ['a body', { 'Content-Length': '5' }, 400],
    ['a chunked body', { 'Transfer-Encoding': 'chunked' }, 400],
    ['subprotocol twice', { 'Sec-WebSocket-Protocol': 'realtime, realtime' }, 400],
    ['subprotocol with a space', { 'Sec-WebSocket-Protocol': 'real time' }, 400],
    ['empty subprotocol', { 'Sec-WebSocket-Protocol': 'realtime,,x' }, 400],
    ['a provider’s key as the ticket', { Authorization: 'Bearer sk-proj-mine' }, 401],
    [
      'a provider’s key as subprotocol',
      { Authorization: '', 'Sec-WebSocket-Protocol': 'realtime, openai-insecure-api-key.sk-proj-mine' },
      401,
    ],
  ]
  for (const [name, headers, status] of cases) {
    const request = `${handshakeRequest('/v1/realtime', { ...right, ...headers })}hello`
    assert.equal(await ask(t, setup, request), status, name)
  }
  const post = handshakeRequest('/v1/realtime', right).replace('GET', 'POST')
  assert.equal(await ask(t, setup, post), 405)
  const old = handshakeRequest('/v1/realtime', right).replace('HTTP/1.1', 'HTTP/1.0')
  assert.equal(await ask(t, setup, old), 400)
  assert.equal(await ask(t, setup, handshakeRequest('/v1/other', right)), 404)
  assert.equal((await fetch(`${setup.url}/v1/realtime`, { headers: right })).status, 426)
  assert.equal((await fetch(`${setup.url}/v1/realtime`, { method: 'POST', headers: right })).status, 405)
  assert.equal(setup.upstream.requests.length, 0)
  assert.ok(!setup.log().includes('sk-proj-mine'))
  // Nothing of this used the ticket up.
  assert.equal(await ask(t, setup, handshakeRequest('/v1/realtime', right)), 101)
  await setup.upstream.accept()
  await stillServes(t, setup)
})

// R-LIFE-6
test('Relay goes on serving after bytes that are no HTTP', async (t) => {
  const setup = await setUp(t)
  for (const bytes of [
    '\0\x01\x02\r\n\r\n',
    'GET\r\n\r\n',
    'GET /v1/realtime HTTP/9.9\r\n\r\n',
    '\r\n'.repeat(1000),
  ]) {
    const client = await RawClient.open(t, setup.url)
    client.write(bytes)
    client.socket.end()
    await client.closed
    assert.doesNotMatch(client.received.toString(), /^HTTP\/1\.1 [12]/)
  }
  await stillServes(t, setup)
})

// R-HAND-6, R-LIFE-6
test('Relay answers a header of 20 KB with 431 and goes on serving', async (t) => {
  const setup = await setUp(t)
  for (const header of ['Authorization', 'Cookie', 'Sec-WebSocket-Protocol', 'X-Filler']) {
    const request = handshakeRequest('/v1/realtime', { [header]: 'x'.repeat(20_000) })
    assert.equal(await ask(t, setup, request), 431, header)
  }
  assert.equal(await ask(t, setup, handshakeRequest(`/v1/realtime?${'x'.repeat(20_000)}`)), 431)
  await stillServes(t, setup)
})

// R-HAND-6, R-LIFE-6
test('Relay answers a slow trickle of header bytes with 408 within ten seconds, serving others meanwhile', {
  timeout: 20_000,
}, async (t) => {
  const setup = await setUp(t)
  const client = await RawClient.open(t, setup.url)
  client.write('GET /v1/realtime HTTP/1.1\r\nHost: relay\r\n')
  const trickle = setInterval(() => client.write('X'), 500)
  t.after(() => clearInterval(trickle))
  const startedAt = performance.now()
  await stillServes(t, setup)
  assert.equal(await client.status(), 408)
  assert.ok(performance.now() - startedAt < 12_000)
  await stillServes(t, setup)
})

// R-PATH-6, R-UP-1, R-LIFE-6
test('Relay takes neither a host nor a header from what stands in a target', async (t) => {
  const setup = await setUp(t)
  const cases: [string, string][] = [
    ['http://evil.example/v1/realtime?model=m', '/v1/realtime?model=m'],
    [
      '/v1/realtime?host=evil.example&endpoint=wss://evil.example/x',
      '/v1/realtime?host=evil.example&endpoint=wss://evil.example/x',
    ],
    ['/v1/realtime?model=m%0d%0aX-Evil:%201', '/v1/realtime?model=m%0d%0aX-Evil:%201'],
    ['/v1/realtime?model=m%00%0a', '/v1/realtime?model=m%00%0a'],
  ]
  for (const [target, dialled] of cases) {
    const request = handshakeRequest(target, await setup.authorization())
    assert.equal(await ask(t, setup, request), 101, target)
    await setup.upstream.accept()
    const { url, headers } = setup.upstream.requests.at(-1)!
    assert.equal(url, dialled)
    assert.equal(headers['x-evil'], undefined)
  }
  const split = handshakeRequest('/v1/realtime?model=m\r\nX-Evil: 1', await setup.authorization())
  assert.equal(await ask(t, setup, split), 400)
  await stillServes(t, setup)
})

// R-ORIGIN-1, R-LIFE-6
test('Relay compares origins exactly, says nothing to others, and goes on serving', async (t) => {
  const setup = await setUp(t)
  for (const origin of [
    'https://evil.example',
    'https://app.example.evil.example',
    'https://xapp.example',
    'https://app.example:444',
    'https://app.example.',
    'https://app.example/',
    'http://app.example',
    'https://APP.example',
    `${ORIGIN}, ${ORIGIN}`,
    'null',
  ]) {
    const headers = { ...(await setup.authorization()), Origin: origin }
    assert.equal(await ask(t, setup, handshakeRequest('/v1/realtime', headers)), 403, origin)
    const response = await fetch(`${setup.url}/v1/realtime`, { headers })
    assert.equal(response.status, 403)
    assert.equal(response.headers.get('access-control-allow-origin'), null)
    assert.equal(response.headers.get('vary'), 'Origin')
  }
  assert.equal(await ask(t, setup, handshakeRequest('/v1/realtime')), 401, 'none at all needs a ticket')
  const allowed = { ...(await setup.authorization()), Origin: ORIGIN }
  assert.equal(await ask(t, setup, handshakeRequest('/v1/realtime', allowed)), 101)
  await setup.upstream.accept()
  await stillServes(t, setup)
})

// R-LIMIT-4, R-LIFE-6
test('Relay stands 10,000 upgrades from one address, letting none but its number be judged', {
  timeout: 60_000,
}, async (t) => {
  const setup = await setUp(t, { rateLimit: 60, trustedProxies: 1 })
  const { client, provider } = await pair(t, setup)
  const request = handshakeRequest('/v1/realtime', { 'X-Forwarded-For': '203.0.113.9' })
  const found = new Map<number, number>()
  let left = 10_000
  const flood = async () => {
    while (left > 0) {
      left -= 1
      const raw = await RawClient.open(t, setup.url)
      raw.write(request)
      const status = await raw.status()
      raw.socket.destroy()
      found.set(status, (found.get(status) ?? 0) + 1)
    }
  }
  const over = Promise.all(Array.from({ length: 50 }, flood))
  while (left > 0) {
    client.send('meanwhile')
    assert.equal((await provider.next()).data, 'meanwhile')
  }
  await over
  assert.deepEqual(Object.fromEntries(found), { 401: 60, 429: 9940 })
  assert.equal(linesOf(setup, 'upgrade refused').length, 10_000)
  await stillServes(t, setup)
})
