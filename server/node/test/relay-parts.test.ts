import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RelayCode } from '../src/codes.ts'
import { showsActivity } from '../src/relay/activity.ts'
import { ByteQueue } from '../src/relay/byte-queue.ts'
import { cutReason, isWireCloseCode, mapCloseCode } from '../src/relay/close-codes.ts'
import { acceptValue, protocolCredential, selectProtocol } from '../src/relay/handshake.ts'
import { errorNotice, warningNotice } from '../src/relay/notices.ts'
import { findRoute, parseTarget } from '../src/relay/routes.ts'
import { TimerWheel } from '../src/relay/timer-wheel.ts'

test('mapCloseCode() forwards what may be sent and turns the rest into 1000 or 1011', () => {
  const mapped = [1000, 1001, 1003, 1004, 1005, 1006, 1011, 1014, 1015, 2999, 3000, 4999, 5000].map(
    mapCloseCode,
  )
  assert.deepEqual(mapped, [1000, 1001, 1003, 1011, 1000, 1011, 1011, 1014, 1011, 1011, 3000, 4999, 1011])
})

test('isWireCloseCode() knows every code', () => {
  const legal = Array.from({ length: 65_536 }, (_, code) => code).filter(isWireCloseCode)
  assert.equal(legal.length, 12 + 2000)
  assert.deepEqual(
    legal.slice(0, 12),
    [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014],
  )
})

// R-CLOSE-2
test('cutReason() cuts to 123 bytes of UTF-8 and never inside a character', () => {
  assert.equal(cutReason('x'.repeat(123)), 'x'.repeat(123))
  assert.equal(cutReason('x'.repeat(124)), 'x'.repeat(123))
  for (const character of ['ü', '€', '🙂']) {
    for (let before = 0; before < 4; before += 1) {
      const cut = cutReason('x'.repeat(before) + character.repeat(100))
      assert.ok(Buffer.byteLength(cut) <= 123 && Buffer.byteLength(cut) > 119)
      assert.ok(!cut.includes('\ufffd'))
      assert.ok(cut.endsWith(character))
    }
  }
})

test('acceptValue() is what RFC 6455 computes in its example', () => {
  assert.equal(acceptValue('dGhlIHNhbXBsZSBub25jZQ=='), 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=')
})

test('selectProtocol() answers one that was offered and never a secret', () => {
  const cases: [string[], string | null][] = [
    [[], null],
    [['realtime', 'openai-insecure-api-key.s'], 'realtime'],
    [['openai-insecure-api-key.s', 'realtime'], 'realtime'],
    [['token', 's'], 'token'],
    [['bearer', 's'], 'bearer'],
    [['access_token.s', 'mine'], 'mine'],
    [['access_token.s'], 'access_token.s'],
    [['openai-insecure-api-key.s'], null],
    [['sk-short', 'f'.repeat(40), 'openai-agents-sdk.0.20.0'], 'openai-agents-sdk.0.20.0'],
    [['f'.repeat(40)], null],
    [['openai-beta.realtime-v1', 'openai-project.p', 'access_token.s'], null],
    [['token', 's', 'x-deepgram-session-id', 'id'], 'token'],
  ]
  for (const [offered, expected] of cases) assert.equal(selectProtocol(offered), expected, offered.join())
})

test('protocolCredential() finds the credential in every style', () => {
  assert.equal(protocolCredential(['realtime', 'openai-insecure-api-key.s']), 's')
  assert.equal(protocolCredential(['token', 's']), 's')
  assert.equal(protocolCredential(['bearer', 's']), 's')
  assert.equal(protocolCredential(['access_token.s']), 's')
  assert.equal(protocolCredential(['token']), null)
  assert.equal(protocolCredential(['realtime']), null)
})

test('findRoute() finds the paths and aliases, under a prefix too, and nothing else', () => {
  const path = (url: string, prefix = '') => findRoute(parseTarget(url)!, prefix)?.path ?? null
  assert.equal(path('/v1/realtime'), '/v1/realtime')
  assert.equal(path('/realtime?model=m'), '/v1/realtime')
  assert.equal(path('/deepgram-proxy'), '/v1/agent/converse')
  assert.equal(path('/deepgram-proxy?service=agent'), '/v1/agent/converse')
  assert.equal(path('/deepgram-proxy?service=transcription'), '/v1/listen')
  assert.equal(path('/deepgram-proxy/transcription'), '/v1/listen')
  assert.equal(path('/deepgram-proxy/transcription?service=agent'), '/v1/agent/converse')
  assert.equal(path('/transcription/deepgram-proxy', '/transcription'), '/v1/listen')
  assert.equal(path('/voice/v2/listen', '/voice'), '/v2/listen')
  assert.equal(path('http://evil.example/v1/listen?x'), '/v1/listen')
  for (const url of [
    '/',
    '/v1/realtime/',
    '/v1/../v1/realtime',
    '/V1/realtime',
    '//evil.example/v1/realtime',
    '/constructor',
    '/__proto__',
    '/deepgram-proxy?service=speak',
    '/deepgram-proxyx',
    '/v1%2Frealtime',
  ]) {
    assert.equal(path(url), null, url)
  }
  assert.equal(path('/v2/listen', '/voice'), null)
  assert.equal(parseTarget('ftp://host/v1/realtime'), null)
  assert.equal(parseTarget('*'), null)
})

test('findRoute() strips token and service however they are written and keeps the rest as it is', () => {
  const query = (text: string) => findRoute(parseTarget(`/v1/listen?${text}`)!, '')!.query
  assert.equal(query('token=a&model=nova-3&service=x'), '?model=nova-3')
  assert.equal(query('%74oken=a&tok%65n=b&t%6fken'), '')
  assert.equal(query('a=1&a=2&token=x=y&b=%20+%2B'), '?a=1&a=2&b=%20+%2B')
  assert.equal(query('mytoken=1&endpoint=wss://evil.example'), '?mytoken=1&endpoint=wss://evil.example')
  assert.equal(query('a=%E0%A4%A'), '?a=%E0%A4%A')
  assert.equal(query('a=ü\r\nX: y'), '?a=%C3%BC%0D%0AX:%20y')
})

// R-CLOSE-4, R-CLOSE-5, R-CLOSE-7
test('errorNotice() and warningNotice() have the provider’s shapes', () => {
  const error = JSON.parse(errorNotice('openai', 'upstream_rate_limited', 'why'))
  assert.match(error.event_id, /^event_[0-9a-f]{32}$/)
  const detail = {
    type: 'rate_limit_error',
    code: 'upstream_rate_limited',
    message: 'why',
    param: null,
    event_id: null,
  }
  assert.deepEqual(error, { type: 'error', event_id: error.event_id, error: detail })
  const typeOf = (code: RelayCode) => JSON.parse(errorNotice('openai', code, '')).error.type
  assert.deepEqual(
    (['message_forbidden', 'policy_violation', 'too_fast'] as const).map(typeOf),
    Array(3).fill('invalid_request_error'),
  )
  assert.deepEqual([typeOf('budget_spent'), typeOf('revoked')], ['rate_limit_error', 'invalid_request_error'])
  const deepgram = { type: 'Error', code: 'draining', description: 'why' }
  assert.deepEqual(JSON.parse(errorNotice('deepgram', 'draining', 'why')), deepgram)
  assert.equal(JSON.parse(warningNotice('openai', 'draining', 'why')).type, 'relay.warning')
  assert.equal(JSON.parse(warningNotice('deepgram', 'draining', 'why')).type, 'Warning')
})

test('showsActivity() is not fooled by sound or keep-alives', () => {
  assert.equal(showsActivity('openai', false, '{"type":"input_audio_buffer.append","audio":"AAAA'), false)
  assert.equal(showsActivity('openai', false, '{"type":"response.create"}'), true)
  assert.equal(showsActivity('deepgram', true, '\0\0\0'), false)
  assert.equal(showsActivity('deepgram', false, '{"type":"KeepAlive"}'), false)
  assert.equal(showsActivity('deepgram', false, '{"type":"InjectUserMessage"'), true)
})

test('ByteQueue keeps bytes in order and pieces few', () => {
  const queue = new ByteQueue()
  for (let index = 0; index < 1000; index += 1) queue.push(Buffer.of(index & 255))
  assert.equal(queue.bytes, 1000)
  const pieces = queue.take()
  assert.ok(pieces.length <= 64)
  assert.deepEqual(
    Buffer.concat(pieces),
    Buffer.from(Array.from({ length: 1000 }, (_, index) => index & 255)),
  )
  assert.equal(queue.bytes, 0)
  assert.deepEqual(queue.take(), [])
})

test('TimerWheel.schedule() fires in order, never early, and once', async () => {
  const wheel = new TimerWheel()
  const startedAt = performance.now()
  const fired: [number, number][] = []
  const all = [10, 60, 120, 180, 60].map(
    (delay) =>
      new Promise<void>((resolve) =>
        wheel.schedule(delay, () => {
          fired.push([delay, performance.now() - startedAt])
          resolve()
        }),
      ),
  )
  const cancelled = wheel.schedule(30, () => fired.push([0, 0]))
  cancelled.cancel()
  cancelled.cancel()
  assert.equal(wheel.size, 5)
  await Promise.all(all)
  assert.deepEqual(
    fired.map(([delay]) => delay),
    [10, 60, 60, 120, 180],
  )
  for (const [delay, at] of fired) assert.ok(at >= delay, `${delay} fired at ${at}`)
  assert.equal(wheel.size, 0)
})

test('TimerWheel.schedule() waits whole turns of the wheel', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  let now = 0
  t.mock.method(performance, 'now', () => now)
  const wheel = new TimerWheel()
  let fired = false
  wheel.schedule(200_000, () => {
    fired = true
  })
  const advance = async (ms: number) => {
    now += ms
    t.mock.timers.tick(50)
    await new Promise(setImmediate) // behind what was to be read
  }
  for (let step = 0; step < 3; step += 1) {
    await advance(60_000)
    assert.equal(fired, false)
  }
  await advance(20_050)
  assert.equal(fired, true)
})
