import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import { issueTicket } from '../src/index.ts'
import { connect } from './support/peers.ts'
import { ORIGIN, type Setup, setUp } from './support/relays.ts'

const PATH = '/api/voice-agent/token'

async function ask({ url }: Setup, body: unknown = {}, headers: Record<string, string> = {}) {
  const response = await fetch(url + PATH, {
    method: 'POST',
    headers: { Origin: ORIGIN, 'Content-Type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
  // biome-ignore lint/suspicious/noExplicitAny: the shape is what is being tested
  return { response, answer: (await response.json()) as any }
}

// R-TOKEN-1, R-TOKEN-2
test('The token endpoint gives a ticket that opens one session', async (t) => {
  const setup = await setUp(t, {
    authenticate: () => ({ user: 'ann', maxSeconds: 60, model: 'm' }),
    tokenDurationMs: 30_000,
  })
  const { response, answer } = await ask(setup, { provider: 'openai', use: 'relay' })
  assert.equal(response.status, 200)
  const { success, token, expiresAt, expiresIn, sessionId, mode, ...rest } = answer
  assert.deepEqual(
    { success, expiresIn, mode, rest },
    { success: true, expiresIn: 30, mode: 'relay', rest: {} },
  )
  assert.match(sessionId, /^[0-9a-f-]{36}$/)
  assert.ok(Math.abs(expiresAt - Date.now() - 30_000) < 2000)
  const { sub, provider, origin, model, max_seconds, exp } = decodeJwt(token)
  const claims = { sub, provider, origin, model, max_seconds }
  assert.deepEqual(claims, { sub: 'ann', provider: 'openai', origin: ORIGIN, model: 'm', max_seconds: 60 })
  assert.equal(exp! * 1000, expiresAt)
  assert.deepEqual(decodeProtectedHeader(token), { alg: 'HS256', typ: 'voicewire-ticket+jwt' })
  assert.equal(response.headers.get('cache-control'), 'no-store')
  assert.equal(response.headers.get('access-control-allow-origin'), ORIGIN)
  assert.equal(response.headers.get('access-control-allow-credentials'), 'true')
  const protocols = ['realtime', `openai-insecure-api-key.${token}`]
  await connect(t, `${setup.url}/v1/realtime?model=m`, { protocols, origin: ORIGIN })
  await assert.rejects(
    connect(t, `${setup.url}/v1/realtime?model=m`, { protocols, origin: ORIGIN }),
    /HTTP 401/,
  )
  assert.ok(!setup.log().includes(token))
})

// R-TOKEN-3
test('The token endpoint is open to pages of an allowed origin outside production only', async (t) => {
  const development = await setUp(t, { production: false })
  const { answer } = await ask(development)
  assert.equal(decodeJwt(answer.token).sub, 'anonymous 127.0.0.1')
  const noPage = await fetch(development.url + PATH, { method: 'POST' })
  assert.equal(noPage.status, 401)
  const production = await setUp(t)
  const refused = await ask(production)
  assert.equal(refused.response.status, 401)
  assert.equal(refused.answer.error.code, 'unauthenticated')
  const unknown = await setUp(t, { production: false, authenticate: () => null })
  assert.equal((await ask(unknown)).response.status, 401, 'who asks the application takes its answer')
})

// R-TOKEN-3, R-TOKEN-8
test('The token endpoint refuses what it must, each time with CORS headers', async (t) => {
  const setup = await setUp(t, { authenticate: () => ({ user: 'ann', provider: 'openai' }) })
  const cases: [unknown, Record<string, string>, number, string][] = [
    ['{', {}, 400, 'bad_request'],
    [{ provider: 'other' }, {}, 400, 'bad_request'],
    [{ use: 'direct' }, {}, 403, 'direct_forbidden'], // R-TOKEN-5: it is not enabled
    ['[]', {}, 400, 'bad_request'],
    [{ provider: 'deepgram' }, {}, 403, 'provider_forbidden'],
    [{ filler: 'x'.repeat(5000) }, {}, 413, 'body_too_big'],
    [{}, { 'Content-Type': 'text/plain' }, 415, 'unsupported_media_type'],
  ]
  for (const [body, headers, status, code] of cases) {
    const { response, answer } = await ask(setup, body, headers)
    assert.deepEqual([response.status, answer.success, answer.error.code], [status, false, code])
    assert.equal(response.headers.get('access-control-allow-origin'), ORIGIN)
    assert.equal(response.headers.get('vary'), 'Origin')
  }
  const stranger = await ask(setup, {}, { Origin: 'https://evil.example' })
  assert.equal(stranger.response.status, 403)
  assert.equal(stranger.response.headers.get('access-control-allow-origin'), null)
  const wrong = await fetch(setup.url + PATH, { headers: { Origin: ORIGIN } })
  assert.equal(wrong.status, 405)
  assert.equal(wrong.headers.get('allow'), 'POST, OPTIONS')
  assert.equal(wrong.headers.get('access-control-allow-origin'), ORIGIN)
  assert.equal((await ask(setup)).response.status, 200)
})

test('The token endpoint limits how often one address asks', async (t) => {
  const setup = await setUp(t, { authenticate: () => ({ user: 'ann' }), rateLimit: 2 })
  assert.equal((await ask(setup)).response.headers.get('ratelimit-remaining'), '1')
  await ask(setup)
  const { response, answer } = await ask(setup)
  assert.equal(response.status, 429)
  assert.equal(response.headers.get('retry-after'), String(answer.error.retryAfter))
  assert.equal(response.headers.get('access-control-allow-origin'), ORIGIN)
  assert.match(response.headers.get('access-control-expose-headers') ?? '', /Retry-After/)
})

test('The token endpoint answers 503 where the application fails', async (t) => {
  const setup = await setUp(t, {
    authenticate: async () => {
      throw new Error('password of the database')
    },
  })
  const { response, answer } = await ask(setup)
  assert.deepEqual([response.status, answer.error.code], [503, 'authentication_unavailable'])
  assert.ok(!(JSON.stringify(answer) + setup.log()).includes('password of'))
})

// R-TOKEN-9, R-TICKET-1
test('issueTicket() refuses a life that is too long or too short, and a short secret', async () => {
  for (const durationMs of [0, 999, 3_600_001 + 999, Number.NaN]) {
    await assert.rejects(issueTicket({ user: 'u' }, { secret: 'x'.repeat(32), durationMs }), RangeError)
  }
  await assert.rejects(issueTicket({ user: 'u' }, { secret: 'x'.repeat(31) }), TypeError)
  await assert.rejects(issueTicket({ user: 'u' }, {}), TypeError)
})
