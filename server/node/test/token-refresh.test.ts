import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeJwt } from 'jose'
import { MemorySessionStore, type TokenSession } from '../src/index.ts'
import { connect } from './support/peers.ts'
import { ORIGIN, setUp } from './support/relays.ts'
import { post, REFRESH, refresh, startService, TOKEN } from './support/token-services.ts'

const ELSEWHERE = 'https://other.example'

// R-REFRESH-1
test('refresh-token replaces the token by one that allows the same', async (t) => {
  const setup = await setUp(t, { authenticate: () => ({ user: 'ann', maxSeconds: 60, model: 'm' }) })
  const first = (await post(setup.url, TOKEN, { provider: 'openai' })).answer
  const { status, answer } = await refresh(setup.url, first)
  assert.equal(status, 200)
  assert.deepEqual(Object.keys(answer).sort(), Object.keys(first).sort())
  const { success, sessionId, mode, expiresIn } = answer
  assert.deepEqual(
    { success, sessionId, mode, expiresIn },
    { success: true, sessionId: first.sessionId, mode: 'relay', expiresIn: 60 },
  )
  const { sub, provider, origin, model, max_seconds } = decodeJwt(answer.token)
  assert.deepEqual([sub, provider, origin, model, max_seconds], ['ann', 'openai', ORIGIN, 'm', 60])
  assert.notEqual(decodeJwt(answer.token).jti, decodeJwt(first.token).jti)
  const protocols = [`access_token.${answer.token}`]
  await connect(t, `${setup.url}/v1/realtime?model=m`, { protocols, origin: ORIGIN })
})

// R-REFRESH-1
test('refresh-token takes a ticket that has opened its session already', async (t) => {
  const setup = await setUp(t, { authenticate: () => ({ user: 'ann' }) })
  const { answer } = await post(setup.url, TOKEN)
  await connect(t, `${setup.url}/v1/realtime`, {
    protocols: [`access_token.${answer.token}`],
    origin: ORIGIN,
  })
  assert.equal((await refresh(setup.url, answer)).status, 200)
})

// R-REFRESH-4
test('refresh-token goes on with the shortest tokens as long as they are replaced in time', async (t) => {
  const { url } = await startService(t, { tokenDurationMs: 1000, maxRequests: 3, maxRefreshes: 0 })
  let { answer } = await post(url, TOKEN)
  for (let round = 0; round < 20; round += 1) {
    const next = await refresh(url, answer)
    assert.equal(next.status, 200, `round ${round}`)
    assert.equal(next.answer.expiresIn, 1)
    answer = next.answer
  }
})

// R-REFRESH-1, R-REFRESH-3
test('refresh-token takes a token that just expired, and not one that expired before the grace', async (t) => {
  const clock = t.mock.method(Date, 'now')
  const start = Date.now()
  const at = (ms: number) => clock.mock.mockImplementation(() => start + ms)
  const sessions = new MemorySessionStore({ now: () => start })
  const options = { tokenDurationMs: 10_000, refreshGraceMs: 5000, sessions }
  const { url, audit } = await startService(t, options)
  const first = (await post(url, TOKEN)).answer
  at(14_000)
  const second = await refresh(url, first)
  assert.equal(second.status, 200)
  at(14_000 + 15_001)
  const third = await refresh(url, second.answer)
  assert.deepEqual([third.status, third.answer.error.code], [401, 'ticket_expired'])
  assert.equal(audit.at(-1)?.code, 'ticket_expired')
})

// R-REFRESH-3
test('refresh-token refuses unknown, foreign and over-refreshed sessions, and other origins', async (t) => {
  const { url } = await startService(t, { maxRefreshes: 2, allowedOrigins: [ORIGIN, ELSEWHERE] })
  const mine = (await post(url, TOKEN)).answer
  const other = (await post(url, TOKEN)).answer
  const refused = async (body: unknown, headers: Record<string, string>) => {
    const { status, answer } = await post(url, REFRESH, body, headers)
    assert.equal(answer.success, false)
    return [status, answer.error.code]
  }
  const bearer = { Authorization: `Bearer ${mine.token}` }
  const { sessionId } = mine
  assert.deepEqual(await refused({ sessionId: 'nobody' }, bearer), [401, 'session_unknown'])
  assert.deepEqual(await refused({ sessionId: other.sessionId }, bearer), [403, 'session_forbidden'])
  assert.deepEqual(await refused({ sessionId }, {}), [401, 'ticket_missing'])
  assert.deepEqual(await refused({ sessionId }, { Authorization: 'Basic x' }), [401, 'ticket_missing'])
  assert.deepEqual(await refused({ sessionId }, { ...bearer, Origin: ELSEWHERE }), [403, 'origin_forbidden'])
  assert.deepEqual(await refused({ sessionId }, { ...bearer, Origin: '' }), [403, 'origin_forbidden'])
  assert.deepEqual(await refused({}, bearer), [400, 'bad_request'])
  assert.deepEqual(await refused('', bearer), [400, 'bad_request'])
  assert.deepEqual(await refused({ sessionId: 7 }, bearer), [400, 'bad_request'])
  const second = (await refresh(url, mine)).answer
  assert.deepEqual(await refused({ sessionId }, bearer), [403, 'session_forbidden'], 'the old token')
  const third = (await refresh(url, second)).answer
  const over = await refresh(url, third)
  assert.deepEqual([over.status, over.answer.error.code], [403, 'refresh_limit'])
  assert.equal((await refresh(url, other)).status, 200)
})

// R-REFRESH-2
test('refresh-token gives one of two requests at once the next token', async (t) => {
  const { url } = await startService(t)
  const { answer } = await post(url, TOKEN)
  const both = await Promise.all([refresh(url, answer), refresh(url, answer)])
  assert.deepEqual(both.map(({ status }) => status).sort(), [200, 403])
})

// R-REFRESH-5
test('refresh-token answers 503 where the store fails, and 200 when it is back', async (t) => {
  const sessions = new MemorySessionStore()
  const { url, log } = await startService(t, { sessions })
  const { answer } = await post(url, TOKEN)
  const broken = t.mock.method(sessions, 'get', () => Promise.reject(new Error('redis://secret@host')))
  const refused = await refresh(url, answer)
  assert.deepEqual([refused.status, refused.answer.error.code], [503, 'sessions_unavailable'])
  assert.equal(refused.response.headers.get('retry-after'), '5')
  assert.ok(!(refused.text + log()).includes('redis'))
  broken.mock.restore()
  assert.equal((await refresh(url, answer)).status, 200)
})

test('MemorySessionStore forgets what expired, and beyond its bound the oldest', async () => {
  let now = 0
  const store = new MemorySessionStore({ maxSessions: 2, now: () => now })
  const session = (tokenHash: string): TokenSession => ({
    ...{ claims: { user: 'ann' }, mode: 'relay', origin: null, tokenHash, expiresAt: 0, refreshes: 0 },
  })
  await store.add('a', session('1'), 100)
  await store.add('b', session('1'), 200)
  assert.equal(await store.replace('a', '1', { session: session('2'), forgetAt: 150 }), true)
  assert.equal(await store.replace('a', '1', { session: session('3'), forgetAt: 150 }), false)
  await store.add('c', session('1'), 300)
  assert.equal(await store.get('b'), null)
  assert.equal((await store.get('a'))?.tokenHash, '2')
  assert.equal(await store.count(), 2)
  now = 150
  assert.equal(await store.get('a'), null)
  assert.equal(await store.replace('a', '2', { session: session('3'), forgetAt: 900 }), false)
  assert.equal(await store.count(), 1)
})
