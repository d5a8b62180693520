import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { MemorySessionStore } from '../src/index.ts'
import { ProviderHealth } from '../src/token-service/provider-health.ts'
import { connect, rawServer } from './support/peers.ts'
import { ORIGIN, setUp } from './support/relays.ts'
import { HEALTH, post, refresh, startService, TOKEN } from './support/token-services.ts'

async function health(url: string) {
  const response = await fetch(url + HEALTH)
  // biome-ignore lint/suspicious/noExplicitAny: the shape is what is being tested
  return { status: response.status, report: (await response.json()) as any }
}

// R-HEALTH-1, R-HEALTH-3
test('health tells its shape and nothing else', async (t) => {
  const { url } = await startService(t)
  const { answer } = await post(url, TOKEN)
  await refresh(url, answer)
  await post(url, TOKEN, '{')
  const { status, report } = await health(url)
  assert.equal(status, 200)
  const { uptime, version, metrics, ...rest } = report
  const { averageResponseTime, ...counts } = metrics
  const services = { provider: 'healthy', rateLimit: 'healthy', sessions: 'healthy' }
  assert.deepEqual(rest, { status: 'healthy', services })
  assert.deepEqual(counts, { totalRequests: 3, activeSessions: 1, totalRefreshes: 1, errorRate: 0 })
  assert.ok(uptime >= 0 && averageResponseTime > 0 && averageResponseTime < 1000)
  const packageText = readFileSync(new URL('../package.json', import.meta.url), 'utf8')
  assert.equal(version, JSON.parse(packageText).version)
})

// R-HEALTH-1
test('health is 503 while the store of sessions fails', async (t) => {
  const sessions = new MemorySessionStore()
  const { url } = await startService(t, { sessions })
  const broken = t.mock.method(sessions, 'count', () => Promise.reject(new Error('away')))
  const { status, report } = await health(url)
  assert.deepEqual([status, report.status, report.services.sessions], [503, 'unhealthy', 'unhealthy'])
  broken.mock.restore()
  assert.equal((await health(url)).status, 200)
})

test('health counts what was answered with 5xx as errors', async (t) => {
  const sessions = new MemorySessionStore()
  t.mock.method(sessions, 'get', () => Promise.reject(new Error('away')))
  const { url } = await startService(t, { sessions })
  const { answer } = await post(url, TOKEN)
  await refresh(url, answer)
  const { metrics } = (await health(url)).report
  assert.deepEqual([metrics.totalRequests, metrics.totalRefreshes, metrics.errorRate], [2, 0, 0.5])
})

// R-HEALTH-2
test('health remembers how the relay’s dials went, and dials nobody itself', async (t) => {
  let connections = 0
  const refusing = await rawServer(t, (socket) => {
    connections += 1
    socket.end('HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n')
  })
  const setup = await setUp(t, { openai: { apiKey: 'key', url: refusing } })
  const dial = async (path: string) => {
    const peer = await connect(t, setup.url + path, { headers: await setup.authorization() })
    if (path === '/v1/realtime') return peer.closed
    ;(await setup.upstream.accept()).send('hello')
    return peer.next() // by then the relay knows that the provider took it
  }
  const provider = async () => {
    const { status, report } = await health(setup.url)
    return [status, report.status, report.services.provider]
  }
  assert.deepEqual(await provider(), [200, 'healthy', 'healthy'])
  await dial('/v1/realtime')
  assert.deepEqual(await provider(), [200, 'degraded', 'degraded'])
  await dial('/v1/realtime')
  await dial('/v1/realtime')
  assert.deepEqual(await provider(), [503, 'unhealthy', 'unhealthy'])
  assert.equal(connections, 3)
  await dial('/v1/listen')
  assert.deepEqual(await provider(), [200, 'degraded', 'degraded'], 'the other provider answers')
})

test('health is told by a relay, to pages of allowed origins too', async (t) => {
  const setup = await setUp(t, { prefix: '/voice' })
  const ask = (Origin: string) => fetch(`${setup.url}/voice${HEALTH}`, { headers: { Origin } })
  const { status, headers } = await ask(ORIGIN)
  assert.deepEqual([status, headers.get('access-control-allow-origin')], [200, ORIGIN])
  assert.equal((await ask('https://evil.example')).status, 403)
  const head = await fetch(`${setup.url}/voice${HEALTH}`, { method: 'HEAD' })
  assert.deepEqual([head.status, await head.text()], [200, ''])
})

test('ProviderHealth recovers with the first success, and fades without traffic', () => {
  let now = 0
  const health = new ProviderHealth(() => now)
  const fail = (times: number) => {
    for (let i = 0; i < times; i += 1) health.record('openai', 'upstream_timeout')
  }
  assert.equal(health.status, 'healthy')
  fail(2)
  assert.equal(health.status, 'degraded')
  fail(1)
  assert.equal(health.status, 'unhealthy')
  now = 60_000
  assert.equal(health.status, 'degraded', 'or nobody would ever ask again')
  fail(1)
  assert.equal(health.status, 'unhealthy')
  health.record('openai', 'upstream_refused')
  assert.equal(health.status, 'healthy', 'it answered: what it refused was the request')
  fail(3)
  health.record('openai', null)
  assert.equal(health.status, 'healthy')
})
