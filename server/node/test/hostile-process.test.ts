import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { fragment } from './support/fragments.ts'
import { connect, handshakeRequest, RawClient, Upstream } from './support/peers.ts'
import { spawnRelay, startRelay } from './support/processes.ts'
import { faultyUpstream } from './support/sessions.ts'

// R-DRAIN-2, R-LIFE-1
test('The command ends with 0 after the drain time, whatever its sessions are doing', async (t) => {
  const upstream = await Upstream.start(t)
  const { child, url, log, errors, exited, authorization } = await startRelay(t, upstream.url, {
    DRAIN_SECONDS: '1',
  })
  const live = await connect(t, `${url}/v1/realtime`, { headers: await authorization() })
  const deaf = await RawClient.open(t, url) // neither answers pings nor closes
  await deaf.handshake('/v1/realtime', await authorization())
  deaf.socket.pause()
  const providers = [await upstream.accept(), await upstream.accept()]
  child.kill('SIGTERM')
  assert.equal((await live.nextOfType('relay.warning')).warning.code, 'draining')
  await assert.rejects(connect(t, `${url}/v1/realtime`, { headers: await authorization() }))
  assert.equal((await live.nextOfType('error')).error.code, 'draining')
  assert.deepEqual(await live.closed, { code: 1012, reason: 'draining' })
  for (const provider of providers) assert.ok([1001, 1006].includes((await provider.closed).code))
  assert.deepEqual(await exited, [0, null])
  assert.equal((await log.find('draining'))[0]!['sessions'], 2)
  const codes = (await log.find('session ended', 2)).map((line) => [line['code'], line['endedBy']])
  assert.deepEqual(codes, Array(2).fill(['draining', 'relay']))
  assert.equal(errors(), '')
})

// R-DRAIN-2, R-UP-10
test('The command ends with 0 while it is dialling a provider that does not answer', async (t) => {
  const dialled = Promise.withResolvers<void>()
  const upstreamUrl = await faultyUpstream(t, () => dialled.resolve())
  const { child, url, errors, exited, authorization } = await startRelay(t, upstreamUrl, {
    DRAIN_SECONDS: '0',
  })
  const client = await connect(t, `${url}/v1/realtime`, { headers: await authorization() })
  await dialled.promise
  child.kill('SIGTERM')
  assert.deepEqual(await client.closed, { code: 1012, reason: 'draining' })
  assert.deepEqual(await exited, [0, null])
  assert.equal(errors(), '')
})

// R-LIFE-6
test('The command outlives whatever clients send it, and has nothing to say on standard error', async (t) => {
  const upstream = await Upstream.start(t)
  const { child, url, log, errors, exited, authorization } = await startRelay(t, upstream.url)
  const requests = [
    '\0\0\0\0\r\n\r\n',
    'GET * HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
    handshakeRequest('/v1/realtime?%', { Authorization: 'Bearer %%%' }),
    handshakeRequest('/v1/realtime?token=%ff%fe', {}),
    handshakeRequest('http://[/v1/realtime', {}),
    handshakeRequest('/v1/realtime', { Origin: 'https://app.example', 'X-Forwarded-For': ',,::::,' }),
    'OPTIONS /v1/realtime HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
    'POST /api/voice-agent/token HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{]',
  ]
  for (const request of requests) {
    const raw = await RawClient.open(t, url)
    raw.write(request)
    raw.socket.end()
    await raw.closed
  }
  const broken = await RawClient.open(t, url)
  await broken.handshake('/v1/realtime', await authorization())
  await upstream.accept()
  broken.write(fragment(5, 'x'))
  assert.equal((await broken.close()).code, 1002)
  assert.equal((await log.find('session ended'))[0]!['code'], 'protocol_error')
  const client = await connect(t, `${url}/v1/realtime`, { headers: await authorization() })
  client.send('still here')
  assert.equal((await (await upstream.accept()).next()).data, 'still here')
  client.socket.close(1000)
  await client.closed
  child.kill('SIGTERM')
  assert.deepEqual(await exited, [0, null])
  assert.equal(errors(), '')
})

// R-CONF-1
test('The command starts with no variable wrong, and names the one that is', async (t) => {
  const right = { OPENAI_API_KEY: 'k', ALLOWED_ORIGINS: 'https://app.example', TICKET_SECRET: 's'.repeat(32) }
  const wrong: [string, string][] = [
    ['ALLOWED_ORIGINS', 'https://app.example/path'],
    ['OPENAI_API_URL', 'ftp://user:hidden@provider.example'],
    ['MAX_CONNECTIONS', 'hidden'.length.toString().repeat(20)],
    ['TICKET_SECRET', 'hidden'],
  ]
  await Promise.all(
    wrong.map(async ([name, value]) => {
      const child = spawnRelay(t, { ...right, [name]: value })
      let said = ''
      for (const stream of [child.stdout!, child.stderr!]) {
        stream.on('data', (chunk: Buffer) => {
          said += chunk.toString()
        })
      }
      assert.deepEqual(await once(child, 'close'), [78, null])
      assert.match(said, new RegExp(`^Cannot start the relay as ${name} must be [^\\n]+\\n$`))
      assert.ok(!said.includes('hidden'))
    }),
  )
})
