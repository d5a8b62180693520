import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { hashUser } from './auth.ts'
import { Refusal } from './codes.ts'
import type { DeepgramOptions, OpenAIOptions } from './provider-options.ts'
import type { ProviderName, ProviderPath, Route } from './relay/routes.ts'
import type { UpstreamRequest } from './relay/session-options.ts'

/** Where the providers are, unless the options say otherwise. */
export const DEFAULT_URLS = {
  openai: 'wss://api.openai.com',
  deepgram: 'wss://api.deepgram.com',
  deepgramAgent: 'wss://agent.deepgram.com',
} as const

/** What may stand at the end of a configured URL although the path is added anyway. */
const API_PATHS = /\/(v1\/realtime|v1\/agent\/converse|v1\/listen|v2\/listen|v1)?\/?$/

/** The providers that there is a key for. */
export interface UpstreamsOptions {
  readonly openai?: OpenAIOptions
  readonly deepgram?: DeepgramOptions
}

/** The providers as configured: the only hosts that can ever be dialled. */
export class Upstreams {
  readonly #options: UpstreamsOptions
  readonly #http = new HttpAgent()
  readonly #https = new HttpsAgent() // keeps TLS sessions, which makes the next dial cheaper
  readonly #bases: Readonly<Record<ProviderPath, string>>

  /** @throws {TypeError} Where a configured URL is none, or not a WebSocket's, or a key fits into no header. */
  constructor(options: UpstreamsOptions) {
    this.#options = options
    checkKey('openai', options.openai?.apiKey ?? '')
    checkKey('deepgram', options.deepgram?.apiKey ?? '')
    const listen = baseUrl(options.deepgram?.url ?? DEFAULT_URLS.deepgram)
    this.#bases = {
      '/v1/realtime': baseUrl(options.openai?.url ?? DEFAULT_URLS.openai),
      '/v1/agent/converse': baseUrl(options.deepgram?.agentUrl ?? DEFAULT_URLS.deepgramAgent),
      '/v1/listen': listen,
      '/v2/listen': listen,
    }
  }

  /** @throws {Refusal} 503 where there is no key for the route's provider. */
  check(route: Route): void {
    this.#key(route)
  }

  /**
   * What to dial for a session.
   *
   * @param user The application's id of the user; null where nobody knows.
   * @throws {Refusal} 503 where there is no key for the route's provider.
   */
  request(route: Route, offered: readonly string[], user: string | null): UpstreamRequest {
    const secret = this.#key(route)
    const openai = route.provider === 'openai'
    const url = this.#bases[route.path] + route.path + route.query
    return {
      url,
      headers: {
        'User-Agent': 'voicewire-relay',
        Authorization: `${openai ? 'Bearer' : 'Token'} ${secret}`,
        ...(openai && user !== null && { 'OpenAI-Safety-Identifier': hashUser(user) }),
      },
      // The key is in the header, so all other subprotocols are credentials for somebody else, or OpenAI's beta.
      protocols: openai && offered.includes('realtime') ? ['realtime'] : [],
      agent: url.startsWith('https:') ? this.#https : this.#http,
      secret,
    }
  }

  #key({ provider }: Route): string {
    const key = this.#options[provider]?.apiKey ?? ''
    if (key === '') throw new Refusal(503, 'provider_not_configured', 'This provider is not available here')
    return key
  }
}

/** A key that was read from a file with its last line break could not be sent, and every dial would throw. */
function checkKey(provider: ProviderName, key: string): void {
  if (/^[\x21-\x7e]*$/.test(key)) return
  throw new TypeError(`Cannot use the key of ${provider} as it must be ASCII without spaces and line breaks`)
}

/**
 * A provider's base URL, as `http:` or `https:`, without a slash at its end and without the API's own path.
 *
 * @throws {TypeError} Where it is no URL of a WebSocket.
 */
export function baseUrl(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : null
  const valid =
    parsed !== null && /^(ws|http)s?:$/.test(parsed.protocol) && parsed.search + parsed.hash === ''
  // The value is not shown: a URL can carry a password.
  if (!valid)
    throw new TypeError('Cannot use a provider as its URL must be like wss://host or wss://host/path')
  const scheme = parsed.protocol.replace('ws', 'http')
  return `${scheme}//${parsed.host}${parsed.pathname.replace(API_PATHS, '')}`
}
