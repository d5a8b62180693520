import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { test } from 'node:test'
import { createRelay } from '../src/index.ts'
import { connect } from './support/peers.ts'
import { ORIGIN, setUp } from './support/relays.ts'
import { serve } from './support/token-services.ts'

const token = randomBytes(16).toString('hex')
const bearer = (shown: string) => ({ headers: { Authorization: `Bearer ${shown}` } })

// R-HTTP-6
test('GET /metrics and /stats do not exist without a token', async (t) => {
  const { url } = await setUp(t)
  for (const path of ['/metrics', '/stats']) {
    assert.equal((await fetch(url + path)).status, 404)
    assert.equal((await fetch(url + path, bearer(''))).status, 404)
  }
})

test('GET /metrics and /stats answer to the right bearer only, and tell others nothing', async (t) => {
  const { url } = await setUp(t, { metrics: { token } })
  for (const path of ['/metrics', '/stats']) {
    for (const shown of [undefined, '', 'x', token.slice(1), `${token}x`, 'ü'.repeat(16)]) {
      const init = shown === undefined ? {} : { headers: { Authorization: encodeURI(`Bearer ${shown}`) } }
      const answer = await fetch(url + path, init)
      assert.equal(answer.status, 401)
      const { error } = (await answer.json()) as { error: object }
      assert.deepEqual(error, { code: 'unauthenticated', message: 'A token is needed' })
    }
    assert.equal((await fetch(`${url}${path}?token=${token}`)).status, 401)
    assert.equal((await fetch(url + path, bearer(token))).status, 200)
    const wrong = await fetch(url + path, { method: 'POST', ...bearer(token) })
    assert.deepEqual([wrong.status, wrong.headers.get('allow')], [405, 'GET, HEAD'])
  }
  const { headers } = await fetch(`${url}/metrics`, bearer(token))
  assert.match(headers.get('content-type')!, /^text\/plain; version=0\.0\.4/)
})

test('GET /metrics and /stats can be read by no page', async (t) => {
  const { url } = await setUp(t, { metrics: { token } })
  for (const path of ['/metrics', '/stats']) {
    for (const method of ['GET', 'OPTIONS']) {
      const { headers } = await fetch(url + path, {
        method,
        headers: { Origin: ORIGIN, Authorization: `Bearer ${token}` },
      })
      assert.equal(headers.get('access-control-allow-origin'), null)
      assert.equal(headers.get('access-control-allow-methods'), null)
      assert.equal(headers.get('cache-control'), 'no-store')
    }
  }
})

test('GET /stats shows the relay at a glance', async (t) => {
  const { url, authorization, upstream } = await setUp(t, { metrics: { token } })
  const client = await connect(t, `${url}/v1/realtime`, { headers: await authorization() })
  await upstream.accept()
  client.send('hello')
  await assert.rejects(connect(t, `${url}/v1/realtime`), /HTTP 401/)
  // biome-ignore lint/suspicious/noExplicitAny: the shape is what is being tested
  const stats = (await (await fetch(`${url}/stats`, bearer(token))).json()) as any
  assert.match(stats.version, /^\d+\.\d+\.\d+/)
  assert.ok(Number.isInteger(stats.uptimeSeconds))
  assert.equal(stats.draining, false)
  assert.equal(stats.sessions.total, 1)
  assert.equal(stats.sessions.draining, 0)
  assert.deepEqual(stats.sessions.byPath, {
    '/v1/realtime': 1,
    '/v1/agent/converse': 0,
    '/v1/listen': 0,
    '/v2/listen': 0,
  })
  assert.deepEqual(Object.keys(stats.traffic).sort(), [
    'bufferedBytes',
    'bytesDown',
    'bytesUp',
    'messagesDown',
    'messagesUp',
  ])
  assert.deepEqual(stats.refusals, { ticket_missing: 1 })
  for (const lag of Object.values(stats.eventLoopLagMs)) assert.ok((lag as number) >= 0)
  assert.ok(stats.memoryBytes.rss > stats.memoryBytes.heapUsed)
})

test('Metrics are mounted with the relay, under its prefix', async (t) => {
  const relay = createRelay({
    tickets: { secret: randomBytes(32).toString('hex') },
    allowedOrigins: [ORIGIN],
    prefix: '/voice',
    metrics: { token },
    logger: { info: () => {}, warn: () => {} },
  })
  t.after(() => relay.close())
  const url = await serve(t, (request, response) => {
    if (!relay.handleRequest(request, response)) response.writeHead(418).end()
  })
  assert.equal((await fetch(`${url}/voice/metrics`, bearer(token))).status, 200)
  assert.equal((await fetch(`${url}/metrics`, bearer(token))).status, 418)
  assert.match(await relay.metrics(), /^voicewire_relay_sessions\{path="\/v1\/realtime"\} 0$/m)
})

test('Metrics have a port of their own instead, with health and readiness, until the relay has closed', async (t) => {
  const setup = await setUp(t, { metrics: { port: 0 } })
  const { port } = await setup.logged('metrics are served')
  const own = `http://127.0.0.1:${port}`
  assert.equal((await fetch(`${setup.url}/metrics`)).status, 404)
  for (const path of ['/metrics', '/stats', '/health', '/ready']) {
    assert.equal((await fetch(own + path)).status, 200, path)
  }
  for (const path of ['/', '/v1/realtime', '/api/voice-agent/token']) {
    assert.equal((await fetch(own + path)).status, 404, path)
  }
  const client = await connect(t, `${setup.url}/v1/realtime`, { headers: await setup.authorization() })
  await setup.upstream.accept()
  const closed = setup.relay.close({ drainSeconds: 60 })
  assert.equal((await fetch(`${own}/ready`)).status, 503)
  assert.equal((await fetch(`${own}/health`)).status, 200)
  // biome-ignore lint/suspicious/noExplicitAny: the shape is what is being tested
  const { draining, sessions } = (await (await fetch(`${own}/stats`)).json()) as any
  assert.deepEqual([draining, sessions.draining], [true, 1])
  client.socket.close()
  await closed
  await assert.rejects(fetch(`${own}/health`))
})

test('Metrics on a port of their own need the bearer where there is one', async (t) => {
  const setup = await setUp(t, { metrics: { port: 0, token } })
  const { port } = await setup.logged('metrics are served')
  const own = `http://127.0.0.1:${port}`
  assert.equal((await fetch(`${own}/metrics`)).status, 401)
  assert.equal((await fetch(`${own}/metrics`, bearer(token))).status, 200)
  assert.equal((await fetch(`${own}/ready`)).status, 200)
  assert.equal((await fetch(`${setup.url}/metrics`, bearer(token))).status, 404)
})

test('listen() leaves nothing behind where the port for metrics is taken', async (t) => {
  const taken = Number(new URL(await serve(t, (_request, response) => void response.end())).port)
  const relay = createRelay({
    tickets: { secret: randomBytes(32).toString('hex') },
    allowedOrigins: [ORIGIN],
    metrics: { port: taken },
    logger: { info: () => {}, warn: () => {} },
  })
  t.after(() => relay.close())
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  await assert.rejects(relay.listen({ port }), /EADDRINUSE/)
  await assert.rejects(fetch(`http://127.0.0.1:${port}/health`))
})

test('createRelay() refuses a short token for metrics, and does not show it', () => {
  const options = { tickets: { secret: randomBytes(32).toString('hex') }, allowedOrigins: [ORIGIN] }
  for (const short of ['hunter2', 'with spaces in the middle', '']) {
    assert.throws(
      () => createRelay({ ...options, metrics: { token: short } }),
      (error: Error) =>
        error instanceof TypeError &&
        (short === '' || !error.message.includes(short)) &&
        /16/.test(error.message),
    )
  }
})
