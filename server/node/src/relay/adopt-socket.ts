import { Socket } from 'node:net'

/** All plain sockets are read into this one buffer, and what came is copied out before anything else happens. */
const READ_BUFFER = Buffer.allocUnsafeSlow(64 * 1024)

/** What Node keeps behind a socket; there is no public way to read an accepted socket into a buffer of one's own. */
interface Inside {
  _handle: object | null
  readonly server?: object | null
  readonly _readableState?: { readonly ended: boolean }
}

/**
 * Reads a socket that somebody else has made, in the cheapest way that there is for it.
 *
 * For each chunk Node allocates 64 KiB and gives most of it back, which costs more than all that a relay does with a
 * message of 1 KiB. A plain TCP socket is therefore handed over to a new one that reads into one buffer for all (the
 * option `onread`), and each chunk is as big as what came. All others, such as TLS, are read as usual.
 *
 * @param onChunk Called with each chunk, which it then owns.
 * @returns The socket to use from now on; the one given must not be used any more.
 * @see https://nodejs.org/api/net.html#new-netsocketoptions
 */
export function adoptSocket(socket: Socket, onChunk: (chunk: Buffer) => void): Socket {
  const given = socket as unknown as Inside
  const handle = given._handle
  const plain = socket.constructor === Socket && handle !== null && handle.constructor.name === 'TCP'
  // What still has to be written, and an end that has come already, are bound to the socket that was given.
  if (!plain || socket.writableLength > 0 || socket.destroyed || given._readableState?.ended !== false) {
    socket.on('data', onChunk)
    return socket
  }
  const options = {
    handle,
    allowHalfOpen: socket.allowHalfOpen,
    onread: {
      buffer: READ_BUFFER,
      callback: (bytes: number) => {
        onChunk(Buffer.from(READ_BUFFER.subarray(0, bytes)))
        return true
      },
    },
  }
  const waiting = socket.read() as Buffer | null // came while the handshake was judged
  const adopted = new Socket(options as never)
  given._handle = null
  // A server counts its sockets until they close; all others are forgotten, with the request that dialled them.
  if (given.server) adopted.once('close', () => socket.destroy())
  if (waiting !== null) process.nextTick(onChunk, waiting)
  return adopted
}
