import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Redis } from 'ioredis'
import { pino } from 'pino'
import { RedisState } from '../src/index.ts'
import { RedisServer, redisOptions, until } from './support/redis.ts'
import { LogLines } from './support/relays.ts'

const HAMMER = fileURLToPath(new URL('./support/hammer.ts', import.meta.url))
const CAPS = { total: 0, perIp: 0, perUser: 1 }
const ALICE = { ip: '192.0.2.1', user: 'alice' }
const WINDOW = { windowMs: 60_000, maxRequests: 3 }

/** A state with its log; closed when the test is over. */
function openRedis(t: TestContext, options: ConstructorParameters<typeof RedisState>[0]) {
  const log = new LogLines()
  const state = new RedisState(options, pino({ base: null }, log))
  t.after(() => state.close())
  return { state, log }
}

/** Runs a process that hammers one window, from the moment it is told to. */
function startHammer(t: TestContext, args: readonly string[]) {
  const child = spawn(process.execPath, [HAMMER, ...args], { stdio: ['pipe', 'pipe', 'inherit'] })
  t.after(() => child.kill('SIGKILL'))
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const next = async () => String((await lines.next()).value)
  return { child, next }
}

test('RedisState.windows are exact over four processes, wherever a window begins', {
  timeout: 60_000,
}, async (t) => {
  const server = await RedisServer.start(t)
  const prefix = `${randomUUID()}:`
  const [windowMs, maxRequests] = [500, 25]
  const args = [server.url, prefix, String(windowMs), String(maxRequests), '4000']
  const hammers = Array.from({ length: 4 }, () => startHammer(t, args))
  for (const { next } of hammers) assert.equal(await next(), 'ready')
  // What was allowed stands in Redis with the time of the decision until it leaves the window: read it in between.
  const redis = new Redis(server.url)
  t.after(() => redis.disconnect())
  const times = new Map<string, number>()
  const read = async () => {
    for (const key of await redis.keys(`${prefix}window:*`)) {
      const entries = await redis.zrangebyscore(key, '-inf', '+inf', 'WITHSCORES')
      for (let at = 0; at < entries.length; at += 2) times.set(entries[at]!, Number(entries[at + 1]))
    }
  }
  const reading = setInterval(() => void read(), 50)
  for (const { child } of hammers) child.stdin.write('go')
  const results = await Promise.all(hammers.map(async ({ next }) => JSON.parse(await next())))
  clearInterval(reading)
  await read()
  const total = (name: string) => results.reduce((sum, result) => sum + result[name], 0)
  assert.ok(results.every(({ status }) => status === 'healthy'))
  assert.ok(total('asked') > 5 * total('allowed'), `${total('asked')} asked`)
  assert.equal(times.size, total('allowed'), 'every decision was seen')
  assert.ok(times.size >= 7 * maxRequests, 'and there was room for as many as there may be')
  const sorted = [...times.values()].sort((a, b) => a - b)
  for (const [index, time] of sorted.entries()) {
    const oneTooMany = sorted[index + maxRequests]
    if (oneTooMany !== undefined) assert.ok(oneTooMany - time >= windowMs * 1000)
  }
})

test('RedisState hides users, addresses, tickets and sessions in its keys, and keeps to its prefix', async (t) => {
  const server = await RedisServer.start(t, { password: randomUUID() })
  const options = redisOptions(server)
  const { state, log } = openRedis(t, options)
  await state.opened()
  await state.windows.take('ip 192.0.2.77', WINDOW)
  await state.blocks.violate('user alice', { suspiciousActivityThreshold: 1, blockDuration: 60_000 })
  await state.usedTickets.use('jti-1', Date.now() / 1000 + 60)
  await state.leases.hold({ ip: '192.0.2.77', user: 'alice' }, CAPS)
  await state.budgets.spend([{ user: 'alice', tokens: 1, ms: 1 }])
  await state.revocations.revoke({ user: 'alice' })
  const redis = new Redis(server.url)
  t.after(() => redis.disconnect())
  const keys = await redis.keys('*')
  assert.ok(keys.length >= 7)
  for (const key of keys) {
    assert.ok(key.startsWith(options.prefix!), key)
    assert.doesNotMatch(key, /alice|192\.0|jti/)
    // A probe lives for a second, all others as long as they are needed: nothing stays for ever.
    assert.notEqual(await redis.pttl(key), -1, key)
  }
  assert.equal(log.text, '', 'with the password of the URL it was let in')
})

test('RedisState starts without Redis, counts for itself, and shares as soon as there is one', async (t) => {
  const server = await RedisServer.start(t, { running: false })
  const options = redisOptions(server)
  const { state, log } = openRedis(t, options)
  await state.opened()
  assert.equal(state.status, 'degraded')
  assert.deepEqual(
    (await log.find('redis is away: every instance counts for itself'))[0]!['error'],
    'ECONNREFUSED',
  )
  const used = { id: randomUUID(), expiresAt: Date.now() / 1000 + 60 }
  for (const allowed of [true, true, true, false]) {
    assert.equal((await state.windows.take('a', WINDOW)).allowed, allowed)
  }
  assert.equal(await state.usedTickets.use(used.id, used.expiresAt), true)
  assert.equal(await state.usedTickets.use(used.id, used.expiresAt), false)
  assert.equal((await state.leases.hold(ALICE, CAPS)).refusedBy, null)
  assert.equal((await state.leases.hold(ALICE, CAPS)).refusedBy, 'user')
  await state.budgets.spend([{ user: 'alice', tokens: 3, ms: 0 }])
  assert.deepEqual(await state.budgets.spend([{ user: 'alice', tokens: 4, ms: 0 }]), [{ tokens: 7, ms: 0 }])
  assert.equal(await state.revocations.revoke({ user: 'eve' }), false, 'others were not told yet')
  await assert.rejects(state.sessions.count())

  await server.start()
  await log.find('redis is back')
  assert.equal(state.status, 'healthy')
  assert.equal(log.text.trim().split('\n').length, 2, 'one line when it went, one when it came')
  // All that was held or counted meanwhile is there for another instance.
  const { state: other } = openRedis(t, options)
  await other.opened()
  await until(async () => other.usedTickets.has(used.id))
  assert.equal(await other.usedTickets.use(used.id, used.expiresAt), false)
  assert.equal(await other.leases.check(ALICE, CAPS), 'user')
  const [spent] = await other.budgets.spend([{ user: 'alice', tokens: 0, ms: 0 }])
  assert.equal(spent?.tokens, 7)
  assert.equal(await other.revocations.has({ user: 'eve', ticket: null, issuedAt: 1 }), true)
})

test('RedisState goes on when Redis is killed, and registers its places again in an empty one', async (t) => {
  const server = await RedisServer.start(t)
  const options = redisOptions(server)
  const { state, log } = openRedis(t, options)
  await state.opened()
  const held = await state.leases.hold(ALICE, CAPS)
  assert.ok(held.refusedBy === null)
  for (let i = 0; i < 3; i += 1) assert.equal((await state.windows.take('a', WINDOW)).allowed, true)
  await server.kill()
  await log.find('redis is away: every instance counts for itself')
  assert.equal((await state.windows.take('a', WINDOW)).allowed, false, 'it remembers what it allowed itself')
  assert.equal((await state.leases.hold(ALICE, CAPS)).refusedBy, 'user')
  await server.start()
  await log.find('redis is back')
  const { state: other } = openRedis(t, options)
  await other.opened()
  assert.equal((await other.leases.hold(ALICE, CAPS)).refusedBy, 'user')
  held.release()
  await until(async () => (await other.leases.check(ALICE, CAPS)) === null)
})

test('RedisState decides without a Redis that hangs, and asks it no more until it answers', async (t) => {
  const server = await RedisServer.start(t)
  const { state, log } = openRedis(t, redisOptions(server, { timeoutMs: 40 }))
  await state.opened()
  await until(async () => state.status === 'healthy')
  server.pause()
  const startedAt = performance.now()
  const verdicts = await Promise.all(Array.from({ length: 4 }, () => state.windows.take('a', WINDOW)))
  const first = performance.now() - startedAt
  assert.equal(state.status, 'degraded')
  const [line] = await log.find('redis is away: every instance counts for itself')
  assert.equal(line!['error'], 'timeout')
  assert.deepEqual(
    verdicts.map(({ allowed }) => allowed),
    [true, true, true, false],
  )
  assert.ok(first >= 39, 'it was asked')
  // From here on nothing waits: each answer is there before a timer of no length can fire.
  const fired = new Promise<string>((resolve) => setTimeout(resolve, 0, 'timer'))
  const answered = (async () => {
    for (let i = 0; i < 20; i += 1) await state.windows.take('a', WINDOW)
    await state.leases.hold(ALICE, CAPS)
    await state.usedTickets.use('j', Date.now() / 1000 + 60)
    return 'memory'
  })()
  assert.equal(await Promise.race([fired, answered]), 'memory')
  server.resume()
  await log.find('redis is back')
  assert.equal(state.status, 'healthy')
})
