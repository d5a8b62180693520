import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { Redis } from 'ioredis'
import { pino } from 'pino'
import { RedisState, type TokenSession } from '../src/index.ts'
import { nameOf } from '../src/state/memory-revocations.ts'
import { RedisServer, redisOptions, until } from './support/redis.ts'
import { LogLines } from './support/relays.ts'

const NO_CAPS = { total: 0, perIp: 0, perUser: 0 }
const ONE_EACH = { total: 0, perIp: 0, perUser: 1 }
const BACK = 'redis is back'

/** A state that is connected, with its log; closed when the test is over. */
async function openRedis(t: TestContext, options: ConstructorParameters<typeof RedisState>[0]) {
  const log = new LogLines()
  const state = new RedisState(options, pino({ base: null }, log))
  t.after(() => state.close())
  await state.opened()
  return { state, log }
}

/** A client of the same server that sees what is there. */
function spy(t: TestContext, server: RedisServer): Redis {
  const redis = new Redis(server.url)
  t.after(() => redis.disconnect())
  return redis
}

function session(tokenHash: string): TokenSession {
  return {
    claims: { user: 'ann' },
    mode: 'relay',
    origin: null,
    tokenHash,
    expiresAt: Date.now(),
    refreshes: 0,
  }
}

// R-LIMIT-9
test('RedisState.windows of one key and another length do not cut off each other', async (t) => {
  const server = await RedisServer.start(t)
  const options = redisOptions(server)
  const [{ state: one }, { state: other }] = [await openRedis(t, options), await openRedis(t, options)]
  const long = { windowMs: 60_000, maxRequests: 2 }
  const short = { windowMs: 1, maxRequests: 1 }
  for (let count = 0; count < 2; count += 1) assert.equal((await one.windows.take('a', long)).allowed, true)
  await until(async () => (await other.windows.take('a', short)).allowed)
  assert.equal((await other.windows.take('a', long)).allowed, false)
})

// R-LIMIT-4, R-LIMIT-9
test('RedisState.windows and blocks hold over the loss of all that Redis had, at whoever counted', async (t) => {
  const server = await RedisServer.start(t)
  const { state, log } = await openRedis(t, redisOptions(server))
  const window = { windowMs: 60_000, maxRequests: 2 }
  const block = { suspiciousActivityThreshold: 1, blockDuration: 60_000 }
  assert.equal((await state.windows.take('a', window)).allowed, true)
  await server.kill()
  await log.find('redis is away: every instance counts for itself')
  assert.equal((await state.windows.take('a', window)).allowed, true)
  assert.equal(await state.blocks.violate('a', block), true)
  await server.start()
  await log.find(BACK)
  assert.equal((await state.windows.peek('a', window)).allowed, false)
  assert.equal((await state.windows.take('a', window)).allowed, false)
  assert.ok((await state.blocks.remainingMs('a')) > 0)
})

test('RedisState.blocks are not shortened by an instance that blocks for less', async (t) => {
  const server = await RedisServer.start(t)
  const options = redisOptions(server)
  const [{ state: one }, { state: other }] = [await openRedis(t, options), await openRedis(t, options)]
  await one.blocks.violate('a', { suspiciousActivityThreshold: 1, blockDuration: 600_000 })
  await other.blocks.violate('a', { suspiciousActivityThreshold: 1, blockDuration: 1000 })
  assert.ok((await other.blocks.remainingMs('a')) > 500_000)
})

test('RedisState.sessions leave nothing in Redis for ever, whether anybody counts them or not', async (t) => {
  const server = await RedisServer.start(t)
  const options = redisOptions(server)
  const { state } = await openRedis(t, options)
  const redis = spy(t, server)
  await state.sessions.add('first', session('a'), Date.now() + 1)
  const index = `${options.prefix}sessions`
  await until(async () => (await redis.zcard(index)) === 0 || (await redis.pttl(index)) === -1)
  assert.notEqual(await redis.pttl(index), -1, 'the index expires, too')
  await state.sessions.add('long', session('b'), Date.now() + 60_000)
  await redis.zadd(index, 1, 'expired')
  await state.sessions.add('short', session('c'), Date.now() + 1000)
  assert.equal(await redis.zscore(index, 'expired'), null, 'what has expired goes without being counted')
  assert.ok((await redis.pttl(index)) > 50_000, 'a short session does not end the index of a long one')
})

test('RedisState.sessions live as long as they should where the clock of Redis is another', async (t) => {
  const server = await RedisServer.start(t)
  const { state } = await openRedis(t, redisOptions(server))
  // An instance whose clock is an hour behind that of Redis.
  const behind = Date.now() - 3_600_000
  const clock = t.mock.method(Date, 'now', () => behind)
  await state.sessions.add('id', session('a'), behind + 60_000)
  clock.mock.restore()
  assert.equal((await state.sessions.get('id'))?.tokenHash, 'a')
  assert.equal(await state.sessions.count(), 1)
})

test('RedisState.leases do not renew a place that was given back meanwhile', async (t) => {
  const server = await RedisServer.start(t)
  const options = redisOptions(server)
  const { state, log } = await openRedis(t, options)
  const users = Array.from({ length: 600 }, (_, index) => ({ ip: '192.0.2.1', user: `user-${index}` }))
  const leases = await Promise.all(users.map((user) => state.leases.hold(user, NO_CAPS)))
  await server.kill()
  await log.find('redis is away: every instance counts for itself')
  await server.start()
  await log.find(BACK)
  // More are held than are renewed at once: the first of them are under way, and this is one of the last.
  const given = leases[550]!
  assert.ok(given.refusedBy === null)
  given.release()
  const { state: other } = await openRedis(t, options)
  await until(async () => (await other.leases.check(users.at(-1)!, ONE_EACH)) === 'user')
  assert.equal(await other.leases.check(users[550]!, ONE_EACH), null)
})

test('RedisState.leases outlive those of an instance that holds them for less', async (t) => {
  const server = await RedisServer.start(t)
  const options = redisOptions(server)
  const { state: one } = await openRedis(t, options)
  const { state: other } = await openRedis(t, { ...options, leaseMs: 1000 })
  const redis = spy(t, server)
  const ann = { ip: '192.0.2.1', user: 'ann' }
  await one.leases.hold(ann, NO_CAPS)
  await other.leases.hold(ann, NO_CAPS)
  for (const key of await redis.keys(`${options.prefix}leases*`)) {
    assert.ok((await redis.pttl(key)) > 50_000, key)
  }
})

test('RedisState.revocations are all read when Redis is back, those too that were told late', {
  timeout: 30_000,
}, async (t) => {
  const server = await RedisServer.start(t)
  const options = redisOptions(server)
  const redis = spy(t, server)
  const [early, late] = ['early', 'late'].map((user) => ({ user, ticket: null, issuedAt: 1 }))
  const { state: first } = await openRedis(t, options)
  await first.revocations.revoke({ user: 'early' })
  const { state, log } = await openRedis(t, options)
  const knows = (holder: typeof early) => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const look = () => state.revocations.knows(holder!) && resolve()
    state.revocations.subscribe(look)
    look()
    return promise
  }
  await knows(early)
  // The connection for commands is lost and the one for messages stays, when an instance that was away for long
  // tells what it revoked two minutes ago, and the message is not heard.
  const key = `${options.prefix}revoked`
  const told = redis.multi().zadd(key, Date.now() - 120_000, nameOf({ user: 'late' }))
  await told.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes').exec()
  await log.find(BACK)
  await knows(late)
})

test('RedisState.revocations reach all instances where their user of Redis may use no channel', {
  timeout: 30_000,
}, async (t) => {
  const server = await RedisServer.start(t)
  const redis = spy(t, server)
  const options = redisOptions(server)
  const password = randomUUID()
  await redis.call('ACL', 'SETUSER', 'relay', 'on', `>${password}`, `~${options.prefix}*`, '+@all')
  const url = server.url.replace('//', `//relay:${password}@`)
  const { state, log } = await openRedis(t, { ...options, url })
  const { state: other } = await openRedis(t, { ...options, url })
  assert.equal(await state.revocations.revoke({ user: 'eve' }), true)
  assert.equal(await other.revocations.has({ user: 'eve', ticket: null, issuedAt: 1 }), true)
  assert.equal(log.text, '', 'Redis is no less there')
})

test('RedisState.budgets count what is more than Redis can add up as the most there is', async (t) => {
  const server = await RedisServer.start(t)
  const { state, log } = await openRedis(t, redisOptions(server))
  const enormous = [{ user: 'ann', tokens: 1e21, ms: 1 }]
  assert.deepEqual(await state.budgets.spend(enormous), [{ tokens: 1e12, ms: 1 }])
  assert.equal(state.status, 'healthy')
  assert.equal(log.text, '')
})

test('RedisState.revocations are there again in a Redis that has lost its data', {
  timeout: 30_000,
}, async (t) => {
  const server = await RedisServer.start(t)
  const options = redisOptions(server)
  const { state, log } = await openRedis(t, options)
  await state.revocations.revoke({ user: 'eve' })
  await state.revocations.revoke({ ticket: 'one' })
  await server.kill()
  await log.find('redis is away: every instance counts for itself')
  await server.start()
  await log.find(BACK)
  const { state: later } = await openRedis(t, options)
  await until(() => later.revocations.has({ user: 'eve', ticket: null, issuedAt: 1 }))
  await until(() => later.revocations.has({ user: 'ann', ticket: 'one', issuedAt: Date.now() }))
  assert.equal(await later.revocations.has({ user: 'eve', ticket: null, issuedAt: Date.now() + 1000 }), false)
})
