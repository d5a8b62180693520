import { Dials } from './dials.ts'
import { ScriptedSocket } from './scripted-socket.ts'

/** A server of a test's own. */
export interface ScriptedServer {
  /** For the option of that name: what it dials ends here. */
  readonly WebSocket: typeof WebSocket
  /** Every socket dialled so far, oldest first. */
  readonly dialled: readonly ScriptedSocket[]
  /** @returns The next socket that is dialled. */
  next(): Promise<ScriptedSocket>
}

/**
 * A server that is a script. Each has its own sockets, so that tests and sessions do not meet.
 *
 * @param script Plays the server's side over each socket, from before it is accepted; what it throws is an unhandled
 * rejection. Default: nothing happens by itself, and the test plays on the sockets that `next` gives.
 *
 * ```ts
 * const server = scriptedServer(async (socket) => {
 *   socket.accept().say({ type: 'session.created' })
 *   await socket.whenSent('session.update')
 *   socket.say({ type: 'session.updated', session: {} })
 * })
 * const session = new VoiceSession({ provider, getToken, WebSocket: server.WebSocket })
 * ```
 */
export function scriptedServer(
  script: (socket: ScriptedSocket) => void | Promise<void> = () => {},
): ScriptedServer {
  const dials = new Dials<ScriptedSocket>((socket) => void script(socket))
  class Socket extends ScriptedSocket {
    constructor(url: string | URL, protocols?: string | string[]) {
      super(url, protocols, dials)
    }
  }
  return {
    WebSocket: Socket as unknown as typeof WebSocket,
    get dialled() {
      return dials.dialled
    },
    next: () => dials.next(),
  }
}
