import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MessageWalker, type WalkerOptions } from '../src/relay/message-walker.ts'
import { closeMessage, fragment } from './support/fragments.ts'
import { judgeByWs } from './support/ws-receiver.ts'

const LIMITS: WalkerOptions = { masked: true, maxMessageBytes: 1 << 20, maxFragments: 64 }

/** What a stretch of bytes means: every message and control message in order, and how it ended. */
type Trace = string[]

function walk(chunks: readonly Buffer[], options: Partial<WalkerOptions> = {}) {
  const controls: Trace = []
  const forwarded: Buffer[] = []
  const walker: MessageWalker = new MessageWalker(
    { ...LIMITS, ...options },
    {
      forward: (bytes) => forwarded.push(Buffer.from(bytes)),
      message: () => {},
      ping: (payload) => controls.push(`ping ${payload.toString('hex')}`),
      pong: () => controls.push('pong'),
      close: (code, reason) => controls.push(`close ${code} ${reason}`),
      violation: ({ code }) => controls.push(`violation ${code}`),
    },
  )
  for (const chunk of chunks) walker.push(Buffer.from(chunk))
  return { controls, forwarded: Buffer.concat(forwarded), walker, pieces: forwarded.length }
}

/** What `ws` makes of the same bytes. */
function judge(chunks: readonly Buffer[], masked: boolean) {
  return judgeByWs(chunks, { ...LIMITS, masked })
}

/** Mulberry32: the same numbers in every run, so a failure can be seen again. */
function randomizer(seed: number) {
  let state = seed
  return (limit: number) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit
  }
}

type Random = (limit: number) => number

/** A conversation as a careful peer would send it, now and then with one fault in it. */
function conversation(random: Random, masked: boolean): Buffer {
  const parts: Buffer[] = []
  const control = () => {
    if (random(4) === 0)
      parts.push(fragment(9 + random(2), Buffer.alloc(random(126), random(256)), { masked }))
  }
  for (let index = random(6); index >= 0; index -= 1) {
    const sizes = Array.from({ length: 1 + random(4) }, () => size(random))
    const opcode = 1 + random(2)
    for (const [at, bytes] of sizes.entries()) {
      const final = at === sizes.length - 1
      parts.push(fragment(at === 0 ? opcode : 0, Buffer.alloc(bytes, 97 + random(26)), { final, masked }))
      control()
    }
  }
  if (random(3) === 0) parts.splice(random(parts.length + 1), 0, fault(random, masked))
  if (random(3) === 0)
    parts.push(closeMessage([1000, 1001, 1005, 3000, 4999, 5000][random(6)]!, 'bye', { masked }))
  return Buffer.concat(parts)
}

function size(random: Random): number {
  const sizes = [0, 1, 125, 126, 127, 65_535, 65_536, 65_537, 70_000, 200_000]
  return random(3) === 0 ? sizes[random(sizes.length)]! : random(300)
}

function fault(random: Random, masked: boolean): Buffer {
  switch (random(8)) {
    case 0:
      return fragment(1, 'x', { masked: !masked })
    case 1:
      return fragment(1, 'x', { masked, reserved: [0x10, 0x20, 0x40][random(3)]! })
    case 2:
      return fragment([3, 7, 11, 15][random(4)]!, 'x', { masked })
    case 3:
      return fragment(9, 'x', { masked, final: false })
    case 4:
      return fragment(10, Buffer.alloc(126), { masked })
    case 5:
      return fragment(8, 'x', { masked })
    case 6:
      return fragment(0, 'x', { masked })
    default:
      return fragment(2, '', { masked, declared: 1n << BigInt(21 + random(42)) })
  }
}

function split(bytes: Buffer, random: Random): Buffer[] {
  const chunks: Buffer[] = []
  // Three bytes at a time through a big message would take long and find nothing new.
  const most = bytes.length > 10_000 ? [5000, 300_000][random(2)]! : [3, 40, 5000][random(3)]!
  for (let at = 0; at < bytes.length; ) {
    const end = at + 1 + random(most)
    chunks.push(bytes.subarray(at, end))
    at = end
  }
  return chunks
}

for (const masked of [true, false]) {
  test(`MessageWalker.push() agrees with ws on 1,000 random conversations, masked: ${masked}`, async () => {
    for (let seed = 1; seed <= 1000; seed += 1) {
      const random = randomizer(seed)
      const bytes = conversation(random, masked)
      const expected = await judge([bytes], masked)
      const found = walk(split(bytes, random), { masked })
      assert.deepEqual(found.controls, expected.controls, `seed ${seed}`)
      // What was passed on must mean the same to whoever gets it, and hold no control message.
      const passed = await judge([found.forwarded], masked)
      assert.deepEqual(passed.messages, expected.messages, `seed ${seed}`)
      assert.deepEqual(passed.controls, [], `seed ${seed}`)
    }
  })
}

test('MessageWalker.push() passes a chunk of whole messages on as one piece', () => {
  const chunk = Buffer.concat([fragment(1, 'one'), fragment(2, 'two'), fragment(1, 'three')])
  const { forwarded, pieces } = walk([chunk])
  assert.equal(pieces, 1)
  assert.deepEqual(forwarded, chunk)
})

test('MessageWalker.push() holds a small fragment until it is whole and passes a big one on as it comes', () => {
  const small = fragment(2, Buffer.alloc(60_000))
  assert.equal(walk([small.subarray(0, 50_000)]).forwarded.length, 0)
  assert.equal(walk([small.subarray(0, 50_000)]).walker.midFragment, false)
  const big = fragment(2, Buffer.alloc(100_000))
  const begun = walk([big.subarray(0, 50_000)])
  assert.deepEqual(begun.forwarded, big.subarray(0, 50_000))
  assert.ok(begun.walker.midFragment && begun.walker.midMessage)
  const over = walk([big.subarray(0, 50_000), big.subarray(50_000)])
  assert.ok(!over.walker.midFragment && !over.walker.midMessage)
})

test('MessageWalker.midMessage is true between the fragments of a message and false behind it', () => {
  const first = fragment(1, 'a', { final: false })
  assert.equal(walk([first]).walker.midMessage, true)
  assert.equal(walk([first]).walker.midFragment, false)
  assert.equal(walk([first, fragment(0, 'b')]).walker.midMessage, false)
  assert.equal(walk([first.subarray(0, first.length - 1)]).walker.midMessage, false)
})

test('MessageWalker.push() refuses a length that is not in its shortest form', () => {
  assert.deepEqual(walk([fragment(1, 'x', { lengthBytes: 2 })]).controls, ['violation 1002'])
  assert.deepEqual(walk([fragment(1, Buffer.alloc(200), { lengthBytes: 8 })]).controls, ['violation 1002'])
})

test('MessageWalker.push() refuses a size at its header, before any of it has come', () => {
  const header = fragment(2, '', { declared: 2n ** 40n })
  assert.deepEqual(walk([header.subarray(0, 10)]).controls, ['violation 1009'])
  assert.deepEqual(walk([fragment(2, '', { declared: 2n ** 63n })]).controls, ['violation 1009'])
  const exact = fragment(2, Buffer.alloc(1000))
  assert.deepEqual(walk([exact], { maxMessageBytes: 1000 }).controls, [])
  assert.deepEqual(walk([exact], { maxMessageBytes: 999 }).controls, ['violation 1009'])
})

test('MessageWalker.push() adds fragments up, in bytes and in number', () => {
  const parts = [
    fragment(2, Buffer.alloc(600), { final: false }),
    fragment(0, Buffer.alloc(600), { final: false }),
  ]
  assert.deepEqual(walk(parts, { maxMessageBytes: 1000 }).controls, ['violation 1009'])
  const empty = [fragment(2, '', { final: false }), ...Array(64).fill(fragment(0, '', { final: false }))]
  assert.deepEqual(walk(empty).controls, ['violation 1008'])
  assert.deepEqual(walk(empty.slice(0, 64)).controls, [])
})

test('MessageWalker.push() refuses a close reason that is not UTF-8, and reads nothing behind a close', () => {
  assert.deepEqual(walk([closeMessage(1000, Buffer.of(0xff))]).controls, ['violation 1007'])
  assert.deepEqual(walk([closeMessage(1000, 'bye'), fragment(1, 'more')]).controls, ['close 1000 bye'])
  assert.equal(walk([closeMessage(1000), fragment(1, 'more')]).forwarded.length, 0)
})

test('MessageWalker.peek() shows the beginning of the message that begins', () => {
  for (const masked of [true, false]) {
    const seen: string[] = []
    const walker: MessageWalker = new MessageWalker(
      { ...LIMITS, masked },
      {
        forward: () => {},
        message: (binary) => seen.push(`${binary} ${walker.peek(5)}`),
        ping: () => {},
        pong: () => {},
        close: () => {},
        violation: () => {},
      },
    )
    walker.push(Buffer.concat([fragment(1, 'abcdefgh', { masked }), fragment(2, 'ij', { masked })]))
    assert.deepEqual(seen, ['false abcde', 'true ij'])
    assert.equal(walker.peek(5), '')
    assert.equal(walker.messages, 2)
  }
})

test('MessageWalker.push() does not let one-byte chunks of a fragment pile up', () => {
  const bytes = fragment(2, Buffer.alloc(60_000, 7))
  const { forwarded, pieces } = walk(Array.from(bytes, (byte) => Buffer.of(byte)))
  assert.deepEqual(forwarded, bytes)
  assert.ok(pieces < 200, `${pieces} pieces`)
})
