import {
  type GetToken,
  type Provider,
  type SessionAuth,
  type SessionOptions,
  TokenClient,
  VoiceSession,
} from '../../src/index.ts'
import { loadAdapter, loadedAdapter, type ProviderSettings } from './adapters.ts'
import type { AgentTools } from './agent-tools.ts'

/** What a `<voice-agent>` is told by its attributes and properties; empty and null mean not given. */
export interface AgentSettings extends ProviderSettings {
  readonly provider: string | Provider
  readonly apiKey: string | null
  readonly proxyEndpoint: string | URL | null
  readonly tokenEndpoint: string | URL | null
  readonly tokenTransport: 'subprotocol' | 'query' | null
  readonly getToken: GetToken | null
  readonly sessionOptions: Partial<SessionOptions>
}

/** What may be given together: a relay with or without tickets, or one way to connect directly. */
const WAYS: readonly string[] = [
  'api-key',
  'token-endpoint',
  'getToken',
  'proxy-endpoint',
  'proxy-endpoint and token-endpoint',
  'proxy-endpoint and getToken',
]

/**
 * @param tools What the agent may call besides `sessionOptions.tools`; it follows the session from then on.
 * @param signal Gives up a session whose adapter is still on its way.
 * @returns A session that is not started yet; a promise of it where its provider's adapter is still being loaded.
 * @throws {TypeError} If the provider is unknown, or the settings do not say in exactly one way how to connect.
 */
export function createSession(
  settings: AgentSettings,
  tools: AgentTools,
  signal: AbortSignal,
): VoiceSession | Promise<VoiceSession> {
  assertOneWay(settings)
  const { provider, sessionOptions } = settings
  const create: Create = (made, sound = {}) => {
    const defined = tools.define()
    const options = { ...sessionOptions, tools: defined, provider: made, ...auth(settings) }
    const descriptors = Object.getOwnPropertyDescriptors(sound)
    return tools.follow(new VoiceSession(Object.defineProperties(options, descriptors)), defined)
  }
  if (typeof provider !== 'string') return create(provider)
  const adapter = loadedAdapter(provider)
  return adapter ? create(adapter(settings)) : createLater(settings, create, signal)
}

type Create = (provider: Provider, sound?: Pick<SessionOptions, 'audioContext'>) => VoiceSession

/**
 * Waits for the adapter. A browser lets sound begin only in the gesture, and by then that is over, so the context
 * is made here and now; it lasts for one conversation, as one that the session makes itself.
 */
async function createLater(
  settings: AgentSettings,
  create: Create,
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
    const adapter = await loadAdapter(settings.provider as string)
    signal.throwIfAborted()
    const session = create(adapter(settings), {
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

function assertOneWay({ apiKey, proxyEndpoint, tokenEndpoint, getToken }: AgentSettings): void {
  const ways = Object.entries({
    'api-key': apiKey,
    'proxy-endpoint': proxyEndpoint,
    'token-endpoint': tokenEndpoint,
    getToken,
  })
  const given = ways.flatMap(([name, value]) => (value ? name : [])).join(' and ')
  if (WAYS.includes(given)) return
  throw new TypeError(
    `Cannot start the agent as <voice-agent> must have one of ${WAYS.join(', ')}: current value is ${given || 'none'}`,
  )
}

function auth(settings: AgentSettings): SessionAuth {
  const { apiKey, proxyEndpoint, tokenTransport } = settings
  if (apiKey) return { apiKey }
  const getToken = tokenSource(settings)
  if (proxyEndpoint) {
    return { proxyEndpoint, ...(getToken && { getToken }), ...(tokenTransport && { tokenTransport }) }
  }
  return { getToken: getToken! }
}

/** A token endpoint is told whose token is wanted, and whether for the relay or for the provider itself. */
function tokenSource({ provider, proxyEndpoint, tokenEndpoint, getToken }: AgentSettings): GetToken | null {
  if (!tokenEndpoint) return getToken
  const name = typeof provider === 'string' ? provider : provider.name
  const client = new TokenClient({
    url: tokenEndpoint,
    body: {
      provider: name.startsWith('deepgram') ? 'deepgram' : 'openai',
      use: proxyEndpoint ? 'relay' : 'direct',
    },
  })
  return (context) => client.get(context)
}
