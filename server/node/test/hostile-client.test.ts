import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import { fill } from './support/flood.ts'
import { closeMessage, fragment } from './support/fragments.ts'
import { connect, RawClient } from './support/peers.ts'
import { setUp } from './support/relays.ts'
import { faultyUpstream, linesOf, pair, rawPair, stillServes } from './support/sessions.ts'

// R-UP-10
test('Relay stops dialling when the client leaves, however it leaves', async (t) => {
  const ways: Record<string, (client: RawClient) => void> = {
    reset: (client) => void client.socket.resetAndDestroy(),
    end: (client) => void client.socket.end(),
    close: (client) => client.write(closeMessage(1000)),
  }
  for (const [name, leave] of Object.entries(ways)) {
    await t.test(name, async (inner) => {
      const dialled = Promise.withResolvers<Socket>()
      const setup = await setUp(inner, {
        upstreamUrl: await faultyUpstream(inner, (socket) => dialled.resolve(socket)),
      })
      const client = await RawClient.open(inner, setup.url)
      await client.handshake('/v1/realtime', await setup.authorization())
      const socket = await dialled.promise
      const closed = once(socket, 'close')
      const leftAt = performance.now()
      leave(client)
      await closed
      assert.ok(performance.now() - leftAt < 1500)
      await setup.ended(1)
      assert.equal(setup.relay.sessions, 0)
      assert.equal((await setup.logged('session ended'))['endedBy'], 'client')
    })
  }
})

// R-FLOW-3
test('Relay ends a session whose client does not read, with 1013 for whoever can hear it', async (t) => {
  const setup = await setUp(t, { stallMs: 1000 })
  const { client, provider } = await rawPair(t, setup)
  client.socket.pause()
  void fill(
    provider.socket['_socket' as never] as Socket,
    fragment(2, Buffer.alloc(1 << 20), { masked: false }),
    1 << 28,
  )
  assert.ok([1001, 1006].includes((await provider.closed).code))
  assert.equal((await setup.logged('session ended'))['code'], 'slow_consumer')
  assert.equal(setup.relay.sessions, 0)
  await stillServes(t, setup)
})

// R-FLOW-3
test('Relay tells a client whose provider does not read to try later', async (t) => {
  const setup = await setUp(t, { stallMs: 500 })
  const { client, provider } = await pair(t, setup)
  provider.socket.pause()
  for (let sent = 0; sent < 40; sent += 1) client.send(Buffer.alloc(1 << 20))
  const { error } = await client.nextOfType('error')
  assert.equal(error.code, 'slow_consumer')
  await setup.ended(1)
  await stillServes(t, setup)
})

test('Relay notices a client that goes while it is not read', async (t) => {
  const setup = await setUp(t)
  const { client, provider } = await rawPair(t, setup)
  provider.socket.pause()
  await fill(client.socket, fragment(2, Buffer.alloc(1 << 20)), 1 << 28)
  const leftAt = performance.now()
  client.socket.resetAndDestroy()
  await setup.ended(1)
  assert.ok(performance.now() - leftAt < 2500)
  assert.equal(setup.relay.sessions, 0)
  await stillServes(t, setup)
})

// R-LIFE-1, R-LIFE-6
test('Relay serves others after a client that resets in the middle of a message', async (t) => {
  const setup = await setUp(t)
  const { client, provider } = await rawPair(t, setup)
  client.write(fragment(2, Buffer.alloc(200_000)).subarray(0, 150_000))
  client.socket.resetAndDestroy()
  assert.equal((await provider.closed).code, 1006, 'half of a big message is out: nothing true can follow it')
  const line = await setup.logged('session ended')
  assert.deepEqual([line['endedBy'], line['clientCloseCode']], ['client', 1006])
  await stillServes(t, setup)
})

// R-LIFE-3, R-LIFE-6
test('Relay ends a session whose client never says a word, not even a pong', async (t) => {
  const setup = await setUp(t, { heartbeatMs: 200 })
  const { client, provider } = await rawPair(t, setup)
  assert.equal((await provider.closed).code, 1011)
  await client.closed
  await setup.ended(1)
  const line = linesOf(setup, 'session ended')[0]!
  assert.deepEqual([line['endedBy'], line['bytesUp']], ['client', 0])
  await stillServes(t, setup)
})

// R-LIMIT-5
test('Relay frees everything after a thousand sessions that come and go', async (t) => {
  const setup = await setUp(t, {
    maxConnections: 0,
    maxConnectionsPerIp: 0,
  })
  const { url, upstream, relay, authorization } = setup
  for (let round = 0; round < 20; round += 1) {
    const leave = async () => {
      const client = await connect(t, `${url}/v1/realtime`, { headers: await authorization() })
      client.socket.terminate()
    }
    await Promise.all(Array.from({ length: 50 }, leave))
  }
  const client = await connect(t, `${url}/v1/realtime`, { headers: await authorization() })
  client.send('last')
  for (;;) {
    const provider = await upstream.accept()
    const done = await Promise.race([provider.next().then(() => true), provider.closed.then(() => false)])
    if (done) break
  }
  client.socket.close()
  await client.closed
  await relay.close()
  assert.equal(relay.sessions, 0)
  assert.equal(upstream.connections, 0)
  const lines = linesOf(setup, 'session ended')
  assert.equal(lines.length, 1001)
  assert.ok(lines.every((line) => line['endedBy'] === 'client'))
})
