import { once } from 'node:events'
import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { issueTicket } from '../../server/node/src/tokens.ts'

/** Where a client connects to. */
export interface Target {
  readonly port: number
  readonly tls: boolean
}

/** The variable with the secret of the run's tickets. */
export const SECRET = 'VOICEWIRE_BENCH_SECRET'

/** Every session has a ticket of its own, as ours asks for one; to all others it is a header like any other. */
async function ticket(): Promise<string> {
  const { token } = await issueTicket({ user: 'bench' }, { secret: process.env[SECRET] ?? '' })
  return token
}

/** Connects and sends a handshake, without waiting for its answer. */
export async function sendHandshake({ port, tls }: Target, path: string): Promise<Socket> {
  const authorization = await ticket()
  const socket = tls
    ? connectTls({ port, host: '127.0.0.1', servername: 'localhost' })
    : connectTcp(port, '127.0.0.1')
  socket.on('error', () => {}) // 'close' follows
  socket.setNoDelay(true)
  await once(socket, tls ? 'secureConnect' : 'connect')
  socket.write(
    `GET ${path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n' +
      `Authorization: Bearer ${authorization}\r\n\r\n`,
  )
  return socket
}

/**
 * Opens a session.
 *
 * @returns The socket, paused, and what came behind the answer.
 * @throws {Error} Where the answer is not 101.
 */
export async function open(target: Target, path: string): Promise<{ socket: Socket; head: Buffer }> {
  const socket = await sendHandshake(target, path)
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
  let bytes = Buffer.alloc(0)
  const onData = (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk])
    const end = bytes.indexOf('\r\n\r\n')
    if (end < 0) return
    socket.pause()
    const status = bytes.toString('latin1', 9, 12)
    if (status === '101') resolve(bytes.subarray(end + 4))
    else reject(new Error(`Cannot open a session as the answer must be 101: current value is ${status}`))
  }
  const onClose = () => reject(new Error('Cannot open a session as the connection was closed'))
  socket.on('data', onData)
  socket.on('close', onClose)
  const head = await promise
  socket.off('data', onData)
  socket.off('close', onClose)
  return { socket, head }
}
