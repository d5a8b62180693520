import assert from 'node:assert/strict'
import { connect as connectTcp, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import type { RelayOptions } from '../src/index.ts'
import { closeMessage, fragment } from './support/fragments.ts'
import { RawClient, rawServer, Upstream } from './support/peers.ts'
import { type Setup, setUp } from './support/relays.ts'
import {
  assertEnds,
  faultyUpstream,
  join,
  linesOf,
  pair,
  rawPair,
  stillServes,
  switching,
} from './support/sessions.ts'

/** A provider whose first connection does what a test wants, while all others are passed on to one that works. */
async function faultyOnce(
  t: TestContext,
  act: (socket: Socket, key: string) => void,
  options: Partial<RelayOptions> = {},
): Promise<Setup> {
  const upstream = await Upstream.start(t)
  const faulty = await faultyUpstream(t, act)
  let first = true
  const upstreamUrl = await rawServer(t, (socket) => {
    const { port } = new URL(first ? faulty : upstream.url)
    first = false
    const onward = connectTcp(Number(port), '127.0.0.1')
    for (const [from, to] of [
      [socket, onward],
      [onward, socket],
    ] as const) {
      from.on('data', (chunk: Buffer) => to.write(chunk))
      from.on('end', () => to.end())
      // Where the end could not be sent, Node neither resets nor closes the socket, and waits for it when it exits.
      from.on('error', () => (to.writableEnded ? to.destroy() : to.resetAndDestroy()))
      from.on('close', () => to.destroy())
    }
  })
  return { ...(await setUp(t, { ...options, upstreamUrl })), upstream }
}

/** The line that the only session so far has left. */
async function assertLogged(setup: Setup, fields: Record<string, unknown>): Promise<void> {
  const line = await setup.logged('session ended')
  assert.deepEqual(Object.fromEntries(Object.keys(fields).map((name) => [name, line[name]])), fields)
  assert.equal(setup.relay.sessions, 0)
}

// R-UP-7, R-LIFE-6, R-UP-8, R-UP-9, R-CLOSE-3, R-CLOSE-4, R-CLOSE-5, R-CLOSE-6
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
      assert.ok(!setup.log().includes(setup.key))
    })
  }
})

// R-UP-6
test('Relay gives up dialling after its time', async (t) => {
  const setup = await faultyOnce(t, () => {}, { connectTimeoutMs: 500 })
  await assertEnds(await join(t, setup), 'upstream_timeout', 1011)
  await assertLogged(setup, { code: 'upstream_timeout', endedBy: 'relay', upstreamCloseCode: 1006 })
  await stillServes(t, setup)
})

// R-UP-7
test('Relay cannot reach a provider that is not there', async (t) => {
  const gone = await Upstream.start(t)
  await gone.close()
  const setup = await setUp(t, { upstreamUrl: gone.url })
  await assertEnds(await join(t, setup), 'upstream_unavailable', 1011)
  await assertLogged(setup, { code: 'upstream_unavailable', upstreamStatus: null })
})

// R-LIFE-2, R-LIFE-6
test('Relay tells the client when the provider’s connection breaks', async (t) => {
  const setup = await setUp(t)
  const lost = await pair(t, setup)
  lost.provider.socket.terminate()
  await assertEnds(lost.client, 'upstream_lost', 1011)
  await assertLogged(setup, { code: 'upstream_lost', endedBy: 'upstream', clientCloseCode: 1011 })
  await stillServes(t, setup)
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

// R-MSG-7, R-LIFE-6
test('Relay refuses malformed messages of the provider, and goes on with another connection', async (t) => {
  const refuse = async (bytes: Buffer) => {
    const closed = Promise.withResolvers<void>()
    const setup = await faultyOnce(t, (socket, key) => {
      socket.resume()
      socket.on('close', () => closed.resolve())
      socket.write(Buffer.concat([Buffer.from(switching(key)), bytes]))
    })
    await assertEnds(await join(t, setup), 'upstream_protocol_error', 1011)
    await closed.promise
    await assertLogged(setup, { code: 'upstream_protocol_error', endedBy: 'relay' })
    await stillServes(t, setup)
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
  await assertLogged(deaf, { code: 'upstream_lost', endedBy: 'upstream' })
})

// R-CLOSE-1, R-MSG-7, R-LIFE-6
test('Relay passes on every close code of the provider that may be sent, and 1011 for those that may not', async (t) => {
  const setup = await setUp(t)
  const legal = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 4000, 4999]
  const illegal = [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535]
  for (const code of [...legal, ...illegal]) {
    const { client, provider } = await pair(t, setup)
    // Past `ws`, which would not send them all.
    const socket = provider.socket['_socket' as never] as Socket
    socket.write(closeMessage(code, 'why', { masked: false }))
    const passed = legal.includes(code)
    const expected = { code: passed ? code : 1011, reason: passed ? 'why' : 'upstream_protocol_error' }
    assert.deepEqual(await client.closed, expected, String(code))
    socket.destroy()
  }
  await setup.ended(legal.length + illegal.length)
  const codes = linesOf(setup, 'session ended').map((line) => line['code'])
  assert.deepEqual(codes, [...legal.map(() => null), ...illegal.map(() => 'upstream_protocol_error')])
  await stillServes(t, setup)
})

// R-UP-6, R-LIFE-6
test('Relay gives up on a provider whose answer trickles, serving others meanwhile', async (t) => {
  const setup = await faultyOnce(
    t,
    (socket) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\n')
      const trickle = setInterval(() => socket.write('X'), 50)
      socket.on('close', () => clearInterval(trickle))
    },
    { connectTimeoutMs: 1000 },
  )
  const client = await join(t, setup)
  await stillServes(t, setup)
  await assertEnds(client, 'upstream_timeout', 1011)
})

// R-UP-8, R-LIFE-6
test('Relay stands a provider whose answer has an endless header', async (t) => {
  const setup = await faultyOnce(t, (socket) => {
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nX-Filler: ${'x'.repeat(200_000)}\r\n`)
  })
  await assertEnds(await join(t, setup), 'upstream_protocol_error', 1011)
  await assertLogged(setup, { code: 'upstream_protocol_error' })
  await stillServes(t, setup)
})
