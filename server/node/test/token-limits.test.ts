import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { test } from 'node:test'
import { Blocks, RequestLimits, tighter } from '../src/token-service/request-limits.ts'
import { setUp } from './support/relays.ts'
import { post, refresh, startService, TOKEN } from './support/token-services.ts'

/** A client at an address of its own, as a trusted proxy tells it. */
const from = (address: string, user = 'ann') => ({ 'X-Forwarded-For': address, Cookie: user })
const byCookie = {
  trustedProxies: 1,
  authenticate: (request: IncomingMessage) => ({ user: request.headers.cookie ?? '' }),
}

// R-QUOTA-1
test('Limits of the token service count per address and per user, and say when to come back', async (t) => {
  const { url } = await startService(t, { ...byCookie, maxRequests: 2, windowMs: 30_000 })
  const first = await post(url, TOKEN, {}, from('192.0.2.1', 'ann'))
  assert.equal(first.response.headers.get('ratelimit-limit'), '2')
  assert.equal(first.response.headers.get('ratelimit-remaining'), '1')
  assert.equal((await post(url, TOKEN, {}, from('192.0.2.2', 'ann'))).status, 200)
  const user = await post(url, TOKEN, {}, from('192.0.2.3', 'ann'))
  assert.deepEqual([user.status, user.answer.error.code], [429, 'rate_limited'])
  assert.equal((await post(url, TOKEN, {}, from('192.0.2.1', 'bob'))).status, 200)
  const address = await post(url, TOKEN, {}, from('192.0.2.1', 'eve'))
  assert.equal(address.status, 429)
  const { retryAfter } = address.answer.error
  assert.ok(retryAfter > 0 && retryAfter <= 30)
  assert.equal(address.response.headers.get('retry-after'), String(retryAfter))
  assert.equal(address.response.headers.get('ratelimit-remaining'), '0')
  assert.equal(address.response.headers.get('ratelimit-reset'), String(retryAfter))
})

// R-REFRESH-4
test('Limits of the token service leave room to refresh after the last token', async (t) => {
  const { url } = await startService(t, { maxRequests: 1 })
  const { answer } = await post(url, TOKEN)
  assert.equal((await post(url, TOKEN)).status, 429)
  const second = await refresh(url, answer)
  const third = await refresh(url, second.answer)
  assert.deepEqual([second.status, third.status], [200, 200])
  assert.equal((await refresh(url, third.answer)).status, 429)
})

// R-QUOTA-2, R-AUDIT-1
test('Suspicious activity has an address blocked, at refreshes too, and is in the audit log', async (t) => {
  const options = { ...byCookie, maxRequests: 1, suspiciousActivityThreshold: 3, blockDuration: 600_000 }
  const { url, audit } = await startService(t, options)
  const mine = from('192.0.2.1')
  const { answer } = await post(url, TOKEN, {}, mine)
  const codes: unknown[] = []
  for (let i = 0; i < 4; i += 1) codes.push((await post(url, TOKEN, {}, mine)).answer.error.code)
  assert.deepEqual(codes, ['rate_limited', 'rate_limited', 'blocked', 'blocked'])
  const blocked = await refresh(url, answer, mine)
  assert.deepEqual([blocked.status, blocked.answer.error.code], [429, 'blocked'])
  const { retryAfter } = blocked.answer.error
  assert.ok(retryAfter > 590 && retryAfter <= 600)
  assert.equal(blocked.response.headers.get('retry-after'), String(retryAfter))
  assert.equal(blocked.response.headers.get('ratelimit-remaining'), '0')
  assert.equal((await post(url, TOKEN, {}, from('192.0.2.2', 'bob'))).status, 200)
  const events = audit.map(({ event, code, key }) => [event, code, key])
  assert.deepEqual(events, [
    ['issued', null, null],
    ['refused', 'rate_limited', null],
    ['refused', 'rate_limited', null],
    ['blocked', null, 'ip'],
    ['refused', 'blocked', null],
    ['refused', 'blocked', null],
    ['refused', 'blocked', null],
    ['issued', null, null],
  ])
  assert.ok(audit.every(({ address }) => address.startsWith('192.0.2.')))
})

// R-QUOTA-2
test('Suspicious activity has a user blocked from wherever they come', async (t) => {
  const { url, audit } = await startService(t, {
    ...byCookie,
    ...{ maxRequests: 1, suspiciousActivityThreshold: 2 },
  })
  const codes: unknown[] = []
  for (let i = 1; i <= 4; i += 1) {
    codes.push((await post(url, TOKEN, {}, from(`192.0.2.${i}`))).answer.error?.code)
  }
  assert.deepEqual(codes, [undefined, 'rate_limited', 'blocked', 'blocked'])
  const record = audit.find(({ event }) => event === 'blocked')
  assert.equal(record?.key, 'user')
  assert.match(record?.user ?? '', /^[0-9a-f]{16}$/)
})

test('Suspicious activity can be ignored', async (t) => {
  const setup = await setUp(t, {
    authenticate: () => ({ user: 'ann' }),
    rateLimit: 1,
    tokens: { suspiciousActivityThreshold: 0 },
  })
  await post(setup.url, TOKEN)
  for (let i = 0; i < 12; i += 1) {
    assert.equal((await post(setup.url, TOKEN)).answer.error.code, 'rate_limited')
  }
})

test('Blocks end when their time is over, with a clean record', () => {
  let now = 0
  const blocks = new Blocks({ suspiciousActivityThreshold: 2, blockDuration: 100 }, () => now)
  assert.equal(blocks.violate('a'), false)
  now = 100
  assert.equal(blocks.violate('a'), false, 'the first is too long ago')
  now = 150
  assert.equal(blocks.violate('a'), true)
  assert.equal(blocks.remainingMs('a'), 100)
  assert.equal(blocks.remainingMs('b'), 0)
  now = 250
  assert.equal(blocks.remainingMs('a'), 0)
  assert.equal(blocks.violate('a'), false)
})

test('RequestLimits.take() without a limit counts nothing', () => {
  const blocks = new Blocks({ suspiciousActivityThreshold: 1, blockDuration: 100 })
  const limits = new RequestLimits({ windowMs: 100, maxRequests: 0 }, blocks)
  for (let i = 0; i < 5; i += 1) assert.equal(limits.take('ip', 'a', assert.fail).allowed, true)
})

test('tighter() is the verdict that leaves less', () => {
  const verdict = (remaining: number) => ({ allowed: true, limit: 5, remaining, retryAfterMs: 0 })
  assert.equal(tighter(verdict(3), verdict(1)).remaining, 1)
  assert.equal(tighter(verdict(1), verdict(3)).remaining, 1)
})
