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

/** @throws {TypeError} Unless exactly one way to authenticate is given. */
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
