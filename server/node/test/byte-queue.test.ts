import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ByteQueue } from '../src/relay/byte-queue.ts'

test('ByteQueue copies each byte a few times, however many pieces there are', (t) => {
  let copied = 0
  const concat = Buffer.concat
  t.mock.method(Buffer, 'concat', (list: readonly Uint8Array[], length?: number) => {
    const joined = concat(list, length)
    copied += joined.length
    return joined
  })
  const queue = new ByteQueue()
  const piece = Buffer.alloc(120)
  for (let pushed = 0; pushed < 20_000; pushed += 1) queue.push(piece)
  assert.equal(queue.bytes, 2_400_000)
  assert.ok(copied < 20 * queue.bytes, `copied ${copied} bytes`)
  const pieces = queue.take()
  assert.ok(pieces.length <= 128, `${pieces.length} pieces`)
  assert.equal(concat(pieces).length, 2_400_000)
})
