import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { decodeJwt } from 'jose'
import { createTokenService, MemoryState, RedisState, type RelayOptions } from '../src/index.ts'
import { connect, type Peer } from './support/peers.ts'
import { RedisServer, redisOptions, until } from './support/redis.ts'
import { ORIGIN, type Setup, setUp } from './support/relays.ts'
import { HEALTH, post, REFRESH, refresh, serve, startService, TOKEN } from './support/token-services.ts'

const INSTANCE = fileURLToPath(new URL('./support/instance.ts', import.meta.url))
const ADMIN = '/admin/revoke'

interface Pair {
  readonly one: Setup
  readonly other: Setup
  readonly server: RedisServer
  readonly redis: ReturnType<typeof redisOptions>
}

/** Two relays that know each other only through one Redis, and take the same tickets. */
async function setUpPair(t: TestContext, options: Partial<RelayOptions> = {}): Promise<Pair> {
  const server = await RedisServer.start(t)
  const redis = redisOptions(server)
  const one = await setUp(t, { redis, ...options })
  const other = await setUp(t, { redis, ...options, tickets: { secret: one.secret } })
  return { one, other, server, redis }
}

/** Opens a session whose provider is known to be there. */
async function join(t: TestContext, { url, upstream }: Setup, token: string): Promise<Peer> {
  const client = await connect(t, `${url}/v1/realtime`, {
    headers: { Authorization: `Bearer ${token}` },
    origin: ORIGIN,
  })
  await upstream.accept()
  return client
}

/** What an upgrade would be answered. */
async function preview({ url }: Setup, token: string) {
  const response = await fetch(`${url}/v1/realtime`, {
    headers: { Authorization: `Bearer ${token}`, Origin: ORIGIN },
  })
  // biome-ignore lint/suspicious/noExplicitAny: the shape is what is being tested
  const { error } = (await response.json()) as any
  return { status: response.status, code: error.code as string, retryAfter: error.retryAfter as number }
}

const refused = (status: number) => ({ message: `HTTP ${status}` })

// R-LIMIT-9
test('Two relays let a ticket in once', async (t) => {
  const { one, other } = await setUpPair(t)
  const token = await one.ticket()
  await join(t, one, token)
  assert.deepEqual(
    [(await preview(other, token)).status, (await preview(other, token)).code],
    [401, 'ticket_used'],
  )
  await assert.rejects(join(t, other, token), refused(401))
  await join(t, other, await one.ticket())
})

test('Two relays share one window of upgrades', async (t) => {
  const { one, other } = await setUpPair(t, { rateLimit: 3 })
  for (const relay of [one, other, one]) await join(t, relay, await one.ticket())
  const token = await one.ticket()
  await assert.rejects(join(t, other, token), refused(429))
  await assert.rejects(join(t, one, token), refused(429))
})

test('Two relays count sessions of a user and an address together, and a refused ticket stays good', async (t) => {
  for (const cap of [{ maxConnectionsPerUser: 1 }, { maxConnectionsPerIp: 1 }]) {
    const { one, other } = await setUpPair(t, cap)
    const first = await join(t, one, await one.ticket())
    const token = await one.ticket()
    assert.equal((await preview(other, token)).code, 'too_many_connections')
    await assert.rejects(join(t, other, token), refused(429))
    first.socket.close(1000)
    await one.ended(1)
    await until(async () => (await preview(other, token)).status === 426)
    await join(t, other, token)
  }
})

test('Two relays count all sessions together, and neither is ready when they are full', async (t) => {
  const { one, other } = await setUpPair(t, { maxConnections: 1 })
  await join(t, one, await one.ticket())
  for (const { url } of [one, other]) assert.equal((await fetch(`${url}/ready`)).status, 503)
  await assert.rejects(join(t, other, await one.ticket()), refused(503))
})

test('A relay has an address blocked that goes on after being refused, there and wherever tokens are issued', async (t) => {
  const { one, other } = await setUpPair(t, {
    rateLimit: 1,
    tokens: { suspiciousActivityThreshold: 2, maxRequests: 0 },
    authenticate: () => ({ user: 'ann' }),
  })
  await join(t, one, await one.ticket())
  const token = await one.ticket()
  assert.equal((await preview(one, token)).code, 'rate_limited')
  await assert.rejects(join(t, one, token), refused(429))
  assert.equal((await preview(other, token)).code, 'rate_limited')
  await assert.rejects(join(t, other, token), refused(429))
  const line = await other.logged('token blocked')
  assert.deepEqual([line['event'], line['key'], line['address']], ['blocked', 'ip', '127.0.0.1'])
  assert.equal((await preview(one, token)).code, 'blocked')
  assert.equal((await post(one.url, TOKEN)).answer.error.code, 'blocked')
})

test('A block is no less one where the audit log fails', async (t) => {
  const audit = () => {
    throw new TypeError('disk full')
  }
  const setup = await setUp(t, { rateLimit: 1, tokens: { suspiciousActivityThreshold: 1, audit } })
  await join(t, setup, await setup.ticket())
  await assert.rejects(join(t, setup, await setup.ticket()), refused(429))
  assert.equal((await setup.logged('audit failed'))['error'], 'TypeError')
  assert.equal((await preview(setup, await setup.ticket())).code, 'blocked')
})

test('A user whom the token service blocked opens no session at any relay', async (t) => {
  const { one, other } = await setUpPair(t, {
    authenticate: () => ({ user: 'user-1' }),
    tokens: { maxRequests: 1, suspiciousActivityThreshold: 1 },
    trustedProxies: 1,
  })
  // From an address of its own each time, so that only the user is over the limit.
  const ask = (address: string) => post(one.url, TOKEN, {}, { 'X-Forwarded-For': address })
  assert.equal((await ask('192.0.2.1')).status, 200)
  assert.equal((await ask('192.0.2.2')).answer.error.code, 'blocked')
  assert.equal((await preview(other, await one.ticket())).code, 'blocked')
  assert.equal((await preview(other, await one.ticket({ user: 'user-2' }))).status, 426)
})

test('A token issued at one instance is refreshed at the other, once', async (t) => {
  const { one, other } = await setUpPair(t, { authenticate: () => ({ user: 'ann' }) })
  const { answer } = await post(one.url, TOKEN)
  const next = await refresh(other.url, answer)
  assert.equal(next.status, 200)
  assert.equal((await refresh(one.url, answer)).answer.error.code, 'session_forbidden')
  assert.equal((await refresh(one.url, next.answer)).status, 200)
})

test('A token service of its own shares sessions, limits and blocks with a relay', async (t) => {
  const server = await RedisServer.start(t)
  const redis = redisOptions(server)
  const relay = await setUp(t, { redis, rateLimit: 2, authenticate: () => ({ user: 'ann' }) })
  const handler = createTokenService({
    allowedOrigins: ['https://app.example'],
    tickets: { secret: relay.secret },
    authenticate: () => ({ user: 'ann' }),
    maxRequests: 2,
    redis,
    logger: { info: () => {}, warn: () => {} },
  })
  const url = await serve(t, handler)
  t.after(() => handler.close())
  await until(async () => (await (await fetch(url + HEALTH)).json()).services.rateLimit === 'healthy')
  const { answer } = await post(url, TOKEN)
  assert.equal((await refresh(relay.url, answer)).status, 200)
  assert.equal((await post(relay.url, TOKEN)).status, 200)
  assert.equal((await post(url, TOKEN)).status, 429)
})

// R-LIMIT-8
test('A spent budget lets nobody in until the next day, ends live sessions, and gives no token', async (t) => {
  const { one, other, redis } = await setUpPair(t, {
    budgets: { tokensPerDay: 100 },
    authenticate: () => ({ user: 'user-1' }),
  })
  const client = await join(t, one, await one.ticket())
  const stranger = await join(t, one, await one.ticket({ user: 'user-2' }))
  // As a third instance would count it.
  const state = new RedisState(redis, { info: () => {}, warn: () => {} })
  t.after(() => state.close())
  await state.opened()
  await state.budgets.spend([{ user: 'user-1', tokens: 99, ms: 0 }])
  assert.equal((await preview(other, await one.ticket())).status, 426)
  await state.budgets.spend([{ user: 'user-1', tokens: 1, ms: 0 }])
  const { error } = await client.nextOfType('error')
  assert.deepEqual([error.code, error.type], ['budget_spent', 'rate_limit_error'])
  assert.deepEqual(await client.closed, { code: 4429, reason: 'budget_spent' })
  const token = await one.ticket()
  const { status, code, retryAfter } = await preview(other, token)
  assert.deepEqual([status, code], [429, 'budget_spent'])
  const midnight = Math.ceil((86_400_000 - (Date.now() % 86_400_000)) / 1000)
  assert.ok(Math.abs(retryAfter - midnight) <= 5)
  await assert.rejects(join(t, other, token), refused(429))
  assert.equal((await post(other.url, TOKEN)).answer.error.code, 'budget_spent')
  assert.equal(stranger.socket.readyState, stranger.socket.OPEN)
})

// R-TICKET-14
test('A revoked user is out everywhere: live sessions, tickets and refreshes, and comes in again', async (t) => {
  const { one, other } = await setUpPair(t, { authenticate: () => ({ user: 'user-1' }) })
  const clients = [await join(t, one, await one.ticket()), await join(t, other, await one.ticket())]
  const stranger = await join(t, other, await one.ticket({ user: 'user-2' }))
  const token = await one.ticket()
  const { answer } = await post(one.url, TOKEN)
  assert.equal(await one.relay.revoke({ user: 'user-1' }), true)
  for (const client of clients) {
    assert.equal((await client.nextOfType('error')).error.code, 'revoked')
    assert.deepEqual(await client.closed, { code: 4403, reason: 'revoked' })
  }
  for (const relay of [one, other]) {
    const { status, code } = await preview(relay, token)
    assert.deepEqual([status, code], [401, 'revoked'])
    await assert.rejects(join(t, relay, token), refused(401))
  }
  const refreshed = await refresh(other.url, answer)
  assert.deepEqual([refreshed.status, refreshed.answer.error.code], [401, 'revoked'])
  assert.equal(stranger.socket.readyState, stranger.socket.OPEN)
  // Tickets say when they were issued in whole seconds: the next second is after the revocation.
  await until(async () => (await preview(one, await one.ticket())).status === 426)
  await join(t, other, await one.ticket())
})

test('A revoked ticket is out everywhere, and only it', async (t) => {
  const { one, other } = await setUpPair(t, { authenticate: () => ({ user: 'user-1' }) })
  const token = await one.ticket()
  const client = await join(t, other, token)
  const bystander = await join(t, other, await one.ticket())
  await one.relay.revoke({ ticket: String(decodeJwt(token).jti) })
  assert.deepEqual(await client.closed, { code: 4403, reason: 'revoked' })
  assert.equal((await preview(other, token)).code, 'revoked')
  const { answer } = await post(one.url, TOKEN)
  await other.relay.revoke({ ticket: String(decodeJwt(answer.token).jti) })
  assert.equal((await refresh(one.url, answer)).answer.error.code, 'revoked')
  assert.equal((await preview(one, answer.token)).code, 'revoked')
  assert.equal(bystander.socket.readyState, bystander.socket.OPEN)
})

test('A revocation that was published while the connection was gone is found when it is back', async (t) => {
  const { one, other, server, redis } = await setUpPair(t)
  const client = await join(t, other, await one.ticket())
  await server.kill()
  const away = 'redis is away: every instance counts for itself'
  await Promise.all([one.logged(away), other.logged(away)])
  assert.equal(await one.relay.revoke({ user: 'user-1' }), false, 'nobody else was told yet')
  assert.equal((await preview(one, await one.ticket())).code, 'revoked')
  assert.equal(client.socket.readyState, client.socket.OPEN)
  await server.start()
  assert.deepEqual(await client.closed, { code: 4403, reason: 'revoked' })
  // An instance that starts later knows it, too.
  const third = await setUp(t, { redis, tickets: { secret: one.secret } })
  const early = await third.relay.revoke({ ticket: 'another' })
  assert.equal(early, true)
})

test('An operator revokes over HTTP, with the token and not without', async (t) => {
  const adminToken: string = randomUUID()
  const { one, other } = await setUpPair(t, { adminToken, prefix: '/voice' })
  const ask = (body: unknown, token = adminToken) =>
    post(one.url, `/voice${ADMIN}`, body, { Authorization: `Bearer ${token}` })
  const at = { ...other, url: `${other.url}/voice` }
  const token = await one.ticket()
  const client = await join(t, at, token)
  for (const wrong of ['', adminToken.slice(1), `${adminToken}x`]) {
    const { status, answer } = await ask({ user: 'user-1' }, wrong)
    assert.deepEqual([status, answer.error.code], [401, 'unauthenticated'])
  }
  assert.equal((await fetch(`${one.url}/voice${ADMIN}`)).status, 401, 'not even the method is told')
  for (const body of [{}, { user: '' }, { user: 7 }, '{']) assert.equal((await ask(body)).status, 400)
  assert.equal(client.socket.readyState, client.socket.OPEN)
  assert.deepEqual((await ask({ user: 'user-1' })).answer, { success: true, shared: true })
  assert.equal((await client.closed).code, 4403)
  const ticket = randomUUID()
  assert.equal((await ask({ ticket })).status, 200)
  const line = await one.logged('token revoked')
  assert.match(String(line['user']), /^[0-9a-f]{16}$/)
  assert.ok(one.log().includes(ticket) && !one.log().includes('user-1') && !one.log().includes(adminToken))
})

test('Without a token of the operator there is nothing to revoke at, and a short one is refused', async (t) => {
  const { url } = await setUp(t)
  assert.equal((await post(url, ADMIN, { user: 'user-1' })).status, 404)
  await assert.rejects(
    setUp(t, { adminToken: 'fifteen letters' }),
    /adminToken must have at least 16 characters/,
  )
})

test('A relay that was killed gives its places back when their time is over', async (t) => {
  const server = await RedisServer.start(t)
  const redis = redisOptions(server, { leaseMs: 1000 })
  const survivor = await setUp(t, { redis, maxConnectionsPerUser: 1 })
  const options: RelayOptions = {
    openai: { apiKey: randomUUID(), url: survivor.upstream.url },
    allowedOrigins: ['https://app.example'],
    tickets: { secret: survivor.secret },
    redis,
  }
  const child = spawn(process.execPath, [INSTANCE], {
    env: { RELAY_OPTIONS: JSON.stringify(options) },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.after(() => child.kill('SIGKILL'))
  const [url] = (await once(createInterface({ input: child.stdout! }), 'line')) as [string]
  await join(t, { ...survivor, url }, await survivor.ticket())
  const token = await survivor.ticket()
  // Three times as long as a place is held without being renewed.
  const endsAt = performance.now() + 3000
  await until(async () => {
    assert.equal(
      (await preview(survivor, token)).code,
      'too_many_connections',
      'a living one keeps its place',
    )
    return performance.now() > endsAt
  })
  child.kill('SIGKILL')
  await until(async () => (await preview(survivor, token)).status === 426)
  await join(t, survivor, token)
})

test('A relay starts without Redis, serves, says that it is degraded, and shares when there is one', async (t) => {
  const server = await RedisServer.start(t, { running: false })
  const redis = redisOptions(server)
  const one = await setUp(t, { redis, rateLimit: 2 })
  const other = await setUp(t, { redis, rateLimit: 2, tickets: { secret: one.secret } })
  const health = async () => (await (await fetch(one.url + HEALTH)).json()).services.rateLimit
  assert.equal(await health(), 'degraded')
  const token = await one.ticket()
  await join(t, one, token)
  await assert.rejects(join(t, one, token), refused(401))
  const store = await post(one.url, REFRESH, { sessionId: 'any' }, { Authorization: 'Bearer any' })
  assert.deepEqual([store.status, store.answer.error.code], [503, 'sessions_unavailable'])
  await server.start()
  await Promise.all([one.logged('redis is back'), other.logged('redis is back')])
  assert.equal(await health(), 'healthy')
  await until(async () => (await preview(other, token)).code === 'ticket_used')
})

// R-LIMIT-9
test('A relay whose Redis hangs goes on serving from memory', async (t) => {
  const server = await RedisServer.start(t)
  const one = await setUp(t, { redis: redisOptions(server, { timeoutMs: 40 }), rateLimit: 3 })
  await until(async () => (await (await fetch(one.url + HEALTH)).json()).services.rateLimit === 'healthy')
  server.pause()
  for (let i = 0; i < 3; i += 1) await join(t, one, await one.ticket())
  await assert.rejects(join(t, one, await one.ticket()), refused(429))
  const lines = one
    .log()
    .split('\n')
    .filter((line) => line.includes('redis is away'))
  assert.equal(lines.at(-1)?.includes('"error":"timeout"'), true)
  server.resume()
  await one.logged('redis is back')
})

test('Relay and token service agree in memory where they are given the same state', async (t) => {
  const state = new MemoryState()
  const relay = await setUp(t, { state })
  const service = await startService(t, { state, tickets: { secret: relay.secret } })
  const { answer } = await post(service.url, TOKEN)
  assert.equal((await refresh(relay.url, answer)).status, 200)
  const client = await join(t, relay, answer.token)
  await state.revocations.revoke({ user: 'ann' })
  assert.equal((await client.closed).code, 4403)
  await relay.relay.close()
  assert.equal((await state.windows.take('still open', { windowMs: 1000, maxRequests: 1 })).allowed, true)
  assert.throws(
    () => createTokenService({ allowedOrigins: [], state, redis: { url: 'redis://127.0.0.1:1' } }),
    /only one of redis and state/,
  )
})
