import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { MemoryState, RedisState, type SharedState, type TokenSession } from '../src/index.ts'
import { RedisServer, redisOptions } from './support/redis.ts'

const silent = { info: () => {}, warn: () => {} }

interface Kind {
  readonly name: string
  /** Two views of one state, as two instances have them. */
  readonly open: (t: TestContext) => Promise<readonly [SharedState, SharedState]>
}

const KINDS: readonly Kind[] = [
  {
    name: 'MemoryState',
    open: async () => {
      const state = new MemoryState()
      return [state, state]
    },
  },
  {
    name: 'RedisState',
    open: async (t) => {
      const options = redisOptions(await RedisServer.start(t))
      const states = [new RedisState(options, silent), new RedisState(options, silent)] as const
      for (const state of states) {
        t.after(() => state.close())
        await state.opened()
        assert.equal(state.status, 'healthy')
      }
      return states
    },
  },
]

const ALICE = { ip: '192.0.2.1', user: 'alice' }
const UNKNOWN = { ip: '192.0.2.1', user: null }
const tokenSession = (tokenHash: string, expiresAt = Date.now() + 60_000): TokenSession => ({
  claims: { user: 'alice', maxSeconds: 60 },
  mode: 'relay',
  origin: 'https://app.example',
  tokenHash,
  expiresAt,
  refreshes: 0,
})

for (const { name, open } of KINDS) {
  test(`${name}.windows count for both, and say when to come back`, async (t) => {
    const [one, other] = await open(t)
    const options = { windowMs: 400, maxRequests: 2 }
    assert.deepEqual(await one.windows.take('a', options), {
      ...{ allowed: true, limit: 2, remaining: 1, retryAfterMs: 0 },
    })
    assert.equal((await other.windows.peek('a', options)).remaining, 1)
    assert.equal((await other.windows.take('a', options)).remaining, 0)
    const refused = await one.windows.take('a', options)
    assert.deepEqual([refused.allowed, refused.remaining], [false, 0])
    assert.ok(refused.retryAfterMs > 0 && refused.retryAfterMs <= 400)
    assert.equal((await one.windows.peek('a', options)).allowed, false)
    assert.equal((await one.windows.take('b', options)).allowed, true)
    await new Promise((resolve) => setTimeout(resolve, refused.retryAfterMs + 1))
    assert.equal((await other.windows.take('a', options)).allowed, true)
  })

  test(`${name}.windows without a limit count nothing`, async (t) => {
    const [one] = await open(t)
    const options = { windowMs: 1000, maxRequests: 0 }
    for (let i = 0; i < 5; i += 1) {
      assert.deepEqual(await one.windows.take('a', options), {
        ...{ allowed: true, limit: 0, remaining: 0, retryAfterMs: 0 },
      })
    }
  })

  test(`${name}.blocks shut out at both after so many refusals`, async (t) => {
    const [one, other] = await open(t)
    const options = { suspiciousActivityThreshold: 3, blockDuration: 60_000 }
    assert.equal(await one.blocks.violate('a', options), false)
    assert.equal(await other.blocks.violate('a', options), false)
    assert.equal(await other.blocks.remainingMs('a'), 0)
    assert.equal(await one.blocks.violate('a', options), true)
    const remaining = await other.blocks.remainingMs('a')
    assert.ok(remaining > 50_000 && remaining <= 60_000)
    assert.equal(await one.blocks.remainingMs('b'), 0)
    const never = { suspiciousActivityThreshold: 0, blockDuration: 60_000 }
    for (let i = 0; i < 3; i += 1) assert.equal(await one.blocks.violate('b', never), false)
  })

  test(`${name}.usedTickets lets one of many callers use a ticket`, async (t) => {
    const [one, other] = await open(t)
    const expiresAt = Date.now() / 1000 + 60
    assert.equal(await one.usedTickets.has('j'), false)
    const calls = Array.from({ length: 10 }, (_, i) => (i % 2 ? one : other).usedTickets.use('j', expiresAt))
    assert.equal((await Promise.all(calls)).filter(Boolean).length, 1)
    assert.deepEqual([await one.usedTickets.has('j'), await other.usedTickets.has('j')], [true, true])
    assert.equal(await one.usedTickets.use('k', expiresAt), true)
  })

  test(`${name}.leases hold in all, per address and per user, and give back once`, async (t) => {
    const [one, other] = await open(t)
    const caps = { total: 3, perIp: 2, perUser: 1 }
    const first = await one.leases.hold(ALICE, caps)
    assert.ok(first.refusedBy === null)
    assert.equal((await other.leases.hold(ALICE, caps)).refusedBy, 'user')
    assert.equal(await other.leases.check(ALICE, caps), 'user')
    assert.equal((await other.leases.hold(UNKNOWN, caps)).refusedBy, null)
    assert.equal(await one.leases.check(UNKNOWN, caps), 'ip')
    assert.equal((await one.leases.hold(UNKNOWN, caps)).refusedBy, 'ip')
    assert.equal(await one.leases.hasRoom(caps), true)
    assert.equal((await one.leases.hold({ ip: '192.0.2.2', user: 'bob' }, caps)).refusedBy, null)
    assert.equal((await other.leases.hold({ ip: '192.0.2.3', user: 'eve' }, caps)).refusedBy, 'total')
    assert.deepEqual([await one.leases.hasRoom(caps), await other.leases.hasRoom(caps)], [false, false])
    first.release()
    first.release()
    assert.equal(await one.leases.check(ALICE, caps), null)
    assert.equal((await one.leases.hold(ALICE, caps)).refusedBy, null)
    assert.equal((await other.leases.hold({ ip: '192.0.2.3', user: 'eve' }, caps)).refusedBy, 'total')
  })

  test(`${name}.leases never hold more than a cap, however many ask at once`, async (t) => {
    const [one, other] = await open(t)
    const caps = { total: 0, perIp: 7, perUser: 0 }
    const asked = Array.from({ length: 60 }, (_, i) => (i % 2 ? one : other).leases.hold(UNKNOWN, caps))
    const held = (await Promise.all(asked)).filter(({ refusedBy }) => refusedBy === null)
    assert.equal(held.length, 7)
  })

  test(`${name}.sessions keep a session, and let one of many replace it`, async (t) => {
    const [one, other] = await open(t)
    assert.equal(await one.sessions.get('s'), null)
    assert.equal(await one.sessions.count(), 0)
    const session = tokenSession('first')
    await one.sessions.add('s', session, session.expiresAt)
    assert.deepEqual(await other.sessions.get('s'), session)
    assert.equal(await other.sessions.count(), 1)
    const replaced = Array.from({ length: 6 }, (_, i) => {
      const next = { session: tokenSession(`next ${i}`), forgetAt: session.expiresAt }
      return (i % 2 ? one : other).sessions.replace('s', 'first', next)
    })
    const won = (await Promise.all(replaced)).indexOf(true)
    assert.equal((await Promise.all(replaced)).filter(Boolean).length, 1)
    assert.equal((await one.sessions.get('s'))?.tokenHash, `next ${won}`)
    const unknown = { session, forgetAt: session.expiresAt }
    assert.equal(await one.sessions.replace('nobody', 'first', unknown), false)
    await one.sessions.add('over', tokenSession('over'), Date.now() - 1)
    assert.equal(await other.sessions.get('over'), null)
    assert.equal(await other.sessions.count(), 1)
  })

  test(`${name}.budgets add up what both spend`, async (t) => {
    const [one, other] = await open(t)
    await one.budgets.spend([{ user: 'alice', tokens: 5, ms: 1000 }])
    const spent = await other.budgets.spend([
      { user: 'bob', tokens: 1, ms: 0 },
      { user: 'alice', tokens: 2, ms: 500 },
    ])
    assert.deepEqual(spent, [
      { tokens: 1, ms: 0 },
      { tokens: 7, ms: 1500 },
    ])
    assert.deepEqual(await one.budgets.spend([{ user: 'eve', tokens: 0, ms: 0 }]), [{ tokens: 0, ms: 0 }])
    assert.deepEqual(await one.budgets.spend([]), [])
  })

  test(`${name}.revocations reach both at once`, { timeout: 5000 }, async (t) => {
    const [one, other] = await open(t)
    const before = { user: 'alice', ticket: 'j1', issuedAt: Date.now() - 1000 }
    assert.equal(await one.revocations.has(before), false)
    const told = Promise.withResolvers<void>()
    const end = other.revocations.subscribe(told.resolve)
    assert.equal(await one.revocations.revoke({ user: 'alice' }), true)
    await told.promise
    assert.deepEqual([one.revocations.knows(before), other.revocations.knows(before)], [true, true])
    const after = { ...before, issuedAt: Date.now() + 60_000 }
    assert.equal(await other.revocations.has(after), false, 'what is issued later is good')
    assert.equal(await other.revocations.has({ ...before, user: 'bob' }), false)
    await one.revocations.revoke({ ticket: 'j1' })
    assert.equal(await other.revocations.has({ ...after, user: 'bob' }), true)
    assert.equal(await other.revocations.has({ ...after, ticket: 'j2' }), false)
    end()
  })
}
