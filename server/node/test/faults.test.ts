import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { closeMessage, fragment } from './support/fragments.ts'
import { connect, type Peer, RawClient } from './support/peers.ts'
import { setUp } from './support/relays.ts'
import { assertEnds, faultyUpstream, join, pair, rawPair, switching } from './support/sessions.ts'

// R-MSG-2
test('Relay bounds what a client may send before the provider answers', async (t) => {
  const setup = await setUp(t, { upstreamUrl: await faultyUpstream(t, () => {}) })
  const client = await join(t, setup)
  for (let sent = 0; sent < 17; sent += 1) client.send(Buffer.alloc(64 * 1024))
  await assertEnds(client, 'message_too_big', 1009)
  const quiet = await join(t, setup)
  quiet.send(Buffer.alloc(1000 * 1024))
  quiet.socket.ping()
  await once(quiet.socket, 'pong')
  assert.equal(quiet.socket.readyState, quiet.socket.OPEN)
})

// R-LIFE-1
test('Relay ends both legs within 1.5 s, whoever goes and however', async (t) => {
  const setup = await setUp(t)
  const ways: Record<string, (client: RawClient, provider: Peer) => void> = {
    'client resets': (client) => void client.socket.resetAndDestroy(),
    'client ends': (client) => void client.socket.end(),
    'client closes and answers nothing': (client) => client.write(closeMessage(1000)),
    'provider terminates': (_client, provider) => provider.socket.terminate(),
    'provider closes': (_client, provider) => provider.socket.close(1000),
  }
  let sessions = 0
  for (const [name, go] of Object.entries(ways)) {
    const { client, provider } = await rawPair(t, setup)
    const startedAt = performance.now()
    go(client, provider)
    await Promise.all([client.closed, provider.closed])
    sessions += 1
    await setup.ended(sessions)
    assert.ok(performance.now() - startedAt < 1500, name)
  }
  assert.equal(setup.relay.sessions, 0)
})

// R-LIFE-3
test('Relay keeps a quiet session whose sides answer pings', async (t) => {
  const setup = await setUp(t, { heartbeatMs: 500 })
  const { client, provider } = await pair(t, setup)
  await pinged(client, () => client.pings.length >= 5 && provider.pings.length >= 5)
  client.send('still here')
  assert.equal((await provider.next()).data, 'still here')
})

// R-LIFE-3
test('Relay keeps a session whose answers to pings came while its process was held up', async (t) => {
  const heartbeatMs = 500
  const setup = await setUp(t, { heartbeatMs })
  const { client, provider } = await pair(t, setup)
  // It is in this process, and has answered by now.
  provider.socket.once('ping', () => {
    const until = performance.now() + 1.5 * heartbeatMs
    while (performance.now() < until);
  })
  await pinged(client, () => client.pings.length >= 3)
  client.send('still here')
  assert.equal((await provider.next()).data, 'still here')
})

/** Resolved when enough pings came; rejected where the session ends before. */
async function pinged(client: Peer, enough: () => boolean): Promise<void> {
  const ended = client.closed.then(({ code, reason }) => assert.fail(`it ended: ${code} ${reason}`))
  while (!enough()) await Promise.race([once(client.socket, 'ping'), ended])
}

// R-LIFE-4
test('Relay ends a session in which nobody says anything, whatever is sent meanwhile', async (t) => {
  const silences: [string, (client: Peer) => void][] = [
    ['/v1/realtime', (client) => client.send('{"type":"input_audio_buffer.append","audio":"AAAA"}')],
    ['/v1/agent/converse', (client) => client.send(Buffer.alloc(100))],
    ['/v1/listen', (client) => client.send('{"type":"KeepAlive"}')],
    ['/v1/realtime', (client) => client.socket.pong()],
  ]
  for (const [path, keepOn] of silences) {
    const setup = await setUp(t, { inactivityMs: 400, heartbeatMs: 100 })
    const { client } = await pair(t, setup, path)
    const startedAt = performance.now()
    const timer = setInterval(() => keepOn(client), 50)
    assert.deepEqual(await client.closed, { code: 4408, reason: 'inactivity_timeout' })
    clearInterval(timer)
    assert.ok(performance.now() - startedAt >= 350, path)
  }
})

// R-LIFE-4
test('Relay keeps a session in which either side says something', async (t) => {
  const setup = await setUp(t, { inactivityMs: 400 })
  const { client, provider } = await pair(t, setup)
  let over = false
  void client.closed.then(() => {
    over = true
  })
  for (const [from, to] of [
    [client, provider],
    [provider, client],
  ] as const) {
    const startedAt = performance.now()
    while (performance.now() - startedAt < 900) {
      from.send('{"type":"something"}')
      await to.next()
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
  assert.equal(over, false)
  assert.equal((await client.closed).reason, 'inactivity_timeout')
})

// R-LIFE-5, R-CLOSE-7
test('Relay warns before a session reaches its greatest length, and a ticket may shorten it', async (t) => {
  const setup = await setUp(t, { maxSessionSeconds: 3600 })
  const headers = await setup.authorization({ maxSeconds: 1 })
  const client = await connect(t, `${setup.url}/v1/realtime`, { headers })
  const provider = await setup.upstream.accept()
  const { warning } = await client.nextOfType('relay.warning')
  assert.equal(warning.code, 'session_limit')
  await assertEnds(client, 'session_limit', 4408)
  assert.equal((await provider.closed).code, 1001)
  const agent = await connect(t, `${setup.url}/v1/agent/converse`, {
    headers: await setup.authorization({ maxSeconds: 1 }),
  })
  assert.equal((await agent.nextOfType('Warning')).code, 'session_limit')
  assert.equal((await agent.nextOfType('Error')).code, 'session_limit')
})

// R-CLOSE-7
test('Relay keeps a warning back until the provider’s message is whole', async (t) => {
  let go = () => {}
  const upstreamUrl = await faultyUpstream(t, (socket, key) => {
    socket.resume()
    socket.write(
      Buffer.concat([Buffer.from(switching(key)), fragment(1, 'first ', { masked: false, final: false })]),
    )
    go = () => void socket.write(fragment(0, 'second', { masked: false }))
  })
  const setup = await setUp(t, { upstreamUrl })
  const client = await RawClient.open(t, setup.url)
  await client.handshake('/v1/realtime', await setup.authorization())
  await client.until((received) => received.includes('first '))
  const closing = setup.relay.close({ drainSeconds: 1 })
  client.write(fragment(9, 'meanwhile'))
  await client.until((received) => received.includes('meanwhile'))
  go()
  const text = (await client.until((received) => received.includes('relay.warning'))).toString('latin1')
  const order = ['first ', 'meanwhile', 'second', 'relay.warning'].map((part) => text.indexOf(part))
  assert.deepEqual(
    order.toSorted((a, b) => a - b),
    order,
  )
  await closing
})

// R-DRAIN-1, R-DRAIN-2, R-CLOSE-6
test('Relay.close() lets nobody in, warns, waits, then closes with 1012', async (t) => {
  const setup = await setUp(t)
  const { client, provider } = await pair(t, setup)
  const finishing = await pair(t, setup)
  const headers = await setup.authorization()
  const keptAlive = await RawClient.open(t, setup.url)
  const closing = setup.relay.close({ drainSeconds: 1 })
  assert.equal((await client.nextOfType('relay.warning')).warning.code, 'draining')
  client.send('still served')
  assert.equal((await provider.next()).data, 'still served')
  keptAlive.write('GET /ready HTTP/1.1\r\nHost: relay\r\n\r\n')
  assert.notEqual(await keptAlive.status(), 200)
  await assert.rejects(connect(t, `${setup.url}/v1/realtime`, { headers }))
  finishing.client.socket.close(1000)
  assert.equal((await finishing.provider.closed).code, 1000)
  await assertEnds(client, 'draining', 1012)
  assert.equal((await provider.closed).code, 1001)
  await closing
  assert.equal(setup.relay.sessions, 0)
})

// R-DRAIN-1, R-HTTP-4, R-HTTP-5
test('Relay mounted into a server answers 503 while it drains', async (t) => {
  const setup = await setUp(t)
  const { createServer } = await import('node:http')
  const server = createServer()
  setup.relay.attach(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const { port } = server.address() as { port: number }
  const { client } = await pair(t, setup)
  const closing = setup.relay.close({ drainSeconds: 1 })
  const url = `http://127.0.0.1:${port}`
  assert.equal((await fetch(`${url}/ready`)).status, 503)
  assert.equal((await fetch(`${url}/health`)).status, 200)
  const refused = connect(t, `${url}/v1/realtime`, { headers: await setup.authorization() })
  await assert.rejects(refused, /HTTP 503/)
  client.socket.close()
  await closing
})
