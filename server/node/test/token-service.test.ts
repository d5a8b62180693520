import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { pino } from 'pino'
import { createTokenService } from '../src/index.ts'
import { RawClient } from './support/peers.ts'
import { LogLines, ORIGIN, setUp } from './support/relays.ts'
import { HEALTH, post, REFRESH, refresh, serve, startService, TOKEN } from './support/token-services.ts'

const SECRET = 's'.repeat(32)

test('createTokenService() answers by itself, and leaves other paths to whoever comes next', async (t) => {
  const { url } = await startService(t)
  const { status, answer } = await post(url, TOKEN)
  assert.deepEqual([status, answer.success, answer.mode], [200, true, 'relay'])
  const lost = await post(url, '/elsewhere')
  assert.deepEqual([lost.status, lost.answer.error.code], [404, 'not_found'])
  const handler = createTokenService({
    allowedOrigins: [ORIGIN],
    tickets: { secret: SECRET },
    authenticate: () => ({ user: 'ann' }),
    prefix: '/voice',
    logger: pino({ level: 'silent' }),
  })
  const app = await serve(t, (request, response) =>
    handler(request, response, () => void response.end('"app"')),
  )
  assert.equal((await post(app, TOKEN)).answer, 'app')
  assert.equal((await post(app, `/voice${TOKEN}`)).status, 200)
})

test('createTokenService() reads a body that a parser before it has read', async (t) => {
  const handler = createTokenService({
    allowedOrigins: [ORIGIN],
    tickets: { secret: SECRET },
    authenticate: () => ({ user: 'ann', provider: 'openai' }),
    logger: pino({ level: 'silent' }),
  })
  const url = await serve(t, async (request, response) => {
    let text = ''
    for await (const piece of request.setEncoding('utf8')) text += piece
    handler(Object.assign(request, { body: JSON.parse(text) }), response)
  })
  assert.equal((await post(url, TOKEN, { provider: 'deepgram' })).status, 403)
  assert.equal((await post(url, TOKEN, { provider: 'openai' })).status, 200)
})

test('createTokenService() refuses options that are wrong or unsafe', () => {
  const allowedOrigins = [ORIGIN]
  const tickets = { secret: SECRET }
  const direct = { deepgram: true }
  assert.throws(() => createTokenService({ allowedOrigins }), TypeError)
  assert.throws(() => createTokenService({ allowedOrigins: ['*'], tickets, production: true }), TypeError)
  assert.throws(() => createTokenService({ allowedOrigins: ['https://a/b'], tickets }), TypeError)
  assert.throws(() => createTokenService({ allowedOrigins, direct }), /deepgram.apiKey must be given/)
  assert.throws(() => createTokenService({ allowedOrigins, tickets, windowMs: 0 }), RangeError)
  assert.throws(() => createTokenService({ allowedOrigins, tickets, tokenDurationMs: 999 }), RangeError)
  assert.throws(() => createTokenService({ allowedOrigins, tickets, maxRefreshes: -1 }), RangeError)
  assert.throws(() => createTokenService({ allowedOrigins, tickets, blockDuration: Number.NaN }), RangeError)
})

// R-HTTP-1, R-HTTP-2
test('The token service puts the same headers on every answer', async (t) => {
  const { url } = await startService(t)
  const answers: [Response, number][] = [
    [(await post(url, TOKEN)).response, 200],
    [(await post(url, TOKEN, '{')).response, 400],
    [(await post(url, REFRESH, { sessionId: 'x' })).response, 401],
    [(await refresh(url, { sessionId: 'x', token: 'y' })).response, 401],
    [await fetch(url + TOKEN, { headers: { Origin: ORIGIN } }), 405],
    [await fetch(url + REFRESH, { method: 'PUT', headers: { Origin: ORIGIN } }), 405],
    [(await post(url, HEALTH)).response, 405],
    [(await post(url, REFRESH, { filler: 'x'.repeat(5000) })).response, 413],
    [(await post(url, REFRESH, 'sessionId=x', { 'Content-Type': 'text/plain' })).response, 415],
    [await fetch(url + HEALTH, { headers: { Origin: ORIGIN } }), 200],
    [await fetch(url + REFRESH, { method: 'OPTIONS', headers: { Origin: ORIGIN } }), 204],
    [(await post(url, '/nothing')).response, 404],
  ]
  for (const [{ status, headers }, expected] of answers) {
    assert.equal(status, expected)
    assert.equal(headers.get('access-control-allow-origin'), ORIGIN)
    assert.equal(headers.get('vary'), 'Origin')
    assert.equal(headers.get('cache-control'), 'no-store')
    assert.equal(headers.get('x-content-type-options'), 'nosniff')
    assert.equal(headers.get('referrer-policy'), 'no-referrer')
    assert.match(headers.get('content-security-policy') ?? '', /default-src 'none'/)
    const allow = status === 405 ? /^(GET|POST), OPTIONS$/ : /^$/
    assert.match(headers.get('allow') ?? '', allow)
  }
})

// R-HTTP-3
test('The token service tells an allowed page what it may send', async (t) => {
  const { url } = await startService(t)
  for (const [path, methods] of [
    [TOKEN, 'POST, OPTIONS'],
    [REFRESH, 'POST, OPTIONS'],
    [HEALTH, 'GET, OPTIONS'],
  ]) {
    const { status, headers } = await fetch(url + path, { method: 'OPTIONS', headers: { Origin: ORIGIN } })
    assert.equal(status, 204)
    assert.equal(headers.get('access-control-allow-methods'), methods)
    assert.match(headers.get('access-control-allow-headers') ?? '', /Authorization, Content-Type/)
  }
})

// R-TOKEN-7
test('The token service answers other origins with 403 and nothing else, whatever the method', async (t) => {
  const { url, audit } = await startService(t)
  const { answer } = await post(url, TOKEN)
  for (const origin of ['https://evil.example', 'null', `${ORIGIN}.evil.example`, 'http://app.example']) {
    const Origin = origin
    const answers = [
      (await post(url, TOKEN, {}, { Origin })).response,
      (await refresh(url, answer, { Origin })).response,
      await fetch(url + HEALTH, { headers: { Origin } }),
      await fetch(url + TOKEN, { method: 'OPTIONS', headers: { Origin } }),
      await fetch(url + TOKEN, { headers: { Origin } }),
    ]
    for (const { status, headers } of answers) {
      assert.equal(status, 403)
      assert.equal(headers.get('access-control-allow-origin'), null)
      assert.equal(headers.get('vary'), 'Origin')
    }
  }
  assert.equal(audit.filter(({ code }) => code === 'origin_forbidden').length, 8)
  assert.equal((await refresh(url, answer)).status, 200)
})

// R-TOKEN-4
test('The token service gives a user no ticket for an origin that is not theirs', async (t) => {
  const { url } = await startService(t, {
    authenticate: () => ({ user: 'ann', origin: 'https://other.example' }),
  })
  const { status, answer } = await post(url, TOKEN)
  assert.deepEqual([status, answer.error.code], [403, 'origin_forbidden'])
})

// R-TOKEN-8
test('The token service ends no connection at a body that is too big before it has answered', async (t) => {
  const { url } = await startService(t)
  const client = await RawClient.open(t, url)
  client.write(
    `POST ${TOKEN} HTTP/1.1\r\nHost: x\r\nOrigin: ${ORIGIN}\r\nContent-Type: application/json\r\n` +
      `Content-Length: 100000\r\n\r\n${' '.repeat(6000)}`,
  )
  assert.equal(await client.status(), 413)
})

// R-AUDIT-1
test('Audit has one record for each token issued, refreshed or refused, without any secret', async (t) => {
  const { url, audit } = await startService(t, { authenticate: () => ({ user: 'ann@mail.example' }) })
  const before = Date.now()
  const { answer } = await post(url, TOKEN)
  const second = await refresh(url, answer)
  await refresh(url, answer)
  await post(url, TOKEN, '{')
  const user = createHash('sha256').update('ann@mail.example').digest('hex').slice(0, 16)
  const { sessionId } = answer
  const common = { address: '127.0.0.1', origin: ORIGIN, key: null }
  const known = { ...common, sessionId, mode: 'relay' }
  for (const { at } of audit) assert.ok(at >= before && at <= Date.now())
  assert.deepEqual(
    audit.map(({ at, ...record }) => record),
    [
      { event: 'issued', ...known, user, code: null },
      { event: 'refreshed', ...known, user, code: null },
      { event: 'refused', ...known, user: null, code: 'session_forbidden' },
      { event: 'refused', ...common, sessionId: null, mode: null, user: null, code: 'bad_request' },
    ],
  )
  const text = JSON.stringify(audit)
  for (const secret of [answer.token, second.answer.token, 'ann@mail.example']) {
    assert.ok(!text.includes(secret))
  }
})

test('Audit goes to a child of the logger by default, and its failure fails no request', async (t) => {
  const setup = await setUp(t, { authenticate: () => ({ user: 'ann' }) })
  const { answer } = await post(setup.url, TOKEN)
  const line = await setup.logged('token issued')
  assert.deepEqual([line['log'], line['event'], line['sessionId']], ['audit', 'issued', answer.sessionId])
  assert.ok(!setup.log().includes(answer.token))
  const log = new LogLines()
  const broken = await startService(t, {
    logger: pino(log),
    audit: () => {
      throw new RangeError('disk full')
    },
  })
  assert.equal((await post(broken.url, TOKEN)).status, 200)
  assert.deepEqual((await log.find('audit failed'))[0]?.['error'], 'RangeError')
})
