import type { Socket } from 'node:net'
import { adoptSocket } from './adopt-socket.ts'
import type { Close } from './close-codes.ts'
import { encodeClose, encodeMessage, OPCODE } from './wire.ts'

/** A source is paused while its sink has more than this to write, and resumed when all of it is written. */
const MOST_BUFFERED_BYTES = 128 * 1024

/**
 * One of a session's two connections: the socket, what the relay itself says on it, and how its close stands.
 * It does not know what passes through.
 */
export class Leg {
  readonly socket: Socket
  /** Whether what goes out must be masked: true towards a server. */
  readonly #masked: boolean
  /** Whether anything came since this was last set to false. */
  heard = true
  /** All bytes that came. */
  bytesIn = 0
  /** Whether it is not read at the moment. */
  paused = false
  /** The payload of a pong that could not be sent yet. */
  pong: Buffer | null = null
  /** What the peer closed with; null while it has not. */
  received: Close | null = null
  /** What the relay closed with; null while it has not. */
  sent: Close | null = null

  /**
   * @param socket After its handshake; from now on it is the leg's.
   * @param onChunk Called with each chunk that comes, not before this returns.
   */
  constructor(socket: Socket, masked: boolean, onChunk: (chunk: Buffer) => void) {
    // A mounted server may have set a time-out of its own; the heartbeat is the session's.
    socket.setTimeout(0)
    socket.setNoDelay(true)
    this.socket = adoptSocket(socket, onChunk)
    this.#masked = masked
  }

  /** Whether more waits to be written than may. */
  get clogged(): boolean {
    // Without `writableNeedDrain` no 'drain' would come, and the source would stay paused.
    return this.socket.writableNeedDrain && this.socket.writableLength > MOST_BUFFERED_BYTES
  }

  /** Passes bytes on as they are. @param written Called when the kernel has taken them. */
  write(bytes: Buffer, written?: (error?: Error | null) => void): void {
    if (this.socket.writable) this.socket.write(bytes, written)
  }

  sendText(text: string): void {
    this.write(encodeMessage(OPCODE.text, Buffer.from(text), this.#masked))
  }

  sendPing(): void {
    this.write(encodeMessage(OPCODE.ping, Buffer.alloc(0), this.#masked))
  }

  sendPong(payload: Buffer): void {
    this.write(encodeMessage(OPCODE.pong, payload, this.#masked))
  }

  /** Sends a close, once; nothing may be written after it. */
  sendClose(close: Close): void {
    if (this.sent !== null) return
    this.sent = close
    this.write(encodeClose(close, this.#masked))
  }

  pause(): void {
    this.paused = true
    this.socket.pause()
  }

  resume(): void {
    this.paused = false
    this.heard = true // while it was not read, it could not be heard
    this.socket.resume()
  }

  /** Ends the connection when both sides have closed. */
  endIfClosed(): void {
    if (this.sent !== null && this.received !== null) this.socket.end()
  }
}
