import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { PassThrough } from 'node:stream'
import { type TestContext, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { adoptSocket } from '../src/relay/adopt-socket.ts'

/** Both ends of a connection, neither of which is read yet. */
async function pair(t: TestContext) {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: false })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const peer = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const [socket] = (await once(server, 'connection')) as [Socket]
  t.after(() => {
    peer.destroy()
    socket.destroy()
    server.close()
  })
  return { server, peer, socket }
}

test('adoptSocket() reads what came before and after, and keeps each chunk as it was', async (t) => {
  const { peer, socket } = await pair(t)
  peer.write('before ')
  while (socket.readableLength === 0) await setImmediate() // the kernel tells nobody when it has come
  const chunks: Buffer[] = []
  const adopted = adoptSocket(socket, (chunk) => chunks.push(chunk))
  assert.notEqual(adopted, socket, 'this Node does not let a plain socket be adopted')
  const text = () => Buffer.concat(chunks).toString()
  for (const word of ['one ', 'two ', 'three']) {
    const length = text().length
    peer.write(word)
    while (text().length === length || !text().endsWith(word)) await setImmediate()
  }
  assert.equal(text(), 'before one two three')
})

test('adoptSocket() gives a socket that writes, pauses, ends and closes as any other', async (t) => {
  const { server, peer, socket } = await pair(t)
  let came = 0
  const adopted = adoptSocket(socket, (chunk) => {
    came += chunk.length
  })
  const ended = once(adopted, 'end')
  adopted.write('hello')
  assert.equal(String((await once(peer, 'data'))[0]), 'hello')
  adopted.pause()
  const bytes = Buffer.alloc(32 << 20)
  peer.write(bytes)
  assert.ok(peer.writableNeedDrain)
  for (let turn = 0; turn < 100; turn += 1) await setImmediate()
  assert.equal(came, 0)
  adopted.resume()
  await once(peer, 'drain')
  peer.end()
  await ended
  assert.equal(came, bytes.length)
  const [closed, serverClosed] = [once(socket, 'close'), once(server, 'close')]
  server.close()
  adopted.end()
  await closed
  await serverClosed // its server counts it no more
})

test('adoptSocket() says when the peer has gone', async (t) => {
  const { peer, socket } = await pair(t)
  const adopted = adoptSocket(socket, () => {})
  const failed = once(adopted, 'error')
  const closed = new Promise((resolve) => adopted.once('close', resolve))
  peer.resetAndDestroy()
  assert.equal((await failed)[0].code, 'ECONNRESET')
  await closed
  assert.ok(socket.destroyed)
})

test('adoptSocket() reads as usual where there is no plain socket, or something is still to be written', async (t) => {
  const stream = new PassThrough() as unknown as Socket
  const chunks: string[] = []
  assert.equal(
    adoptSocket(stream, (chunk) => chunks.push(String(chunk))),
    stream,
  )
  stream.write('through')
  while (chunks.length === 0) await setImmediate()
  assert.deepEqual(chunks, ['through'])
  const { peer, socket } = await pair(t)
  peer.pause()
  socket.write(Buffer.alloc(32 << 20))
  assert.ok(socket.writableLength > 0)
  assert.equal(
    adoptSocket(socket, () => {}),
    socket,
  )
})
