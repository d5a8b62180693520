import { OpenAIRealtime, VoiceSession, type VoiceSessionOptions } from '../../src/index.ts'
import { wire } from './openai-wire.ts'
import { ScriptedSocket } from './scripted-socket.ts'

const sessions: VoiceSession[] = []

/** @returns A session whose server is the test: OpenAI, over scripted sockets, in text unless an option says more. */
export function create(options: Partial<VoiceSessionOptions> = {}): VoiceSession {
  const session = new VoiceSession({
    provider: new OpenAIRealtime(),
    getToken: async () => 'token',
    WebSocket: ScriptedSocket.asWebSocket,
    reconnect: { initialMs: 1, maxMs: 1 },
    input: 'none',
    ...options,
  } as VoiceSessionOptions)
  sessions.push(session)
  return session
}

/** Starts a session; @returns the socket over which it is ready. */
export async function start(session: VoiceSession): Promise<ScriptedSocket> {
  const dialled = ScriptedSocket.next()
  const starting = session.start()
  const socket = wire.ready(await dialled)
  await starting
  return socket
}

export async function started(options: Partial<VoiceSessionOptions> = {}) {
  const session = create(options)
  return { session, socket: await start(session) }
}

/** Stops every session made since the last call. */
export async function stopAll(): Promise<void> {
  await Promise.all(sessions.splice(0).map((session) => session.stop()))
}
