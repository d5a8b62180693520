import assert from 'node:assert/strict'
import { randomBytes, randomInt } from 'node:crypto'
import { test } from 'node:test'
import { isPlainAppend } from '../src/policy/audio-append.ts'
import { type JsonObject, merge, parseMessage, pick, without } from '../src/policy/json.ts'
import { resolvePolicy, restrictRoute } from '../src/policy/policy.ts'
import { ByteRate } from '../src/relay/byte-rate.ts'
import { type DataMessage, MessageAssembler } from '../src/relay/message-assembler.ts'
import { MessageWalker } from '../src/relay/message-walker.ts'
import { findRoute, type Route } from '../src/relay/routes.ts'
import { UsageReader } from '../src/relay/usage-reader.ts'
import { fragment } from './support/fragments.ts'

/** Cuts bytes into pieces of random lengths. */
function* cut(bytes: Buffer): Iterable<Buffer> {
  for (let at = 0; at < bytes.length; ) {
    const end = Math.min(bytes.length, at + randomInt(1, 1 + 2 ** randomInt(0, 18)))
    yield bytes.subarray(at, end)
    at = end
  }
}

test('MessageAssembler gives whole messages as they were sent, however fragmented, masked and cut', () => {
  for (let round = 0; round < 200; round += 1) {
    const masked = randomInt(2) === 1
    const sent: { binary: boolean; data: string }[] = []
    const wire: Buffer[] = []
    for (let count = randomInt(1, 8); count > 0; count -= 1) {
      const binary = randomInt(2) === 1
      const data = randomBytes(randomInt(0, 2 ** randomInt(1, 18)))
      sent.push({ binary, data: data.toString('latin1') })
      const border = randomInt(2) === 1 ? randomInt(0, data.length + 1) : data.length
      const opcode = binary ? 2 : 1
      wire.push(fragment(opcode, data.subarray(0, border), { masked, final: border === data.length }))
      if (randomInt(3) === 0) wire.push(fragment(9, 'between', { masked }))
      if (border < data.length) wire.push(fragment(0, data.subarray(border), { masked }))
    }
    const got: { binary: boolean; data: string }[] = []
    const assembler = new MessageAssembler(({ binary, payload, raw }: DataMessage) => {
      got.push({ binary, data: payload.toString('latin1') })
      assert.ok(raw === null || raw.length > payload.length)
    })
    const fail = () => assert.fail('the walker must pass all of it on')
    const walker = new MessageWalker(
      { masked, maxMessageBytes: 1 << 24, maxFragments: 100 },
      {
        forward: (bytes) => assembler.push(bytes),
        message: () => {},
        ping: () => {},
        pong: () => {},
        close: fail,
        violation: fail,
      },
    )
    for (const piece of cut(Buffer.concat(wire))) walker.push(Buffer.from(piece))
    assert.deepEqual(got, sent)
  }
})

test('UsageReader counts the tokens of each response, in pieces or not, and nothing else', () => {
  const counted: number[] = []
  const reader = new UsageReader((tokens) => counted.push(tokens))
  const done = (usage: unknown) => JSON.stringify({ type: 'response.done', response: { usage } })
  const texts = [
    done({ total_tokens: 7 }),
    JSON.stringify({ type: 'response.output_audio.delta', delta: '"response.done"'.padStart(200, 'A') }),
    done(null),
    done({ total_tokens: 'many' }),
    '{"type":"response.done", broken',
    done({ total_tokens: 5, note: 'x'.repeat(70_000) }),
  ]
  const wire = Buffer.concat(texts.map((text) => fragment(1, text, { masked: false })))
  for (const piece of cut(wire)) reader.push(piece)
  assert.deepEqual(counted, [7, 5])
})

test('ByteRate lets speech pass, slows what is faster, and knows who never lets up', () => {
  const rate = new ByteRate(200_000, 30_000)
  let now = 1000
  for (; now < 60_000; now += 20) assert.equal(rate.take(2000, now), 0, 'speech is half as fast')
  let slowed = 0
  while (!rate.exceeded(now)) {
    const delay = rate.take(65_536, now)
    slowed += delay > 0 ? 1 : 0
    now += Math.max(1, delay)
    assert.ok(now < 200_000)
  }
  assert.ok(slowed > 50)
  now += 10_000
  assert.equal(rate.take(2000, now), 0)
  assert.equal(rate.exceeded(now), false, 'a rest makes up for it')
})

test('parseMessage() refuses what no honest client sends', () => {
  const deep = `{"a":${'['.repeat(10_000)}${']'.repeat(10_000)}}`
  for (const text of ['', '[]', '"x"', '1', 'null', '{"a":', deep]) assert.equal(parseMessage(text), null)
  const twice = parseMessage('{"type":"a","type":"b","text":"\\ud800"}')
  assert.equal(
    JSON.stringify(twice),
    '{"type":"b","text":"\\ud800"}',
    'one reading, and the same for the provider',
  )
})

test('pick(), without() and merge() copy no prototype and change nothing they are given', () => {
  const value = parseMessage(
    '{"__proto__":{"polluted":1},"a":{"b":1,"c":{"d":2},"__proto__":{"polluted":1}},"e":[1]}',
  )!
  const before = JSON.stringify(value)
  assert.deepEqual(pick(value, ['a.c', 'e']), { a: { c: { d: 2 } }, e: [1] })
  assert.deepEqual(pick(value, ['__proto__', 'x', 'e.0']), {})
  assert.deepEqual(without(value, { a: { b: 0 }, e: [] }), { a: { c: { d: 2 } } })
  assert.deepEqual(merge(value, { a: { c: 3 }, e: [2] }), { a: { b: 1, c: 3 }, e: [2] })
  for (const made of [pick(value, ['a']), without(value, {}), merge(value, {}), merge({}, value)]) {
    assert.equal((made as JsonObject & { polluted?: unknown }).polluted, undefined)
  }
  assert.equal(({} as { polluted?: unknown }).polluted, undefined)
  assert.equal(JSON.stringify(value), before)
})

test('isPlainAppend() knows sound in both common forms, and nothing that only looks like it', () => {
  const audio = randomBytes(960).toString('base64')
  const plain = [
    JSON.stringify({ type: 'input_audio_buffer.append', audio }),
    JSON.stringify({ audio, type: 'input_audio_buffer.append' }),
  ]
  for (const text of plain) assert.ok(isPlainAppend(Buffer.from(text)), text.slice(0, 60))
  const others = [
    '',
    '{',
    `{"type":"input_audio_buffer.append","audio":"${audio}","type":"session.update"}`,
    `{"type":"input_audio_buffer.append","audio":"${audio}\\","type":"session.update","x":"\\""}`,
    `{"type":"input_audio_buffer.append","audio":"${audio}`,
    `{"audio":"${audio}","type":"session.update"}`,
    `{"audio":"${audio}"}`,
    ` ${plain[0]}`,
  ]
  for (const text of others) assert.equal(isPlainAppend(Buffer.from(text)), false, text.slice(-60))
})

function route(url: string): Route {
  const [path = '', query = ''] = url.split('?')
  return findRoute({ path, query }, '')!
}

test('restrictRoute() pins the model, sets the query, and keeps of it what is allowed', () => {
  const realtime = resolvePolicy('/v1/realtime', { model: 'gpt-realtime' })
  assert.equal(restrictRoute(route('/v1/realtime'), realtime).query, '?model=gpt-realtime')
  const asked = route('/v1/realtime?model=gpt-realtime&call_id=rtc_1&intent=transcription')
  assert.equal(restrictRoute(asked, realtime).query, '?model=gpt-realtime')
  for (const other of ['?model=gpt-x', '?model=gpt-realtime&model=gpt-x']) {
    assert.throws(() => restrictRoute(route(`/v1/realtime${other}`), realtime), {
      code: 'model_forbidden',
      status: 403,
    })
  }
  const listen = resolvePolicy('/v1/listen', {
    model: 'nova-3',
    session: { language: 'en', keyterm: ['a b', 'c'] },
  })
  const heard = route(
    '/v1/listen?language=de&encoding=linear16&callback=https%3A%2F%2Fevil.example&model=nova-3',
  )
  assert.equal(
    restrictRoute(heard, listen).query,
    '?model=nova-3&language=en&keyterm=a+b&keyterm=c&encoding=linear16',
  )
})

test('resolvePolicy() refuses what it does not know', () => {
  const wrong: [string, object, RegExp][] = [
    ['/v1/nothing', {}, /path must be one of/],
    ['/v1/realtime', { sesion: {} }, /sesion must be one of/],
    ['/v1/realtime', { session: [] }, /session must be an object/],
    ['/v1/realtime', { messages: 'all' }, /messages must be a list/],
    ['/v1/realtime', { fields: [1] }, /fields must be a list/],
    ['/v1/realtime', { maxMessageBytes: 0 }, /maxMessageBytes must be more than 0/],
    ['/v1/agent/converse', { model: 'gpt-x' }, /model must be/],
  ]
  for (const [path, policy, message] of wrong) {
    assert.throws(() => resolvePolicy(path as '/v1/realtime', policy as never), message)
  }
})
