import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConnectionLimits, checkRate, clientAddress, rateHeaders, SlidingWindow } from '../src/limits.ts'

// R-LIMIT-4
test('SlidingWindow.take() never allows more than its number in any stretch of its length', () => {
  let now = 0
  const window = new SlidingWindow({ windowMs: 1000, maxRequests: 10 }, () => now)
  const allowed: number[] = []
  for (let step = 0; step < 5000; step += 1) {
    now += (step * 7919) % 60
    if (window.take('key').allowed) allowed.push(now)
  }
  assert.ok(allowed.length > 1000)
  for (const [index, time] of allowed.entries()) {
    const eleventh = allowed[index + 10]
    if (eleventh !== undefined) assert.ok(eleventh - time >= 1000, `11 from ${time} to ${eleventh}`)
  }
})

test('SlidingWindow.take() says when to come back, and is right', () => {
  let now = 5
  const window = new SlidingWindow({ windowMs: 1000, maxRequests: 2 }, () => now)
  assert.equal(window.take('a').remaining, 1)
  now = 300
  assert.equal(window.take('a').remaining, 0)
  const refused = window.take('a')
  assert.deepEqual(refused, { allowed: false, limit: 2, remaining: 0, retryAfterMs: 705 })
  assert.equal(window.take('b').allowed, true, 'another key is not concerned')
  now += refused.retryAfterMs
  assert.equal(window.peek('a').allowed, true)
  assert.equal(window.take('a').allowed, true)
  assert.equal(window.take('a').allowed, false)
})

test('SlidingWindow.take() allows everything where its number is 0', () => {
  const window = new SlidingWindow({ windowMs: 1000, maxRequests: 0 })
  for (let index = 0; index < 100; index += 1) assert.equal(window.take('a').allowed, true)
  assert.deepEqual(rateHeaders(window.peek('a')), {})
})

test('SlidingWindow forgets the oldest of 100,000 keys', () => {
  const window = new SlidingWindow({ windowMs: 1000, maxRequests: 1 }, () => 0)
  for (let index = 0; index <= 100_000; index += 1) window.take(String(index))
  assert.equal(window.peek('0').allowed, true)
  assert.equal(window.peek('1').allowed, false)
})

test('checkRate() throws what the answer needs', () => {
  const verdict = { allowed: false, limit: 3, remaining: 0, retryAfterMs: 1500 }
  assert.throws(() => checkRate(verdict), { status: 429, code: 'rate_limited', retryAfterSeconds: 2 })
})

test('ConnectionLimits counts in all, per address and per user, and gives places back once', () => {
  const limits = new ConnectionLimits()
  const caps = { total: 3, perIp: 2, perUser: 1 }
  const a = { ip: '192.0.2.1', user: 'a' }
  const b = { ip: '192.0.2.1', user: null }
  const giveBack = limits.hold(a)
  assert.equal(limits.check(a, caps), 'user')
  assert.equal(limits.check(b, caps), null)
  limits.hold(b)
  assert.equal(limits.check(b, caps), 'ip')
  assert.equal(limits.check({ ip: '192.0.2.2', user: 'b' }, caps), null)
  limits.hold({ ip: '192.0.2.2', user: 'b' })
  assert.equal(limits.check({ ip: '192.0.2.3', user: 'c' }, caps), 'total')
  giveBack()
  giveBack()
  assert.equal(limits.total, 2)
  assert.equal(limits.check(a, caps), null)
})

test('ConnectionLimits keeps an address and a user of the same name apart', () => {
  const limits = new ConnectionLimits()
  limits.hold({ ip: 'x', user: null })
  assert.equal(limits.check({ ip: 'y', user: 'x' }, { total: 0, perIp: 0, perUser: 1 }), null)
})

// R-LIMIT-6
test('clientAddress() believes exactly as many entries as there are proxies', () => {
  assert.equal(clientAddress('192.0.2.1', '203.0.113.1', 0), '192.0.2.1')
  assert.equal(clientAddress('192.0.2.1', '203.0.113.1', 1), '203.0.113.1')
  assert.equal(clientAddress('192.0.2.1', '198.51.100.9, 203.0.113.1', 1), '203.0.113.1')
  assert.equal(clientAddress('192.0.2.1', '198.51.100.9, 203.0.113.1', 2), '198.51.100.9')
  assert.equal(clientAddress('192.0.2.1', '', 1), '192.0.2.1')
  assert.equal(clientAddress('192.0.2.1', 'nonsense', 1), '192.0.2.1')
  assert.equal(clientAddress('192.0.2.1', '203.0.113.1', 2), '192.0.2.1')
})

test('clientAddress() knows the client where a proxy writes the port as well', () => {
  assert.equal(clientAddress('192.0.2.1', '198.51.100.9, 203.0.113.1:4711', 1), '203.0.113.1')
  assert.equal(clientAddress('192.0.2.1', '[2001:db8:1:2::9]:4711', 1), '2001:db8:1:2::/64')
  assert.equal(clientAddress('192.0.2.1', '[2001:db8:1:2::9]', 1), '2001:db8:1:2::/64')
  for (const entry of ['203.0.113.1:', '[203.0.113.1', '[nonsense]:1', '203.0.113.1:x']) {
    assert.equal(clientAddress('192.0.2.1', entry, 1), '192.0.2.1')
  }
})

// R-LIMIT-2
test('clientAddress() counts an IPv6 client by its /64', () => {
  assert.equal(clientAddress('::ffff:192.0.2.1', '', 0), '192.0.2.1')
  assert.equal(clientAddress('2001:db8:1:2:3:4:5:6', '', 0), '2001:db8:1:2::/64')
  assert.equal(clientAddress('2001:db8:1:2::9', '', 0), '2001:db8:1:2::/64')
  assert.equal(clientAddress('2001:DB8::1', '', 0), '2001:db8:0:0::/64')
  assert.equal(clientAddress('::1', '', 0), '0:0:0:0::/64')
  assert.equal(clientAddress('fe80::1%eth0', '', 0), 'fe80:0:0:0::/64')
})
