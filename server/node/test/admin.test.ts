import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { setUp } from './support/relays.ts'
import { post } from './support/token-services.ts'

const ADMIN = '/admin/revoke'

test('AdminEndpoints bound how often an address may guess the token, by whatever method', async (t) => {
  const adminToken: string = randomUUID()
  const { url, logged } = await setUp(t, {
    adminToken,
    rateLimit: 3,
    trustedProxies: 1,
    tokens: { suspiciousActivityThreshold: 2 },
  })
  const from = (address: string) => ({ 'X-Forwarded-For': address })
  const guess = (method: string, address = '192.0.2.1', token: string = randomUUID()) =>
    fetch(url + ADMIN, { method, headers: { Authorization: `Bearer ${token}`, ...from(address) } })
  const right = (address: string) =>
    post(url, ADMIN, { user: 'user-1' }, { Authorization: `Bearer ${adminToken}`, ...from(address) })
  // Who is right counts for nothing.
  for (let count = 0; count < 5; count += 1) assert.equal((await right('192.0.2.1')).status, 200)
  for (const method of ['POST', 'GET', 'OPTIONS']) assert.equal((await guess(method)).status, 401)
  const refused = await guess('POST')
  assert.equal(refused.status, 429)
  assert.ok(Number(refused.headers.get('retry-after')) > 0)
  const late = await right('192.0.2.1')
  assert.deepEqual([late.status, late.answer.error.code], [429, 'rate_limited'], 'a hit is not told either')
  assert.equal((await guess('OPTIONS', '192.0.2.1', adminToken)).status, 429)
  assert.equal((await guess('GET')).status, 429)
  const line = await logged('token blocked')
  assert.deepEqual([line['event'], line['key'], line['address']], ['blocked', 'ip', '192.0.2.1'])
  assert.equal((await right('192.0.2.1')).answer.error.code, 'blocked')
  assert.equal((await right('192.0.2.2')).status, 200, 'elsewhere the operator is let in')
})
