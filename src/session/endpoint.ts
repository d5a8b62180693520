import { VoiceError } from '../errors.ts'
import type { Credential, Endpoint, Provider } from '../providers/provider.ts'
import { warnOnce } from '../util/once.ts'

/** Asked for a token at every connect and reconnect. */
export type GetToken = (context: { signal: AbortSignal }) => Promise<string> | string

/** A direct connection with the provider's own key: for development, since every visitor can read it. */
export interface ApiKeyAuth {
  apiKey: string
  getToken?: never
  proxyEndpoint?: never
  proxyAuthToken?: never
  tokenTransport?: never
}

/** A direct connection with a short-lived token from your server. */
export interface TokenAuth {
  getToken: GetToken
  apiKey?: never
  proxyEndpoint?: never
  proxyAuthToken?: never
  tokenTransport?: never
}

/** A connection through a relay that keeps the key. */
export interface ProxyAuth {
  /**
   * The relay: `ws:`, `wss:`, `http:`, `https:`, or relative to the page. With a path that ends in `/`, or
   * none, the provider's own path is appended; any other is used as it stands.
   */
  proxyEndpoint: string | URL
  /** Gets the ticket that the relay asks for. */
  getToken?: GetToken
  /** A ticket that does not change, instead of `getToken`. */
  proxyAuthToken?: string
  /** How the ticket travels; `query` for relays that read only `?token=`. Default `subprotocol`. */
  tokenTransport?: 'subprotocol' | 'query'
  apiKey?: never
}

/** Exactly one way to authenticate. */
export type SessionAuth = ApiKeyAuth | TokenAuth | ProxyAuth

/** What RFC 9110 calls a token: all that a subprotocol may consist of. */
const SUBPROTOCOL = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/

/** @throws {TypeError} Unless exactly one way is given. */
export function assertAuth(auth: SessionAuth): void {
  const { apiKey, getToken, proxyEndpoint, proxyAuthToken } = auth
  const ways = [apiKey, proxyEndpoint ?? getToken].filter((way) => way !== undefined).length
  if (ways !== 1) {
    throw new TypeError(
      `Cannot create a session as auth must be exactly one of apiKey, getToken, proxyEndpoint: ${ways} were given`,
    )
  }
  if (getToken !== undefined && proxyAuthToken !== undefined) {
    throw new TypeError(
      'Cannot create a session as the ticket must be one of getToken, proxyAuthToken: both were given',
    )
  }
  if (apiKey !== undefined) {
    warnOnce(
      'apiKey',
      'voicewire: apiKey is for development, since every visitor can read it; use a relay or getToken',
    )
  }
}

/**
 * @returns Where to dial now, with a fresh token where there is a `getToken`.
 * @throws What `getToken` throws.
 * @throws {VoiceError} `unauthorized`, if a token cannot travel as a subprotocol.
 */
export async function resolveEndpoint(
  auth: SessionAuth,
  provider: Provider,
  signal: AbortSignal,
): Promise<Endpoint> {
  const credential = await resolveCredential(auth, signal)
  if (auth.proxyEndpoint === undefined) return checked(provider.endpoint(credential))
  const byQuery = auth.tokenTransport === 'query'
  const { url, protocols } = provider.endpoint(byQuery ? null : credential)
  const relayed = new URL(relayUrl(auth.proxyEndpoint, url))
  if (byQuery && credential) relayed.searchParams.set('token', credential.value)
  return checked({ url: relayed.href, protocols })
}

async function resolveCredential(auth: SessionAuth, signal: AbortSignal): Promise<Credential | null> {
  if (auth.apiKey !== undefined) return { type: 'api-key', value: auth.apiKey }
  const value = auth.getToken ? await auth.getToken({ signal }) : auth.proxyAuthToken
  return value === undefined ? null : { type: 'token', value }
}

/** The relay's address with the provider's query, and with the provider's path where the relay names none. */
function relayUrl(proxyEndpoint: string | URL, providerUrl: string): string {
  const url = new URL(proxyEndpoint, globalThis.document?.baseURI)
  const asked = new URL(providerUrl)
  url.protocol = url.protocol.replace(/^http/, 'ws')
  if (url.pathname.endsWith('/')) url.pathname += asked.pathname.slice(1)
  for (const [name, value] of asked.searchParams) url.searchParams.append(name, value)
  return url.href
}

function checked(endpoint: Endpoint): Endpoint {
  if (endpoint.protocols.every((protocol) => SUBPROTOCOL.test(protocol))) return endpoint
  throw new VoiceError(
    'unauthorized',
    'Cannot send the token as it has characters that a subprotocol may not have',
    {
      phase: 'connect',
      hint: 'Use unpadded base64url for tokens, or tokenTransport "query" where the relay reads it',
    },
  )
}
