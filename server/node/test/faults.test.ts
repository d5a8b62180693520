import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import type { RelayOptions } from '../src/index.ts'
import { closeMessage, fragment } from './support/fragments.ts'
import { connect, type Peer, RawClient, Upstream } from './support/peers.ts'
import { setUp } from './support/relays.ts'
import { assertEnds, faultyUpstream, join, pair, rawPair, switching } from './support/sessions.ts'

// R-UP-7, R-UP-8, R-UP-9, R-CLOSE-3, R-CLOSE-4, R-CLOSE-5, R-CLOSE-6
test('Relay says in the provider’s shape why the provider could not be reached, and not in its words', async (t) => {
  const refuse = (status: string) => (socket: Socket) =>
    void socket.end(`HTTP/1.1 ${status}\r\nContent-Length: 13\r\ndg-error: hush\r\n\r\nsecret detail`)
  const cases: [string, (socket: Socket, key: string) => void, string, number][] = [
    ['401', refuse('401 Unauthorized'), 'upstream_unauthorized', 1011],
    ['403', refuse('403 Forbidden'), 'upstream_unauthorized', 1011],
    ['404', refuse('404 Not Found'), 'upstream_refused', 1011],
    ['302', refuse('302 Found\r\nLocation: http://127.0.0.1:1/'), 'upstream_refused', 1011],
    ['200', refuse('200 OK'), 'upstream_refused', 1011],
    ['429', refuse('429 Too Many Requests'), 'upstream_rate_limited', 1013],
    ['500', refuse('500 Internal Server Error'), 'upstream_unavailable', 1011],
    ['503', refuse('503 Service Unavailable'), 'upstream_unavailable', 1011],
    ['garbage', (socket) => void socket.end('\0\x01\x02 what?\r\n\r\n'), 'upstream_protocol_error', 1011],
    ['reset', (socket) => void socket.resetAndDestroy(), 'upstream_unavailable', 1011],
    ['end', (socket) => void socket.end(), 'upstream_unavailable', 1011],
    ['wrong accept', (socket) => void socket.write(switching('other')), 'upstream_protocol_error', 1011],
    [
      'unknown subprotocol',
      (socket, key) => void socket.write(switching(key, 'Sec-WebSocket-Protocol: other\r\n')),
      'upstream_protocol_error',
      1011,
    ],
    [
      'unknown extension',
      (socket, key) => void socket.write(switching(key, 'Sec-WebSocket-Extensions: permessage-deflate\r\n')),
      'upstream_protocol_error',
      1011,
    ],
  ]
  for (const [name, act, code, closeCode] of cases) {
    await t.test(name, async (inner) => {
      const setup = await setUp(inner, { upstreamUrl: await faultyUpstream(inner, act) })
      const openai = await join(inner, setup)
      const text = await openai.nextJson()
      assert.deepEqual([text.type, text.error.code], ['error', code])
      assert.ok(!JSON.stringify(text).includes('secret detail'))
      assert.deepEqual(await openai.closed, { code: closeCode, reason: code })
      const deepgram = await join(inner, setup, '/v1/agent/converse')
      const { type, code: shown } = await deepgram.nextJson()
      assert.deepEqual([type, shown], ['Error', code])
      await setup.ended(2)
      assert.equal(setup.relay.sessions, 0)
      assert.equal((await setup.logged('session ended'))['code'], code)
      assert.ok(!setup.log().includes('secret detail'))
    })
  }
})

// R-UP-6
test('Relay gives up dialling after its time', async (t) => {
  const upstreamUrl = await faultyUpstream(t, () => {})
  const setup = await setUp(t, { upstreamUrl, connectTimeoutMs: 100 })
  await assertEnds(await join(t, setup), 'upstream_timeout', 1011)
})

// R-UP-7
test('Relay cannot reach a provider that is not there', async (t) => {
  const gone = await Upstream.start(t)
  await gone.close()
  const setup = await setUp(t, { upstreamUrl: gone.url })
  await assertEnds(await join(t, setup), 'upstream_unavailable', 1011)
})

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
    })
  }
})

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

// R-LIFE-2, R-LIFE-6
test('Relay tells the client when the provider’s connection breaks', async (t) => {
  const setup = await setUp(t)
  const lost = await pair(t, setup)
  lost.provider.socket.terminate()
  await assertEnds(lost.client, 'upstream_lost', 1011)
  const another = await pair(t, setup)
  another.client.send('still here')
  assert.equal((await another.provider.next()).data, 'still here')
})

// R-CLOSE-3
test('Relay says why also when the provider breaks in the middle of a message', async (t) => {
  const parts: [string, Buffer, string[]][] = [
    ['a small message', fragment(1, 'x'.repeat(1000), { masked: false }).subarray(0, 500), ['error']],
    ['between fragments', fragment(1, 'x', { masked: false, final: false }), []],
  ]
  for (const [name, part, told] of parts) {
    await t.test(name, async (inner) => {
      const upstreamUrl = await faultyUpstream(inner, (socket, key) => {
        socket.write(Buffer.concat([Buffer.from(switching(key)), part]), () => socket.destroy())
      })
      const setup = await setUp(inner, { upstreamUrl })
      const client = await RawClient.open(inner, setup.url)
      await client.handshake('/v1/realtime', await setup.authorization())
      const { code, texts } = await client.close()
      assert.equal(code, 1011)
      const types = texts.filter((text) => text.startsWith('{')).map((text) => JSON.parse(text).type)
      assert.deepEqual(types, told)
    })
  }
  const upstreamUrl = await faultyUpstream(t, (socket, key) => {
    const big = fragment(1, 'x'.repeat(200_000), { masked: false }).subarray(0, 150_000)
    socket.write(Buffer.concat([Buffer.from(switching(key)), big]), () => socket.destroy())
  })
  const setup = await setUp(t, { upstreamUrl })
  const client = await join(t, setup)
  assert.equal((await client.closed).code, 1006, 'half of a big message is out: nothing true can follow it')
})

// R-MSG-7
test('Relay refuses malformed messages of the provider', async (t) => {
  const refuse = async (bytes: Buffer) => {
    const closed = Promise.withResolvers<void>()
    const upstreamUrl = await faultyUpstream(t, (socket, key) => {
      socket.resume()
      socket.on('close', () => closed.resolve())
      socket.write(Buffer.concat([Buffer.from(switching(key)), bytes]))
    })
    const setup = await setUp(t, { upstreamUrl })
    await assertEnds(await join(t, setup), 'upstream_protocol_error', 1011)
    await closed.promise
  }
  const malformed = [
    fragment(1, 'x'),
    fragment(1, 'x', { masked: false, reserved: 0x40 }),
    fragment(3, 'x', { masked: false }),
    fragment(0, 'x', { masked: false }),
    closeMessage(1005, '', { masked: false }),
  ]
  await Promise.all(malformed.map(refuse))
})

// R-MSG-4, R-MSG-5, R-MSG-6, R-LIFE-6
test('Relay refuses malformed messages of the client, says why, and goes on serving', async (t) => {
  const setup = await setUp(t, { maxFragments: 100 })
  const good = await pair(t, setup)
  const cases: [string, Buffer, number, string][] = [
    ['unmasked', fragment(1, 'x', { masked: false }), 1002, 'protocol_error'],
    ['reserved bit 1', fragment(1, 'x', { reserved: 0x40 }), 1002, 'protocol_error'],
    ['reserved bit 2', fragment(1, 'x', { reserved: 0x20 }), 1002, 'protocol_error'],
    ['reserved bit 3', fragment(1, 'x', { reserved: 0x10 }), 1002, 'protocol_error'],
    ['unknown opcode', fragment(5, 'x'), 1002, 'protocol_error'],
    ['unknown control opcode', fragment(11, 'x'), 1002, 'protocol_error'],
    ['fragmented ping', fragment(9, 'x', { final: false }), 1002, 'protocol_error'],
    ['long ping', fragment(9, Buffer.alloc(126)), 1002, 'protocol_error'],
    ['continuation first', fragment(0, 'x'), 1002, 'protocol_error'],
    [
      'interleaved messages',
      Buffer.concat([fragment(1, 'x', { final: false }), fragment(1, 'y')]),
      1002,
      'protocol_error',
    ],
    ['close of one byte', fragment(8, 'x'), 1002, 'protocol_error'],
    ['close with 1005', closeMessage(1005), 1002, 'protocol_error'],
    ['close with 1006', closeMessage(1006), 1002, 'protocol_error'],
    ['close with 2000', closeMessage(2000), 1002, 'protocol_error'],
    ['close reason not UTF-8', closeMessage(1000, Buffer.of(0xc0, 0x80)), 1007, 'protocol_error'],
    ['2^40 bytes declared', fragment(2, '', { declared: 2n ** 40n }), 1009, 'message_too_big'],
    ['20 MB declared', fragment(2, '', { declared: 20_000_000n }), 1009, 'message_too_big'],
    [
      'endless small fragments',
      Buffer.concat([
        fragment(2, 'x', { final: false }),
        ...Array(100).fill(fragment(0, 'x', { final: false })),
      ]),
      1008,
      'too_many_fragments',
    ],
  ]
  for (const [name, bytes, closeCode, code] of cases) {
    const { client, provider } = await rawPair(t, setup)
    client.write(bytes)
    const { code: found, texts } = await client.close()
    assert.equal(found, closeCode, name)
    assert.deepEqual(
      texts.map((text) => JSON.parse(text).code),
      [code],
      name,
    )
    assert.ok([1001, 1006].includes((await provider.closed).code), name)
    client.socket.destroy()
  }
  await setup.ended(cases.length)
  assert.equal(setup.relay.sessions, 1)
  good.client.send('still here')
  assert.equal((await good.provider.next()).data, 'still here')
})

// R-MSG-8
test('Relay leaves the judgement on UTF-8 in messages to the endpoints', async (t) => {
  const setup = await setUp(t)
  const { client, provider } = await rawPair(t, setup)
  client.write(fragment(1, Buffer.of(0xff, 0xfe)))
  const { code } = await client.close()
  assert.equal(code, 1007, 'the provider’s own verdict')
  assert.equal((await provider.closed).code, 1006)
})

// R-MSG-3
test('Relay stands a flood of pings and of empty messages', async (t) => {
  const setup = await setUp(t)
  const { client, provider } = await rawPair(t, setup)
  let empty = 0
  const all = new Promise<void>((resolve) => {
    provider.socket.on('message', () => {
      empty += 1
      if (empty === 50_000) resolve()
    })
  })
  const ping = fragment(9, 'p')
  const message = fragment(2, '')
  for (let round = 0; round < 50; round += 1) {
    client.write(Buffer.concat(Array(1000).fill(Buffer.concat([ping, message]))))
  }
  await all
  assert.ok(client.received.length < 50_000 * 3, 'not every ping of a flood is answered')
  client.write(fragment(9, 'last'))
  await client.until((received) => received.includes(fragment(10, 'last', { masked: false })))
})

/** Fills the relay until it stops reading; gives back how much it took. */
async function fill(socket: Socket, bytes: Buffer, most: number): Promise<number> {
  let sent = 0
  while (sent < most && !socket.destroyed) {
    sent += bytes.length
    if (socket.write(bytes)) continue
    const drained = new Promise((resolve) => socket.once('drain', () => resolve(true)))
    const stuck = new Promise((resolve) => setTimeout(() => resolve(false), 500))
    if (!(await Promise.race([drained, stuck]))) break
  }
  return sent
}

// R-FLOW-1, R-FLOW-2
test('Relay pauses a client whose provider does not read, holds little, and loses nothing', async (t) => {
  const setup = await setUp(t)
  const { client, provider } = await rawPair(t, setup)
  provider.socket.pause()
  const before = process.memoryUsage().arrayBuffers
  const taken = await fill(client.socket, fragment(2, Buffer.alloc(1 << 20)), 120 << 20)
  assert.ok(taken < 60 << 20, `took ${taken >> 20} MB`) // the kernel's buffers hold most of it
  assert.ok(process.memoryUsage().arrayBuffers - before < 48 << 20)
  let got = 0
  const all = new Promise<void>((resolve) => {
    provider.socket.on('message', (data: Buffer) => {
      got += data.length
      if (got === (taken / ((1 << 20) + 14)) * (1 << 20)) resolve()
    })
  })
  provider.socket.resume()
  await all
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
test('Relay finds half-open connections by ping, on both legs', async (t) => {
  const options: Partial<RelayOptions> = { heartbeatMs: 200 }
  const setup = await setUp(t, options)
  const { client, provider } = await rawPair(t, setup) // a raw client answers no ping
  await client.until((received) => received.includes(fragment(9, '', { masked: false })))
  assert.equal((await provider.closed).code, 1011)
  await client.closed
  const upstreamUrl = await faultyUpstream(t, (socket, key) => {
    socket.resume()
    socket.write(switching(key))
  })
  const deaf = await setUp(t, { ...options, upstreamUrl })
  await assertEnds(await join(t, deaf), 'upstream_lost', 1011)
})

// R-LIFE-3
test('Relay keeps a quiet session whose sides answer pings', async (t) => {
  const setup = await setUp(t, { heartbeatMs: 100 })
  const { client, provider } = await pair(t, setup)
  while (client.pings.length < 8 || provider.pings.length < 8) await once(client.socket, 'ping')
  client.send('still here')
  assert.equal((await provider.next()).data, 'still here')
})

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
