import type { Provider, VoiceSession } from '../../src/index.ts'
import { type Adapter, loadAdapter, loadedAdapter, loadPart } from './adapters.ts'
import type { AgentSettings } from './agent-settings.ts'
import type { AgentTools } from './agent-tools.ts'

/** What a session is made by: all that a page need not have before it may be started. */
interface Makings {
  readonly makeSession: typeof import('./agent-session.ts').makeSession
  readonly adapter: Adapter
}

let makeSession: Makings['makeSession'] | null = null

/**
 * Loads what sessions of the provider are made by; once it is there, {@link createSession} need not wait.
 *
 * @throws {TypeError} If there is no such provider.
 * @throws {VoiceError} `connection-failed`, if a file cannot be had.
 */
export async function loadMakings(provider: string | Provider): Promise<Makings> {
  const [made, adapter] = await Promise.all([
    loadPart('session', () => import('./agent-session.ts')),
    typeof provider === 'string' ? loadAdapter(provider) : () => provider,
  ])
  makeSession = made.makeSession
  return { makeSession, adapter }
}

/** @returns The same where it is there already, else null. */
function loadedMakings(provider: string | Provider): Makings | null {
  const adapter = typeof provider === 'string' ? loadedAdapter(provider) : () => provider
  return makeSession && adapter && { makeSession, adapter }
}

/**
 * @param tools What the agent may call besides `sessionOptions.tools`; it follows the session from then on.
 * @param signal Gives up a session whose makings are still on their way.
 * @returns A session that is not started yet; a promise of it where what makes it is still being loaded.
 * @throws {TypeError} If the provider is unknown, or the settings do not say in exactly one way how to connect.
 */
export function createSession(
  settings: AgentSettings,
  tools: AgentTools,
  signal: AbortSignal,
): VoiceSession | Promise<VoiceSession> {
  const makings = loadedMakings(settings.provider)
  return makings
    ? makings.makeSession(settings, makings.adapter(settings), tools)
    : createLater(settings, tools, signal)
}

/**
 * Waits for the makings. A browser lets sound begin only in the gesture, and by then that is over, so the context
 * is made here and now; it lasts for one conversation, as one that the session makes itself.
 */
async function createLater(
  settings: AgentSettings,
  tools: AgentTools,
  signal: AbortSignal,
): Promise<VoiceSession> {
  const given = settings.sessionOptions.audioContext
  const context = given ?? new AudioContext({ latencyHint: 'interactive' })
  let closing: Promise<void> | undefined
  // Without a gesture it may stay pending until there is one.
  context.resume().catch(() => {})
  const close = (): void => {
    // A context that is being closed says so only when it is: a second time would be an error.
    if (!given) closing ??= context.close()
  }
  signal.addEventListener('abort', close)
  try {
    const { makeSession, adapter } = await loadMakings(settings.provider)
    signal.throwIfAborted()
    const session = makeSession(settings, adapter(settings), tools, {
      // Asked for at each start; nothing where the session has to make one of its own.
      get audioContext() {
        return (closing ? undefined : context) as AudioContext
      },
    })
    session.on('statechange', ({ state }) => {
      if (state === 'closed') close()
    })
    return session
  } catch (error) {
    close()
    throw error
  }
}
