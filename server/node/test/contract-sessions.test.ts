import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { test } from 'node:test'
import { closeMessage, fragment } from './support/fragments.ts'
import { connect, RawClient, Upstream } from './support/peers.ts'
import { ORIGIN, setUp } from './support/relays.ts'
import {
  assertEnds,
  faultyUpstream,
  join,
  pair,
  rawPair,
  stillServes,
  switching,
} from './support/sessions.ts'

// R-UP-3, R-UP-4
test('Relay lets nothing of a client’s credentials through, however they are written', async (t) => {
  const setup = await setUp(t)
  const ticket = await setup.ticket()
  const query = `model=m&%74oken=${ticket}&to%6ben=x&tag=a&tag=%C3%BC&serv%69ce=agent&empty=&token`
  const client = await connect(t, `${setup.url}/v1/realtime?${query}`, {
    origin: ORIGIN,
    protocols: ['realtime', 'openai-insecure-api-key.sk-mine', 'openai-beta.realtime-v1'],
    headers: {
      Authorization: `Bearer ${ticket}`,
      'OpenAI-Beta': 'realtime=v1',
      'X-Api-Key': 'mine',
      'X-Forwarded-For': '203.0.113.1',
      Cookie: 'a=b',
    },
  })
  await setup.upstream.accept()
  const { headers, url } = setup.upstream.requests[0]!
  assert.equal(url, '/v1/realtime?model=m&tag=a&tag=%C3%BC&empty=')
  assert.deepEqual(
    Object.keys(headers)
      .filter((name) => !/^(host|connection|upgrade|sec-websocket-(key|version))$/.test(name))
      .toSorted(),
    ['authorization', 'openai-safety-identifier', 'sec-websocket-protocol', 'user-agent'],
  )
  assert.equal(headers['sec-websocket-protocol'], 'realtime')
  assert.ok(!JSON.stringify(headers).includes(ticket))
  client.socket.close()
})

// R-UP-1
test('Relay dials the configured host whatever a client names', async (t) => {
  const elsewhere = await Upstream.start(t)
  const setup = await setUp(t)
  const host = elsewhere.url.replace('ws:', '')
  for (const query of [`host=${host}`, `url=${elsewhere.url}`, `endpoint=${elsewhere.url}`, `@${host}`]) {
    const headers = { ...(await setup.authorization()), Host: host.slice(2), 'X-Forwarded-Host': host }
    await connect(t, `${setup.url}/v1/realtime?${query}`, { headers })
    await setup.upstream.accept()
  }
  assert.equal(elsewhere.requests.length, 0)
  assert.equal(setup.upstream.requests.at(-1)?.headers.host, setup.upstream.url.replace('ws://', ''))
})

// R-UP-9, R-UP-7
test('Relay follows no redirect of the provider', async (t) => {
  const elsewhere = await Upstream.start(t)
  const location = elsewhere.url.replace('ws:', 'http:')
  const upstreamUrl = await faultyUpstream(t, (socket) => {
    socket.end(`HTTP/1.1 307 Temporary Redirect\r\nLocation: ${location}/\r\nContent-Length: 0\r\n\r\n`)
  })
  const setup = await setUp(t, { upstreamUrl })
  await assertEnds(await join(t, setup), 'upstream_refused', 1011)
  const ended = await setup.logged('session ended')
  assert.equal(ended['upstreamStatus'], 307)
  assert.ok(!setup.log().includes(location))
  assert.equal(elsewhere.requests.length, 0)
})

// R-MSG-1
test('Relay loses, reorders and changes nothing of a thousand mixed messages each way at once', async (t) => {
  const setup = await setUp(t)
  const { client, provider } = await pair(t, setup, '/v1/listen')
  const messages = Array.from({ length: 1000 }, (_, index) =>
    index % 3 === 0 ? `${index} ${'ä'.repeat(index % 500)}` : randomBytes((index * 37) % 5000),
  )
  const carry = async (from: typeof client, to: typeof client) => {
    for (const message of messages) from.send(message)
    for (const message of messages) {
      assert.deepEqual(await to.next(), { data: message, binary: typeof message !== 'string' })
    }
  }
  await Promise.all([carry(client, provider), carry(provider, client)])
})

// R-CLOSE-1
test('Relay maps closes that may be sent, that have no code, and that never came', async (t) => {
  const setup = await setUp(t)
  const same = [
    1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999,
  ]
  for (const code of same) {
    const { client, provider } = await rawPair(t, setup)
    client.write(closeMessage(code, 'why'))
    assert.deepEqual(await provider.closed, { code, reason: 'why' })
  }
  const { client, provider } = await rawPair(t, setup)
  client.write(fragment(8, ''))
  assert.deepEqual(await provider.closed, { code: 1000, reason: '' })
  const lost = await rawPair(t, setup)
  lost.client.socket.resetAndDestroy()
  assert.equal((await lost.provider.closed).code, 1011)
  await stillServes(t, setup)
})

// R-CLOSE-2
test('Relay passes on a reason of 123 bytes as it is', async (t) => {
  const setup = await setUp(t)
  const reason = `${'€'.repeat(41)}` // three bytes each
  for (const fromClient of [true, false]) {
    const { client, provider } = await pair(t, setup)
    const [from, to] = fromClient ? [client, provider] : [provider, client]
    from.socket.close(4000, reason)
    assert.deepEqual(await to.closed, { code: 4000, reason })
  }
})

// R-LIFE-2
test('Relay closes the provider with 1011 when a client is lost', async (t) => {
  const setup = await setUp(t)
  const { client, provider } = await pair(t, setup)
  client.socket.terminate()
  assert.equal((await provider.closed).code, 1011)
  const ended = await setup.logged('session ended')
  assert.deepEqual([ended['endedBy'], ended['clientCloseCode']], ['client', 1006])
})

// R-LIFE-3
test('Relay answers a ping itself while the provider is being dialled, and has the payload right', async (t) => {
  const setup = await setUp(t, { upstreamUrl: await faultyUpstream(t, () => {}) })
  const client = await join(t, setup)
  client.socket.ping('are you there')
  const [payload] = (await once(client.socket, 'pong')) as [Buffer]
  assert.equal(payload.toString(), 'are you there')
})

// R-MSG-2
test('Relay takes up to the bound before the provider answers, and counts to the byte beyond it', async (t) => {
  const setup = await setUp(t, { upstreamUrl: await faultyUpstream(t, () => {}), maxEarlyBytes: 1000 })
  const client = await RawClient.open(t, setup.url)
  await client.handshake('/v1/realtime', await setup.authorization())
  client.write(Buffer.concat([fragment(2, Buffer.alloc(992)), fragment(9, 'room')])) // 8 bytes of header
  await client.until((received) => received.includes('room'))
  client.write(fragment(2, ''))
  const { code, texts } = await client.close()
  assert.equal(code, 1009)
  assert.equal(JSON.parse(texts[0]!).error.code, 'message_too_big')
})

// R-MSG-7, R-CLOSE-3
test('Relay says in a notice, before the close, what the provider did wrong', async (t) => {
  const upstreamUrl = await faultyUpstream(t, (socket, key) => {
    socket.resume()
    const whole = fragment(1, 'fine', { masked: false })
    socket.write(Buffer.concat([Buffer.from(switching(key)), whole, fragment(4, '', { masked: false })]))
  })
  const setup = await setUp(t, { upstreamUrl })
  const client = await join(t, setup, '/v1/agent/converse')
  assert.equal((await client.next()).data, 'fine')
  assert.deepEqual(Object.keys(await client.nextJson()), ['type', 'code', 'description'])
  assert.deepEqual(await client.closed, { code: 1011, reason: 'upstream_protocol_error' })
})

// R-LOG-1
test('Relay logs a refused upgrade with path, origin, status and code, and nothing of the ticket', async (t) => {
  const setup = await setUp(t)
  const shown = `${await setup.ticket()}x`
  const refused = connect(t, `${setup.url}/realtime?token=${shown}&x=hidden`, { origin: ORIGIN })
  await assert.rejects(refused, /HTTP 401/)
  const { path, origin, status, code } = await setup.logged('upgrade refused')
  assert.deepEqual([path, origin, status, code], ['/v1/realtime', ORIGIN, 401, 'ticket_invalid'])
  assert.ok(!setup.log().includes(shown) && !setup.log().includes('hidden'))
})
