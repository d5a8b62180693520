import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base'
import { connect, rawServer } from './support/peers.ts'
import { setUp } from './support/relays.ts'
import { post, REFRESH, startService, TOKEN } from './support/token-services.ts'

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
const PARENT = '00f067aa0ba902b7'

/** A tracer of the SDK whose spans can be read as soon as they have ended. */
function startTracing(t: TestContext) {
  const exporter = new InMemorySpanExporter()
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
  t.after(() => provider.shutdown())
  const spans = () => exporter.getFinishedSpans()
  const named = (name: string) => spans().find((span) => span.name === name) as ReadableSpan
  return { provider, tracer: provider.getTracer('test'), spans, named }
}

test('A session is one span with what it was, and its dial a child, below the request’s traceparent', async (t) => {
  const { tracer, spans, named } = startTracing(t)
  const setup = await setUp(t, { tracer })
  const mark = randomBytes(8).toString('hex')
  const headers = {
    ...(await setup.authorization({ user: `user-${mark}` })),
    traceparent: `00-${TRACE}-${PARENT}-01`,
    'User-Agent': mark,
  }
  const client = await connect(t, `${setup.url}/v1/realtime?model=${mark}`, { headers })
  const provider = await setup.upstream.accept()
  client.send(mark)
  await provider.next()
  provider.send(mark)
  await client.next()
  client.socket.close(4001, mark)
  await setup.ended(1)
  assert.equal(spans().length, 2)
  const [session, dial] = [named('voicewire.session'), named('voicewire.dial')]
  assert.equal(session.spanContext().traceId, TRACE)
  assert.equal(session.parentSpanContext?.spanId, PARENT)
  assert.equal(session.kind, SpanKind.SERVER)
  assert.equal(session.status.code, SpanStatusCode.UNSET)
  const { 'voicewire.connect_ms': connectMs, 'voicewire.bytes.up': up, ...rest } = session.attributes
  assert.ok(Number.isInteger(connectMs))
  assert.ok((up as number) > mark.length)
  assert.deepEqual(rest, {
    'voicewire.path': '/v1/realtime',
    'voicewire.provider': 'openai',
    'voicewire.code': 'none',
    'voicewire.ended_by': 'client',
    'voicewire.close_code.client': 4001,
    'voicewire.close_code.upstream': 4001,
    'voicewire.bytes.down': rest['voicewire.bytes.down'],
    'voicewire.messages.up': 1,
    'voicewire.messages.down': 1,
  })
  assert.equal(dial.parentSpanContext?.spanId, session.spanContext().spanId)
  assert.equal(dial.kind, SpanKind.CLIENT)
  assert.equal(dial.attributes['voicewire.code'], 'accepted')
  const text = JSON.stringify(spans().map(({ attributes, events, name }) => [attributes, events, name]))
  assert.ok(!text.includes(mark))
})

test('A session that the provider refused is an error in both spans', async (t) => {
  const { tracer, named } = startTracing(t)
  const upstreamUrl = await rawServer(t, (socket) => {
    socket.once('data', () => socket.end('HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n'))
  })
  const setup = await setUp(t, { tracer, upstreamUrl })
  const client = await connect(t, `${setup.url}/v1/listen`, { headers: await setup.authorization() })
  await client.closed
  await setup.ended(1)
  for (const name of ['voicewire.session', 'voicewire.dial']) {
    assert.equal(named(name).status.code, SpanStatusCode.ERROR)
    assert.equal(named(name).attributes['voicewire.code'], 'upstream_unavailable')
  }
})

test('A dial that the client did not wait for ends with its session', async (t) => {
  const { tracer, named } = startTracing(t)
  const asked = Promise.withResolvers<void>()
  const upstreamUrl = await rawServer(t, (socket) => void socket.once('data', () => asked.resolve()))
  const setup = await setUp(t, { tracer, upstreamUrl })
  const client = await connect(t, `${setup.url}/v1/listen`, { headers: await setup.authorization() })
  await asked.promise
  client.socket.terminate()
  await setup.ended(1)
  assert.equal(named('voicewire.dial').attributes['voicewire.code'], 'abandoned')
  assert.equal(named('voicewire.session').attributes['voicewire.connect_ms'], undefined)
})

test('A refused upgrade is a span, and a traceparent that is none begins a new trace', async (t) => {
  const { tracer, spans } = startTracing(t)
  const setup = await setUp(t, { tracer })
  const wrong = ['', 'nonsense', `ff-${TRACE}-${PARENT}-01`, `00-${'0'.repeat(32)}-${PARENT}-01`]
  for (const traceparent of wrong) {
    await assert.rejects(connect(t, `${setup.url}/v1/realtime`, { headers: { traceparent } }), /HTTP 401/)
  }
  await setup.logged('upgrade refused')
  assert.equal(spans().length, wrong.length)
  for (const span of spans()) {
    assert.equal(span.name, 'voicewire.handshake')
    assert.equal(span.parentSpanContext, undefined)
    assert.deepEqual(span.attributes, {
      'voicewire.path': '/v1/realtime',
      'voicewire.code': 'ticket_missing',
      'http.response.status_code': 401,
    })
  }
})

test('A request for a token is a span, in a relay and in a token service alone', async (t) => {
  const { tracer, spans } = startTracing(t)
  const authenticate = () => ({ user: 'ann' })
  const relay = await setUp(t, { tracer, authenticate })
  const alone = await startService(t, { tracer, authenticate })
  for (const { url } of [relay, alone]) {
    const traceparent = `00-${TRACE}-${PARENT}-01`
    assert.equal((await post(url, TOKEN, {}, { traceparent })).status, 200)
    assert.equal((await post(url, REFRESH, { sessionId: 'x' })).status, 401)
  }
  const expected = [
    {
      'voicewire.action': 'issue',
      'http.response.status_code': 200,
      'voicewire.code': 'ok',
      'voicewire.mode': 'relay',
    },
    { 'voicewire.action': 'refresh', 'http.response.status_code': 401, 'voicewire.code': 'ticket_missing' },
  ]
  assert.deepEqual(
    spans().map(({ attributes }) => attributes),
    [...expected, ...expected],
  )
  assert.deepEqual(
    spans().map((span) => span.parentSpanContext?.spanId),
    [PARENT, undefined, PARENT, undefined],
  )
  assert.ok(!JSON.stringify(spans().map(({ attributes }) => attributes)).includes('ann'))
})

test('tracing: true takes the tracer of the global provider', async (t) => {
  const { provider, spans } = startTracing(t)
  trace.setGlobalTracerProvider(provider)
  t.after(() => trace.disable())
  const { url, logged } = await setUp(t, { tracing: true })
  await assert.rejects(connect(t, `${url}/v1/realtime`), /HTTP 401/)
  await logged('upgrade refused')
  assert.equal(spans()[0]?.instrumentationScope.name, 'voicewire-relay')
})

/** Makes a relay in a process where the package cannot be found, and returns what it printed. */
function withoutPackage(options: object): Promise<string> {
  const script = `
    import { registerHooks } from 'node:module'
    registerHooks({
      resolve(name, context, next) {
        const asks = context.parentURL?.endsWith('/tracing.ts') // other packages may have it for themselves
        if (asks && name.startsWith('@opentelemetry/')) throw new Error('cannot find it in /some/path')
        return next(name, context)
      },
    })
    const { createRelay } = await import(${JSON.stringify(new URL('../src/index.ts', import.meta.url).href)})
    try {
      createRelay({ authenticate: () => null, allowedOrigins: [], ...${JSON.stringify(options)} })
      console.log('made')
    } catch (error) {
      console.log(error.name + ': ' + error.message)
    }`
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  execFile(process.execPath, ['--input-type=module', '-e', script], (error, stdout) => {
    if (error) reject(error)
    else resolve(stdout.trim())
  })
  return promise
}

test('Without @opentelemetry/api only who asks for traces is told', async () => {
  assert.equal(await withoutPackage({}), 'made')
  const told =
    'TypeError: Cannot trace as @opentelemetry/api must be installed: npm install @opentelemetry/api'
  assert.equal(await withoutPackage({ tracing: true }), told)
})
