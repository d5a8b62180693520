import {
  type GetToken,
  type Provider,
  type SessionAuth,
  type SessionOptions,
  TokenClient,
  VoiceSession,
} from '../../src/index.ts'
import type { AgentSettings } from './agent-settings.ts'
import type { AgentTools } from './agent-tools.ts'
import { SessionTools } from './session-tools.ts'

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
 * @param sound The context that was made in the user's gesture, where there is one.
 * @returns A session that is not started yet.
 * @throws {TypeError} If the settings do not say in exactly one way how to connect.
 */
export function makeSession(
  settings: AgentSettings,
  provider: Provider,
  tools: AgentTools,
  sound: Pick<SessionOptions, 'audioContext'> = {},
): VoiceSession {
  assertOneWay(settings)
  const sessionTools = new SessionTools(tools)
  const options = { ...settings.sessionOptions, tools: sessionTools.initial, provider, ...auth(settings) }
  // Not spread: its context may be another one at each start.
  Object.defineProperties(options, Object.getOwnPropertyDescriptors(sound))
  const session = new VoiceSession(options)
  sessionTools.follow(session)
  return session
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
