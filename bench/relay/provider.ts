/**
 * The provider of a run: listens with and without TLS, and does with each session what its query says. `model`
 * is `produce`, `echo`, `idle`, `push`, `deaf` or `hold`; the path says of which kind the messages are.
 */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { acceptValue } from '../../server/node/src/relay/handshake.ts'
import { now } from './clock.ts'
import { answer } from './remote.ts'
import { Talker, Talkers, templateOf } from './talkers.ts'

const PUSH_BLOCK_BYTES = 64 * 1024

const talkers = new Talkers(false)
/** When the connection of a session was closed, in ms of `now()`; Infinity while it is open. */
const closes = new Map<string, number>()
let pushed = 0
let connections = 0

function onConnection(socket: Socket): void {
  connections++
  socket.setNoDelay(true)
  socket.on('error', () => {}) // 'close' follows
  socket.on('close', () => connections--)
  let bytes = Buffer.alloc(0)
  const onData = (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk])
    const end = bytes.indexOf('\r\n\r\n')
    if (end < 0) return
    socket.off('data', onData)
    onRequest(socket, bytes.toString('latin1', 0, end), bytes.subarray(end + 4))
  }
  socket.on('data', onData)
}

function onRequest(socket: Socket, request: string, head: Buffer): void {
  const [, target = '/'] = request.split(' ', 2)
  const { pathname, searchParams } = new URL(target, 'http://provider')
  const id = searchParams.get('id')
  if (id !== null) {
    closes.set(id, Number.POSITIVE_INFINITY)
    socket.on('close', () => closes.set(id, now()))
  }
  const model = searchParams.get('model')
  if (model === 'hold') {
    // Half-closed by the other side counts as open: only one that was let go is gone.
    socket.on('data', () => {})
    socket.on('end', () => socket.end())
    return
  }
  const key = /^sec-websocket-key: *(\S+)/im.exec(request)?.[1] ?? ''
  socket.write(
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
      `Sec-WebSocket-Accept: ${acceptValue(key)}\r\n\r\n`,
  )
  const kind = pathname === '/v1/realtime' ? 'json' : 'binary'
  // As a provider does with its first message, this says that the session is open.
  if (model === 'deaf' || model === 'idle') templateOf(kind, false).send(socket, 0)
  if (model === 'deaf') {
    socket.pause()
    return
  }
  const talker = new Talker(talkers, { socket, kind, echo: model === 'echo' })
  talker.takeHead(head)
  if (model === 'produce') talkers.start(talker)
  if (model === 'push') push(socket, Number(searchParams.get('bytes')))
}

/** Sends as fast as the other side reads. */
function push(socket: Socket, bytes: number): void {
  const block = templateOf('json', false).block(PUSH_BLOCK_BYTES)
  let left = bytes
  const more = () => {
    while (left > 0 && !socket.destroyed) {
      left -= block.length
      pushed += block.length
      if (!socket.write(block)) return
    }
  }
  socket.on('drain', more)
  more()
}

async function listen(server: Server): Promise<number> {
  server.listen({ port: 0, host: '127.0.0.1', backlog: 2048 })
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

const [, , key = '', cert = ''] = process.argv
const plain = createServer(onConnection)
const secure = createTlsServer({ key: readFileSync(key), cert: readFileSync(cert) }, onConnection)
const ports = { plain: await listen(plain), tls: await listen(secure) }

const actions = {
  ports: () => ports,
  look: () => talkers.look(),
  reset: () => talkers.reset(),
  /** Says nothing more of itself. */
  hush: () => talkers.stopAll(),
  connections: () => connections,
  /** How many bytes were handed to sockets by `push`. */
  pushed: () => pushed,
  closes: () => closes,
  forget: () => closes.clear(),
}

export type ProviderActions = typeof actions

answer(actions)
