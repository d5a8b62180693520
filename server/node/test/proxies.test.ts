import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { request as httpsRequest } from 'node:https'
import { type TestContext, test } from 'node:test'
import { issueTicket } from '../src/index.ts'
import { type RelayProcess, startRelayProcess, temporaryFolder } from './support/commands.ts'
import { type ConnectOptions, connect, type Peer, Upstream } from './support/peers.ts'
import { type ProxyName, type RelayProxy, startProxy } from './support/proxies.ts'
import { RedisServer, until } from './support/redis.ts'
import { ORIGIN } from './support/relays.ts'

/** One session through the proxy. */
interface Session {
  readonly client: Peer
  readonly provider: Peer
  /** Which relay has it. */
  readonly index: number
}

/** Two relays in processes of their own, each with its provider, behind one proxy. */
interface Site {
  readonly proxy: RelayProxy
  readonly relays: readonly RelayProcess[]
  readonly ticket: () => Promise<string>
  /** Opens a session through the proxy; one after the other. */
  readonly join: (options?: ConnectOptions) => Promise<Session>
}

async function setUp(t: TestContext, name: ProxyName, more: Record<string, string> = {}): Promise<Site> {
  const secret = randomBytes(32).toString('hex')
  const upstreams = [await Upstream.start(t), await Upstream.start(t)]
  const env = {
    OPENAI_API_KEY: randomBytes(16).toString('hex'),
    ALLOWED_ORIGINS: ORIGIN,
    TICKET_SECRET: secret,
    NODE_ENV: 'production',
    PORT: '0',
    TRUST_PROXY: '1',
    VOICE_AGENT_RATE_LIMIT: '0',
    ...more,
  }
  const cwd = temporaryFolder(t)
  const relays = await Promise.all(
    upstreams.map(({ url }) => startRelayProcess(t, { cwd, env: { ...env, OPENAI_API_URL: url } })),
  )
  const proxy = await startProxy(
    t,
    name,
    relays.map(({ url }) => url),
  )
  const ticket = async () => (await issueTicket({ user: randomBytes(4).toString('hex') }, { secret })).token
  const arrivals = upstreams.map((upstream) => upstream.accept())
  const join = async ({ headers, ...options }: ConnectOptions = {}) => {
    const all = { Authorization: `Bearer ${await ticket()}`, ...headers }
    const client = await connect(t, `${proxy.url}/v1/realtime`, { ca: proxy.ca, headers: all, ...options })
    const [provider, index] = await Promise.race(
      arrivals.map(async (arrival, at) => [await arrival, at] as const),
    )
    arrivals[index] = upstreams[index]!.accept()
    return { client, provider, index }
  }
  return { proxy, relays, ticket, join }
}

interface Asked {
  readonly method?: string
  /** The target as it is sent, where a URL would be another. */
  readonly path?: string
  readonly body?: string
  readonly headers?: Record<string, string>
}

/** Sends one ordinary request to the proxy. @returns The status. */
async function ask({ url, ca }: RelayProxy, path: string, { body, ...options }: Asked = {}): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  const request = httpsRequest(url + path, { ca, agent: false, ...options }, (response) => {
    response.resume()
    resolve(response.statusCode ?? 0)
  })
  request.on('error', reject)
  request.end(body)
  return promise
}

/** What has a relay share this Redis, and wait for it however busy the machine is: it is not away. */
function sharing(t: TestContext, redis: RedisServer, more: object = {}): Record<string, string> {
  const options = JSON.stringify({ url: redis.url, timeoutMs: 5000, ...more })
  const cwd = temporaryFolder(t, { 'relay.mjs': `export default { redis: ${options} }` })
  return { VOICEWIRE_CONFIG: `${cwd}/relay.mjs` }
}

/** A header with the ticket of one user. */
async function ticketOf(user: string, secret: string) {
  return { Authorization: `Bearer ${(await issueTicket({ user }, { secret })).token}` }
}

// R-LIMIT-9
test('haproxy: two relays with one Redis hold their limits together, and use a ticket up once', async (t) => {
  const redis = await RedisServer.start(t)
  const secret = randomBytes(32).toString('hex')
  const user = await setUp(t, 'haproxy', {
    ...sharing(t, redis),
    TICKET_SECRET: secret,
    MAX_CONNECTIONS_PER_USER: '4',
  })
  const shown = await ticketOf('ann', secret)
  const sessions = [await user.join({ headers: shown })]
  for (let count = 0; count < 6; count += 1) {
    await assert.rejects(user.join({ headers: shown }), /HTTP 401/) // whichever relay is asked
  }
  for (let count = 1; count < 4; count += 1) {
    sessions.push(await user.join({ headers: await ticketOf('ann', secret) }))
  }
  assert.deepEqual(new Set(sessions.map(({ index }) => index)), new Set([0, 1]))
  for (let count = 0; count < 6; count += 1) {
    await assert.rejects(user.join({ headers: await ticketOf('ann', secret) }), /HTTP 429/)
  }
  await user.join({ headers: await ticketOf('bob', secret) })
  sessions[0]!.client.socket.close(1000)
  await until(async () => {
    const joined = await user.join({ headers: await ticketOf('ann', secret) }).catch(() => null)
    return joined !== null
  })
})

// R-LIMIT-9
test('haproxy: two relays with one Redis allow so many upgrades in a window and not one more', async (t) => {
  const redis = await RedisServer.start(t)
  const site = await setUp(t, 'haproxy', { ...sharing(t, redis), VOICE_AGENT_RATE_LIMIT: '10' })
  const outcomes: string[] = []
  for (let count = 0; count < 16; count += 1) {
    outcomes.push(
      await site.join().then(
        ({ index }) => `relay ${index}`,
        (error: Error) => error.message,
      ),
    )
  }
  assert.equal(outcomes.filter((outcome) => outcome.startsWith('relay')).length, 10)
  assert.equal(outcomes.filter((outcome) => outcome === 'HTTP 429').length, 6)
  assert.deepEqual(new Set(outcomes.slice(0, 10)), new Set(['relay 0', 'relay 1']))
})

// R-LIMIT-9
test('haproxy: what a killed relay held is free again, and new sessions go to the other', async (t) => {
  const redis = await RedisServer.start(t)
  const secret = randomBytes(32).toString('hex')
  const site = await setUp(t, 'haproxy', {
    ...sharing(t, redis, { leaseMs: 1500 }),
    TICKET_SECRET: secret,
    MAX_CONNECTIONS_PER_USER: '2',
  })
  const { client, index } = await site.join({ headers: await ticketOf('ann', secret) })
  const other = await site.join({ headers: await ticketOf('ann', secret) })
  assert.equal(other.index, 1 - index)
  site.relays[index]!.child.kill('SIGKILL')
  assert.equal((await client.closed).code, 1006)
  await until(async () => {
    const joined = await site.join({ headers: await ticketOf('ann', secret) }).catch(() => null)
    if (joined !== null) assert.equal(joined.index, 1 - index)
    return joined !== null
  })
  other.client.send('still here')
  assert.equal((await other.provider.next()).data, 'still here')
})

for (const name of ['haproxy', 'nginx'] as const) {
  test(`${name}: sessions go to whoever has fewest, and pass unharmed`, async (t) => {
    const site = await setUp(t, name)
    const sessions: Session[] = []
    for (let count = 0; count < 10; count += 1) sessions.push(await site.join())
    for (const index of [0, 1]) assert.equal(sessions.filter((session) => session.index === index).length, 5)
    const bytes = randomBytes(100_000)
    for (const { client, provider } of sessions) {
      provider.send(bytes)
      assert.deepEqual((await client.next()).data, bytes)
      client.send('up')
      assert.equal((await provider.next()).data, 'up')
    }
    const { client, provider } = sessions[0]!
    provider.socket.close(4000, 'done')
    assert.deepEqual(await client.closed, { code: 4000, reason: 'done' })
  })

  test(`${name}: a limit per address holds for the client's own, whatever it says of itself`, async (t) => {
    const site = await setUp(t, name, { MAX_CONNECTIONS_PER_IP: '2' })
    for (let count = 0; count < 4; count += 1) await site.join()
    await assert.rejects(site.join(), /HTTP 429/)
    for (const header of ['203.0.113.9', '127.0.0.2, 203.0.113.9']) {
      const headers = { 'X-Forwarded-For': header, Forwarded: `for=${header}`, 'X-Real-IP': header }
      await assert.rejects(site.join({ headers }), /HTTP 429/)
    }
    // Another address may, so it is not the proxy's own that is counted.
    await site.join({ localAddress: '127.0.0.2' })
  })

  test(`${name}: a relay that drains gets no new sessions, and keeps those it has`, async (t) => {
    const site = await setUp(t, name, { DRAIN_SECONDS: '600' })
    const { client, provider, index } = await site.join()
    site.relays[index]!.child.kill('SIGTERM')
    assert.equal((await client.nextOfType('relay.warning')).warning.code, 'draining')
    for (let count = 0; count < 8; count += 1) assert.equal((await site.join()).index, 1 - index)
    client.send('still here')
    assert.equal((await provider.next()).data, 'still here')
    client.socket.close(1000)
    assert.equal(await site.relays[index]!.exited, 0)
  })

  test(`${name}: no log line holds a query, whether a request succeeds, is refused or fails`, async (t) => {
    const site = await setUp(t, name)
    const query = async () => `?token=${await site.ticket()}&hidden=1`
    const client = await connect(t, `${site.proxy.url}/v1/realtime${await query()}`, { ca: site.proxy.ca })
    client.socket.close(1000)
    await client.closed
    assert.equal(await ask(site.proxy, `/v1/realtime${await query()}`), 426)
    assert.equal(await ask(site.proxy, '/v1/realtime?token=hidden'), 401)
    const body = 'hidden'.repeat(12_000)
    assert.equal(await ask(site.proxy, '/api/voice-agent/token?hidden', { method: 'POST', body }), 413)
    for (const { child } of site.relays) child.kill('SIGTERM')
    for (const { exited } of site.relays) await exited
    const status = await ask(site.proxy, `/v1/realtime${await query()}`)
    assert.ok(status === 502 || status === 503, String(status))
    const log = await site.proxy.stop()
    assert.equal(log.match(/GET \/v1\/realtime /g)?.length, 4, log)
    assert.match(log, /POST \/api\/voice-agent\/token /)
    assert.doesNotMatch(log, /token=|hidden|eyJ/)
  })

  test(`${name}: what is for operators is not public, and nothing is without TLS`, async (t) => {
    const operator = randomBytes(16).toString('hex')
    const { proxy } = await setUp(t, name, { ADMIN_TOKEN: operator, METRICS_TOKEN: operator })
    assert.equal(await ask(proxy, '/ready'), 200)
    for (const path of ['/metrics', '/voice/stats', '/admin/revoke'])
      assert.equal(await ask(proxy, path), 404)
    // A server that took backslashes for slashes would answer what the proxy's rules did not see.
    const target = `${proxy.url}/admin\\revoke`
    assert.equal(await ask(proxy, '/', { path: target }), 404)
    assert.equal(await ask(proxy, '/', { path: `${proxy.url}/x\\..\\metrics` }), 404)
    const plain = await fetch(`${proxy.plainUrl}/v1/realtime`, { redirect: 'manual' })
    assert.equal(plain.status, 308)
    assert.match(plain.headers.get('location') ?? '', /^https:\/\/127\.0\.0\.1(:\d+)?\/v1\/realtime$/)
  })
}
