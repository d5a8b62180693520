import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import { closeLabel } from '../src/metrics/close-label.ts'
import { RelayMetrics } from '../src/metrics/registry.ts'
import { ChunkSampler } from '../src/relay/session-meter.ts'
import { connect, RawClient, rawServer } from './support/peers.ts'
import { type Setup, setUp } from './support/relays.ts'
import { post, TOKEN } from './support/token-services.ts'

/** The samples of a relay's metrics, as Prometheus writes them: `name{labels}` and value. */
async function samples({ relay }: Pick<Setup, 'relay'>): Promise<Map<string, number>> {
  const lines = (await relay.metrics()).split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]))
}

async function pair(t: TestContext, setup: Setup, path = '/v1/realtime') {
  const client = await connect(t, setup.url + path, { headers: await setup.authorization() })
  return { client, provider: await setup.upstream.accept() }
}

const R = 'voicewire_relay_'

test('RelayMetrics counts sessions, messages and bytes while they last and after', async (t) => {
  const setup = await setUp(t)
  const { client, provider } = await pair(t, setup)
  const listening = await pair(t, setup, '/v1/listen')
  for (let index = 0; index < 10; index += 1) {
    client.send('x'.repeat(1000))
    await provider.next()
  }
  provider.send('down')
  await client.next()
  const live = await samples(setup)
  assert.equal(live.get(`${R}sessions{path="/v1/realtime"}`), 1)
  assert.equal(live.get(`${R}sessions{path="/v1/listen"}`), 1)
  assert.equal(live.get(`${R}sessions{path="/v2/listen"}`), 0)
  assert.equal(live.get(`${R}messages_total{direction="up"}`), 10)
  assert.equal(live.get(`${R}messages_total{direction="down"}`), 1)
  assert.equal(live.get(`${R}bytes_total{direction="up"}`), 10 * (1000 + 8))
  assert.equal(live.get(`${R}bytes_total{direction="down"}`), 4 + 2)
  assert.equal(live.get(`${R}buffered_bytes`), 0)
  client.socket.close(1000)
  await setup.ended(1)
  const past = await samples(setup)
  assert.equal(past.get(`${R}sessions{path="/v1/realtime"}`), 0)
  assert.equal(past.get(`${R}sessions{path="/v1/listen"}`), 1)
  assert.equal(past.get(`${R}messages_total{direction="up"}`), 10)
  // The closes count as bytes too.
  assert.equal(past.get(`${R}bytes_total{direction="up"}`), 10 * 1008 + 8)
  assert.ok(past.get(`${R}bytes_total{direction="down"}`)! >= 6)
  assert.equal(past.get(`${R}session_closes_total{side="client",code="1000"}`), 1)
  assert.equal(past.get(`${R}session_closes_total{side="upstream",code="1000"}`), 1)
  assert.equal(past.get(`${R}session_ends_total{ended_by="client",code="none"}`), 1)
  assert.equal(past.get(`${R}session_seconds_count{path="/v1/realtime"}`), 1)
  listening.client.socket.close()
  await setup.ended(2)
})

test('RelayMetrics tells handshakes and dials apart by how they ended', async (t) => {
  const refusing = await rawServer(t, (socket) => {
    socket.once('data', () => socket.end('HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n'))
  })
  const setup = await setUp(t, { deepgram: { apiKey: 'k', url: refusing } })
  await pair(t, setup)
  await assert.rejects(connect(t, `${setup.url}/v1/realtime`), /HTTP 401/)
  await assert.rejects(connect(t, `${setup.url}/nothing`), /HTTP 404/)
  const { closed } = await connect(t, `${setup.url}/v1/listen`, { headers: await setup.authorization() })
  assert.equal((await closed).code, 1013)
  await setup.ended(1)
  const counted = await samples(setup)
  assert.equal(counted.get(`${R}handshakes_total{path="/v1/realtime",code="accepted"}`), 1)
  assert.equal(counted.get(`${R}handshakes_total{path="/v1/realtime",code="ticket_missing"}`), 1)
  assert.equal(counted.get(`${R}handshakes_total{path="other",code="not_found"}`), 1)
  assert.equal(counted.get(`${R}dials_total{path="/v1/realtime",code="accepted"}`), 1)
  assert.equal(counted.get(`${R}dials_total{path="/v1/listen",code="upstream_rate_limited"}`), 1)
  assert.equal(counted.get(`${R}dial_seconds_count{path="/v1/realtime"}`), 1)
  assert.equal(counted.get(`${R}dial_seconds_count{path="/v1/listen"}`), undefined)
  assert.equal(counted.get(`${R}session_ends_total{ended_by="relay",code="upstream_rate_limited"}`), 1)
})

test('RelayMetrics measures the first and every 64th chunk of a direction, and not others', async (t) => {
  const setup = await setUp(t)
  const { client, provider } = await pair(t, setup)
  for (let index = 0; index < 65; index += 1) {
    provider.send(String(index)) // one at a time, so that each is a chunk
    await client.next()
  }
  client.send('up')
  await provider.next()
  client.socket.close()
  await setup.ended(1) // the close is not passed on as bytes, and the last write's callback has long been called
  const counted = await samples(setup)
  assert.equal(counted.get(`${R}added_latency_seconds_count{direction="down"}`), 2)
  const seconds = counted.get(`${R}added_latency_seconds_sum{direction="down"}`)!
  assert.ok(seconds > 0 && seconds < 1)
})

test('ChunkSampler measures until the last write of a chunk is taken', () => {
  const recorded: [string, number][] = []
  const sampler = new ChunkSampler((direction, seconds) => void recorded.push([direction, seconds]))
  const chunk = sampler.sample('up')!
  const [first, second] = [chunk.write(), chunk.write()]
  first()
  chunk.end(true)
  assert.equal(recorded.length, 0)
  second()
  assert.equal(recorded.length, 1)
  assert.equal(sampler.sample('up'), null)
  assert.ok(sampler.sample('down'), 'directions are counted apart')
})

test('ChunkSampler leaves out what was not written, not whole, or not taken', () => {
  let recorded = 0
  const sample = () =>
    new ChunkSampler(() => {
      recorded += 1
    }).sample('up')!
  sample().end(true)
  const held = sample()
  const taken = held.write()
  held.end(false)
  taken()
  const failed = sample()
  const lost = failed.write()
  failed.end(true)
  lost(new Error('gone'))
  assert.equal(recorded, 0)
})

test('RelayMetrics shows what waits for a client that does not read', async (t) => {
  const setup = await setUp(t, { stallMs: 60_000 })
  const client = await RawClient.open(t, setup.url)
  await client.handshake('/v1/listen', await setup.authorization())
  const provider = await setup.upstream.accept()
  client.socket.pause()
  const flood = Buffer.alloc(16 * 1024 * 1024 - 100)
  provider.send(flood)
  let waiting = 0
  while (waiting < 128 * 1024) {
    await new Promise((resolve) => setImmediate(resolve)) // there is no event for bytes that stay
    waiting = (await samples(setup)).get(`${R}buffered_bytes`)!
  }
  client.socket.resume()
  await client.until((received) => received.length > flood.length)
  assert.equal((await samples(setup)).get(`${R}buffered_bytes`), 0)
})

test('RelayMetrics counts what limits said, and requests for tokens', async (t) => {
  const setup = await setUp(t, {
    rateLimit: 3,
    maxConnections: 1,
    maxConnectionsPerUser: 1,
    authenticate: () => ({ user: 'ann' }),
    tokens: { maxRequests: 1, suspiciousActivityThreshold: 3 }, // one at the upgrades, two at the tokens
  })
  const { client } = await pair(t, setup)
  await assert.rejects(pair(t, setup), /HTTP 503/)
  client.socket.close()
  await setup.ended(1)
  await assert.rejects(connect(t, `${setup.url}/v1/realtime`, { origin: 'https://evil.example' }), /HTTP 403/)
  await assert.rejects(pair(t, setup), /HTTP 429/)
  const statuses = []
  for (let asked = 0; asked < 3; asked += 1) statuses.push((await post(setup.url, TOKEN)).status)
  assert.deepEqual(statuses, [200, 429, 429])
  const counted = await samples(setup)
  const said = (limiter: string, decision: string) =>
    counted.get(`${R}limit_decisions_total{limiter="${limiter}",decision="${decision}"}`)
  assert.deepEqual([said('upgrades', 'allowed'), said('upgrades', 'refused')], [3, 1])
  assert.deepEqual([said('connections', 'allowed'), said('connections', 'refused')], [1, 1])
  assert.deepEqual([said('issue_ip', 'allowed'), said('issue_user', 'allowed')], [1, 1])
  assert.deepEqual([said('issue_ip', 'refused'), said('issue_ip', 'blocked')], [1, 1])
  assert.equal(counted.get(`${R}token_requests_total{action="issue",code="ok"}`), 1)
  assert.equal(counted.get(`${R}token_requests_total{action="issue",code="rate_limited"}`), 1)
  assert.equal(counted.get(`${R}token_requests_total{action="issue",code="blocked"}`), 1)
})

test('RelayMetrics counts tokens used and drains', async (t) => {
  const metrics = new RelayMetrics(new Set())
  metrics.onUsage('openai', 120)
  metrics.onUsage('openai', 30)
  metrics.onUsage('deepgram', Number.NaN)
  metrics.onUsage('deepgram', -1)
  const text = await metrics.text()
  assert.match(text, /^voicewire_relay_tokens_used_total\{provider="openai"\} 150$/m)
  assert.doesNotMatch(text, /tokens_used_total\{provider="deepgram"\}/)
  const setup = await setUp(t)
  assert.equal((await samples(setup)).get(`${R}drains_total`), 0)
  await setup.relay.close()
  await setup.relay.close()
  assert.equal((await samples(setup)).get(`${R}drains_total`), 1)
})

test('Two relays in one process do not meet', async (t) => {
  const [one, other] = [await setUp(t), await setUp(t)]
  await pair(t, one)
  assert.equal((await samples(one)).get(`${R}sessions{path="/v1/realtime"}`), 1)
  assert.equal((await samples(other)).get(`${R}sessions{path="/v1/realtime"}`), 0)
  assert.ok((await samples(other)).has('process_cpu_seconds_total'))
  const { register } = await import('prom-client')
  assert.equal(await register.metrics(), '\n')
})

test('RelayMetrics takes no label from a client', async (t) => {
  const setup = await setUp(t)
  const mark = randomBytes(6).toString('hex')
  const headers = { ...(await setup.authorization({ user: `user-${mark}` })), 'User-Agent': mark }
  const origin = `https://${mark}.example`
  await assert.rejects(connect(t, `${setup.url}/v1/realtime`, { headers, origin }), /HTTP 403/)
  await assert.rejects(connect(t, `${setup.url}/${mark}`, { headers }), /HTTP 404/)
  const client = await connect(t, `${setup.url}/v1/realtime?model=${mark}`, { headers })
  await setup.upstream.accept()
  client.socket.close(4242, mark)
  await once(client.socket, 'close')
  await setup.ended(1)
  const text = await setup.relay.metrics()
  assert.ok(!text.includes(mark))
  assert.match(text, /session_closes_total\{side="client",code="4xxx"\} 1/)
})

test('closeLabel() has few words for two thousand codes', () => {
  const cases = { 1000: '1000', 1006: '1006', 3000: '3xxx', 4408: '4408', 4500: '4xxx', 0: 'other' }
  for (const [code, label] of Object.entries(cases)) assert.equal(closeLabel(Number(code)), label)
  const labels = new Set(Array.from({ length: 65_536 }, (_, code) => closeLabel(code)))
  assert.equal(labels.size, 16 + 4 + 3)
})
