import {
  DeepgramAgent,
  type GetToken,
  OpenAIRealtime,
  type Provider,
  type SessionAuth,
  type SessionOptions,
  TokenClient,
  VoiceSession,
} from '../../src/index.ts'

/** What a `<voice-agent>` is told by its attributes and properties; empty and null mean not given. */
export interface AgentSettings {
  readonly provider: string | Provider
  readonly model: string | null
  readonly voice: string | null
  readonly instructions: string | null
  readonly greeting: string | null
  readonly lang: string
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
 * @returns A session that is not started yet.
 * @throws {TypeError} If the provider is unknown, or the settings do not say in exactly one way how to connect.
 */
export function createSession(settings: AgentSettings): VoiceSession {
  assertOneWay(settings)
  return new VoiceSession({
    ...settings.sessionOptions,
    provider: createProvider(settings),
    ...auth(settings),
  })
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

function createProvider(settings: AgentSettings): Provider {
  const { provider, model, voice, instructions, greeting, lang } = settings
  if (typeof provider !== 'string') return provider
  const shared = { ...(instructions && { instructions }), ...(greeting && { greeting }) }
  switch (provider) {
    case 'openai':
    case 'openai-realtime':
      return new OpenAIRealtime({
        ...shared,
        ...(model && { model }),
        ...(voice && { voice }),
        // This API takes a language without its region.
        ...(lang && { transcription: { model: 'gpt-4o-mini-transcribe', language: lang.split('-')[0] } }),
      })
    case 'deepgram':
    case 'deepgram-agent':
      return new DeepgramAgent({
        ...shared,
        ...(model && { think: model }),
        ...(voice && { speak: voice }),
        ...(lang && { listen: { provider: { type: 'deepgram', model: 'nova-3', language: lang } } }),
      })
    default:
      throw new TypeError(
        `Cannot start the agent as provider must be openai-realtime or deepgram-agent: current value is ${provider}`,
      )
  }
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
