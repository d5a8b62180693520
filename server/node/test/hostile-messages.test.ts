import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { fill } from './support/flood.ts'
import { closeMessage, fragment } from './support/fragments.ts'
import { setUp } from './support/relays.ts'
import { linesOf, pair, rawPair, stillServes } from './support/sessions.ts'

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
  const lines = linesOf(setup, 'session ended')
  // A client that sends too much is not read until it has closed, so its session takes longer to end.
  assert.deepEqual(
    lines.map((line) => `${line['code']} ${line['clientCloseCode']} ${line['endedBy']}`).toSorted(),
    cases.map(([, , closeCode, code]) => `${code} ${closeCode} relay`).toSorted(),
  )
  assert.equal(setup.relay.sessions, 1)
  good.client.send('beside all that')
  assert.equal((await good.provider.next()).data, 'beside all that')
  await stillServes(t, setup)
})

// R-MSG-8
test('Relay leaves the judgement on UTF-8 in messages to the endpoints', async (t) => {
  const setup = await setUp(t)
  const { client, provider } = await rawPair(t, setup)
  client.write(fragment(1, Buffer.of(0xff, 0xfe)))
  const { code } = await client.close()
  assert.equal(code, 1007, 'the provider’s own verdict')
  assert.equal((await provider.closed).code, 1006)
  await stillServes(t, setup)
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
  client.socket.destroy()
  await provider.closed
  assert.equal((await setup.logged('session ended'))['endedBy'], 'client')
  await stillServes(t, setup)
})

// R-FLOW-1, R-FLOW-2
test('Relay pauses a client whose provider does not read, holds little, and loses nothing', async (t) => {
  const setup = await setUp(t)
  const { client, provider } = await rawPair(t, setup)
  provider.socket.pause()
  const before = process.memoryUsage().arrayBuffers
  const taken = await fill(client.socket, fragment(2, Buffer.alloc(1 << 20)), 120 << 20)
  assert.ok(taken < 60 << 20, `took ${taken >> 20} MB`) // the kernel's buffers hold most of it
  assert.ok(process.memoryUsage().arrayBuffers - before < 48 << 20)
  await stillServes(t, setup) // while the client is paused, too
  let got = 0
  const all = new Promise<void>((resolve) => {
    provider.socket.on('message', (data: Buffer) => {
      got += data.length
      if (got === (taken / ((1 << 20) + 14)) * (1 << 20)) resolve()
    })
  })
  provider.socket.resume()
  await all
  await stillServes(t, setup)
})

// R-MSG-5, R-LIFE-6
test('Relay ends a message of 20 MB that comes in fragments at its bound, holding next to nothing', async (t) => {
  const setup = await setUp(t)
  const { client, provider } = await rawPair(t, setup)
  const before = process.memoryUsage().arrayBuffers
  const part = Buffer.alloc(1 << 20)
  for (let sent = 0; sent < 20; sent += 1) client.write(fragment(sent === 0 ? 2 : 0, part, { final: false }))
  const { code, texts } = await client.close()
  assert.equal(code, 1009)
  assert.equal(JSON.parse(texts[0]!).code, 'message_too_big')
  assert.ok([1001, 1006].includes((await provider.closed).code))
  client.socket.destroy()
  assert.equal((await setup.logged('session ended'))['code'], 'message_too_big')
  assert.ok(process.memoryUsage().arrayBuffers - before < 48 << 20) // the test itself holds most of it
  await stillServes(t, setup)
})

// R-MSG-5
test('Relay refuses 20 MB at the length, with nothing of them passed on', async (t) => {
  const setup = await setUp(t)
  const { client, provider } = await rawPair(t, setup)
  client.write(fragment(2, Buffer.alloc(64), { declared: 20_000_000n }))
  assert.equal((await client.close()).code, 1009)
  assert.equal((await provider.closed).code, 1001)
  const { bytesUp } = await setup.logged('session ended')
  assert.ok(Number(bytesUp) < 100)
  await stillServes(t, setup)
})

// R-MSG-9, R-LIFE-6
test('Relay serves a well-behaved session in the middle of floods of messages, pings and sound', async (t) => {
  const setup = await setUp(t)
  const { client, provider } = await pair(t, setup)
  const floods = [fragment(2, Buffer.alloc(960)), fragment(1, '{}'), fragment(9, 'p'), fragment(2, '')]
  let over = false
  const running = floods.map(async (message) => {
    const hostile = await rawPair(t, setup)
    // Neither end parses: what is left is what the relay does.
    const sink = hostile.provider.socket['_socket' as never] as Socket
    sink.removeAllListeners('data').resume()
    hostile.client.socket.removeAllListeners('data').resume()
    const bytes = Buffer.concat(Array(200).fill(message))
    let rounds = 0
    for (; !over; rounds += 1) {
      if (!hostile.client.socket.write(bytes)) await once(hostile.client.socket, 'drain')
      await setImmediate() // a write that the kernel takes at once would let nobody else run
    }
    hostile.client.socket.destroy()
    return rounds
  })
  for (let round = 0; round < 200; round += 1) {
    client.send(`ask ${round}`)
    assert.equal((await provider.next()).data, `ask ${round}`)
    provider.send(`answer ${round}`)
    assert.equal((await client.next()).data, `answer ${round}`)
  }
  over = true
  for (const rounds of await Promise.all(running)) assert.ok(rounds > 0)
  await setup.ended(floods.length)
  await stillServes(t, setup)
})

// R-POLICY-1
test('Relay without a policy passes on JSON that no parser would like, as it is', async (t) => {
  const setup = await setUp(t)
  const { client, provider } = await pair(t, setup)
  const odd = [
    '{"__proto__":{"type":"session.update"},"type":"x"}',
    '['.repeat(10_000) + ']'.repeat(10_000),
    '{"type":"a","type":"b"}',
    '"\\ud800"',
    '{"type":',
    '\u0000',
  ]
  for (const text of odd) client.send(text)
  for (const text of odd) assert.deepEqual(await provider.next(), { data: text, binary: false })
  await stillServes(t, setup)
})
