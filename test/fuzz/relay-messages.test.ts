import assert from 'node:assert/strict'
import fc from 'fast-check'
import { JudgedStream } from '../../server/node/src/relay/message-stream.ts'
import {
  MessageWalker,
  type WalkerEvents,
  type WalkerOptions,
} from '../../server/node/src/relay/message-walker.ts'
import { UsageReader } from '../../server/node/src/relay/usage-reader.ts'
import { closeMessage, fragment } from '../../server/node/test/support/fragments.ts'
import { judgeByWs } from '../../server/node/test/support/ws-receiver.ts'
import { fuzz } from './support/fuzz.ts'
import { bytes } from './support/inputs.ts'

/** What one side sends on the wire, and after how many bytes each chunk ends. */
interface Wire {
  readonly masked: boolean
  readonly bytes: string
  readonly cuts: readonly number[]
}

const LIMITS = { maxMessageBytes: 4096, maxFragments: 16 }
const SHORTEST = 'a length is not written in its shortest form'

const piece = fc
  .record({
    opcode: fc.oneof(fc.constantFrom(0, 1, 2, 8, 9, 10), fc.nat(15)),
    payload: fc.oneof(
      bytes(6),
      fc.constantFrom(0, 125, 126, 127, 1000, 4096, 4097).map((size) => '61'.repeat(size)),
    ),
    final: fc.boolean(),
    wrongMask: fc.nat(20),
    reserved: fc.constantFrom(0, 0, 0, 0, 0, 0, 0x10, 0x40),
    declared: fc.option(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), { freq: 20 }),
  })
  .map((part) => (masked: boolean) => {
    const payload = Buffer.from(part.payload, 'hex')
    const options = { final: part.final, reserved: part.reserved, masked: masked !== (part.wrongMask === 0) }
    const { opcode, declared } = part
    return fragment(opcode, payload, declared === null ? options : { ...options, declared })
  })

const close = fc.tuple(fc.oneof(fc.constantFrom(1000, 1005, 1011), fc.nat(0xffff)), bytes(4)).map(
  ([code, reason]) =>
    (masked: boolean) =>
      closeMessage(code, Buffer.from(reason, 'hex'), { masked }),
)

const noise = bytes(12).map((hex) => () => Buffer.from(hex, 'hex'))
const part = fc.oneof(
  { weight: 16, arbitrary: piece },
  { weight: 1, arbitrary: close },
  { weight: 1, arbitrary: noise },
)

const wire: fc.Arbitrary<Wire> = fc
  .tuple(fc.boolean(), fc.array(part, { maxLength: 8 }), fc.array(fc.nat(9000), { maxLength: 12 }))
  .map(([masked, parts, cuts]) => {
    const all = Buffer.concat(parts.map((make) => make(masked)))
    return {
      masked,
      bytes: all.toString('hex'),
      cuts: cuts.map((cut) => (all.length ? cut % all.length : 0)),
    }
  })

fuzz<Wire>('relay-messages', {
  inputs: wire,
  runs: 2500,
  check: async ({ masked, bytes: hex, cuts }) => {
    const whole = Buffer.from(hex, 'hex')
    const { controls, passed, breach, events } = walk(split(whole, cuts), masked)
    // Work is bounded: no fewer than two bytes make anything happen.
    assert.ok(events <= whole.length + 2, `${events} events of ${whole.length} bytes`)
    assert.ok(passed.length <= whole.length)
    const expected = await judgeByWs([whole], { masked, ...LIMITS })
    const meant = await judgeByWs([passed], { masked, ...LIMITS })
    assert.deepEqual(
      meant.controls.filter((one) => one !== 'violation 1007'),
      [],
    )
    // Here the relay is stricter than its judge, or leaves a check of texts to who reads them.
    if (breach === SHORTEST || expected.controls.includes('violation 1007')) return
    assert.deepEqual(controls, expected.controls)
    assert.deepEqual(meant.messages, expected.messages)
    assert.deepEqual(
      (await judgeByWs([judged(split(whole, cuts), masked)], { masked, ...LIMITS })).messages,
      expected.messages,
    )
    if (masked) return
    new UsageReader((tokens) => assert.ok(Number.isFinite(tokens) && tokens > 0)).push(passed)
  },
})

function walk(chunks: readonly Buffer[], masked: boolean) {
  const controls: string[] = []
  const forwarded: Buffer[] = []
  let breach: string | null = null
  let events = 0
  const seen = (text: string) => {
    events += 1
    controls.push(text)
  }
  const walker: MessageWalker = new MessageWalker(bounds(masked), {
    forward: (chunk) => {
      events += 1
      forwarded.push(Buffer.from(chunk))
    },
    message: () => {
      events += 1
      assert.ok(walker.peek(64).length <= 64)
    },
    ping: (payload) => seen(`ping ${payload.toString('hex')}`),
    pong: () => seen('pong'),
    close: (code, reason) => seen(`close ${code} ${reason}`),
    violation: ({ code, message }) => {
      breach = message
      seen(`violation ${code}`)
    },
  })
  for (const chunk of chunks) walker.push(Buffer.from(chunk))
  return { controls, passed: Buffer.concat(forwarded), breach, events }
}

/** What leaves where every message is read, and none is changed. */
function judged(chunks: readonly Buffer[], masked: boolean): Buffer {
  const forwarded: Buffer[] = []
  const nothing = () => {}
  const events: WalkerEvents = {
    forward: (chunk) => forwarded.push(Buffer.from(chunk)),
    message: nothing,
    ping: nothing,
    pong: nothing,
    close: nothing,
    violation: nothing,
  }
  const judge = ({ payload }: { payload: Buffer }) => payload.length >= 0
  const stream = new JudgedStream({ ...bounds(masked), judge }, events)
  for (const chunk of chunks) stream.push(Buffer.from(chunk))
  return Buffer.concat(forwarded)
}

function bounds(masked: boolean): WalkerOptions {
  return { masked, ...LIMITS }
}

function split(whole: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [0, ...[...cuts].sort((a, b) => a - b), whole.length]
  const chunks = places.slice(1).map((end, i) => whole.subarray(places[i]!, end))
  return chunks.filter((chunk) => chunk.length > 0) // no socket gives an empty one
}
