import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { hashUser } from '../src/auth.ts'
import { createRelay } from '../src/index.ts'
import { closeMessage, fragment } from './support/fragments.ts'
import { connect, RawClient } from './support/peers.ts'
import { ORIGIN, setUp } from './support/relays.ts'

// R-MSG-1, R-POLICY-1
test('Relay passes text and binary messages both ways, in order and as what they are', async (t) => {
  const { url, upstream, authorization } = await setUp(t)
  const client = await connect(t, `${url}/v1/listen`, { headers: await authorization() })
  const provider = await upstream.accept()
  const messages = [
    'hello',
    randomBytes(200),
    '',
    randomBytes(70_000),
    'ü€🙂',
    randomBytes(0),
    'x'.repeat(300_000),
  ]
  for (const [from, to] of [
    [client, provider],
    [provider, client],
  ] as const) {
    for (const message of messages) from.send(message)
    for (const message of messages) {
      const received = await to.next()
      assert.equal(received.binary, typeof message !== 'string')
      assert.deepEqual(received.data, message)
    }
  }
})

// R-MSG-2
test('Relay flushes what came before the provider answered, in order', async (t) => {
  let answer = () => {}
  const asked = Promise.withResolvers<void>()
  const { WebSocketServer } = await import('ws')
  const slow = new WebSocketServer({
    host: '127.0.0.1',
    port: 0,
    verifyClient: (_info, done) => {
      answer = () => done(true)
      asked.resolve()
    },
  })
  await once(slow, 'listening')
  t.after(() => slow.close())
  t.after(() => {
    for (const client of slow.clients) client.terminate()
  })
  const upstreamUrl = `ws://127.0.0.1:${(slow.address() as AddressInfo).port}`
  const { url, authorization } = await setUp(t, { upstreamUrl })
  const client = await connect(t, `${url}/v1/realtime`, { headers: await authorization() })
  for (let index = 0; index < 1000; index += 1) client.send(String(index))
  await asked.promise
  const got: string[] = []
  const all = new Promise<void>((resolve) => {
    slow.on('connection', (socket) =>
      socket.on('message', (data) => {
        if (got.push(String(data)) === 1000) resolve()
      }),
    )
  })
  answer()
  await all
  assert.deepEqual(
    got,
    Array.from({ length: 1000 }, (_, index) => String(index)),
  )
})

// R-PATH-1, R-PATH-2, R-PATH-3, R-UP-2, R-UP-3, R-UP-4, R-UP-5
test('Relay dials the path of the provider with the key in a header and nothing of the client', async (t) => {
  const { url, upstream, key, authorization } = await setUp(t)
  const cases = [
    ['/v1/realtime?model=m&token=T', '/v1/realtime?model=m', `Bearer ${key}`],
    ['/realtime?model=a%20b', '/v1/realtime?model=a%20b', `Bearer ${key}`],
    ['/v1/agent/converse', '/v1/agent/converse', `Token ${key}`],
    ['/v1/listen?keyterm=a&keyterm=b%26c', '/v1/listen?keyterm=a&keyterm=b%26c', `Token ${key}`],
    ['/v2/listen?model=flux-general-en', '/v2/listen?model=flux-general-en', `Token ${key}`],
    ['/deepgram-proxy', '/v1/agent/converse', `Token ${key}`],
    ['/deepgram-proxy?service=transcription&x=1', '/v1/listen?x=1', `Token ${key}`],
    ['/deepgram-proxy/transcription', '/v1/listen', `Token ${key}`],
  ] as const
  for (const [asked, dialled, authorized] of cases) {
    const headers = {
      ...(await authorization()),
      'OpenAI-Beta': 'realtime=v1',
      'OpenAI-Organization': 'org-mine',
      Cookie: 'session=1',
    }
    const protocols = [
      'realtime',
      'openai-beta.realtime-v1',
      'openai-organization.org-mine',
      'openai-agents-sdk.1',
    ]
    const client = await connect(t, url + asked, { headers, protocols, origin: ORIGIN })
    assert.equal(client.socket.protocol, 'realtime')
    await upstream.accept()
    const request = upstream.requests.at(-1)!
    assert.equal(request.url, dialled)
    assert.equal(request.headers.authorization, authorized)
    for (const name of ['openai-beta', 'openai-organization', 'cookie', 'origin']) {
      assert.equal(request.headers[name], undefined, name)
    }
    const openai = dialled.startsWith('/v1/realtime')
    assert.equal(request.headers['sec-websocket-protocol'], openai ? 'realtime' : undefined)
    assert.equal(request.headers['openai-safety-identifier'], openai ? hashUser('user-1') : undefined)
  }
})

// R-CLOSE-1
test('Relay forwards a close both ways with its code as far as it may be sent', async (t) => {
  const { url, upstream, relay, authorization, ended } = await setUp(t)
  const cases = [
    [1000, 1000],
    [1001, 1001],
    [1008, 1008],
    [1011, 1011],
    [1012, 1012],
    [3000, 3000],
    [4999, 4999],
    [undefined, 1000],
  ] as const
  for (const fromClient of [true, false]) {
    for (const [sent, expected] of cases) {
      const client = await connect(t, `${url}/v1/realtime`, { headers: await authorization() })
      const provider = await upstream.accept()
      const [from, to] = fromClient ? [client, provider] : [provider, client]
      from.socket.close(sent, sent === undefined ? undefined : 'why')
      assert.deepEqual(await to.closed, { code: expected, reason: sent === undefined ? '' : 'why' })
      assert.equal((await from.closed).code, sent ?? 1005)
    }
  }
  await ended(2 * cases.length)
  assert.equal(relay.sessions, 0)
})

// R-UP-2
test('Relay keeps the key out of a close reason', async (t) => {
  const { url, upstream, key, authorization } = await setUp(t)
  const client = await connect(t, `${url}/v1/realtime`, { headers: await authorization() })
  const provider = await upstream.accept()
  provider.socket.close(3000, `bad key ${key}`)
  assert.deepEqual(await client.closed, { code: 3000, reason: '' })
})

// R-MSG-1, R-MSG-3
test('Relay passes on fragmented messages with control messages in between', async (t) => {
  const { url, upstream, authorization } = await setUp(t)
  const client = await RawClient.open(t, url)
  await client.handshake('/v1/listen', await authorization())
  const provider = await upstream.accept()
  const whole = Buffer.concat([
    fragment(1, 'one ', { final: false }),
    fragment(9, 'ping'),
    fragment(0, 'two ', { final: false }),
    fragment(0, 'three'),
    fragment(2, 'bytes'),
  ])
  for (const byte of whole) client.write(Buffer.of(byte))
  assert.deepEqual(await provider.next(), { data: 'one two three', binary: false })
  assert.deepEqual(await provider.next(), { data: Buffer.from('bytes'), binary: true })
  const answer = fragment(10, 'ping', { masked: false })
  await client.until((received) => received.includes(answer))
  assert.equal(provider.pings.length, 0, 'pings are answered by the relay')
  client.write(closeMessage(1000))
  assert.equal((await provider.closed).code, 1000)
  await client.closed
})

// R-PATH-4, R-PATH-5
test('Relay attaches to a server beside its own handlers, under a prefix, and can be taken out again', async (t) => {
  const { upstream, key, secret, ticket } = await setUp(t)
  const server = createServer((_request, response) => response.end('application'))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const relay = createRelay({
    openai: { apiKey: key, url: upstream.url },
    tickets: { secret },
    allowedOrigins: [ORIGIN],
    prefix: '/voice',
    logger: { info: () => {}, warn: () => {} },
  })
  const detach = relay.attach(server)
  t.after(() => relay.close())
  assert.equal(await (await fetch(`${url}/page`)).text(), 'application')
  assert.deepEqual(await (await fetch(`${url}/voice/health`)).json(), { status: 'ok' })
  const protocols = ['realtime', `openai-insecure-api-key.${await ticket()}`]
  const client = await connect(t, `${url}/voice/v1/realtime`, { protocols })
  await upstream.accept()
  await assert.rejects(connect(t, `${url}/v1/realtime`, { protocols }), /HTTP 404/)
  client.socket.close()
  await client.closed
  detach()
  assert.equal(await (await fetch(`${url}/voice/health`)).text(), 'application')
})

// R-LOG-1, R-LOG-2
test('Relay logs what a session was, and no key, ticket, query or content', async (t) => {
  const { url, upstream, key, secret, ticket, log, logged } = await setUp(t)
  const shown = await ticket()
  const path = `/v1/realtime?model=secret-model&token=${shown}`
  const client = await connect(t, url + path, { origin: ORIGIN })
  const provider = await upstream.accept()
  client.send('{"type":"secret-content"}')
  await provider.next()
  provider.send('{"type":"secret-answer"}')
  await client.next()
  client.socket.close(4001, 'secret-reason')
  await client.closed
  const ended = await logged('session ended')
  assert.equal(ended['path'], '/v1/realtime')
  assert.equal(ended['origin'], ORIGIN)
  assert.equal(ended['user'], hashUser('user-1').slice(0, 16))
  assert.equal(ended['endedBy'], 'client')
  assert.equal(ended['clientCloseCode'], 4001)
  assert.equal(typeof ended['upstreamCloseCode'], 'number')
  assert.ok((ended['bytesUp'] as number) > 25 && (ended['bytesDown'] as number) > 24)
  assert.match(String(ended['id']), /^[0-9a-f-]{36}$/)
  for (const hidden of [key, secret, shown, 'secret-', 'user-1']) assert.ok(!log().includes(hidden), hidden)
})
