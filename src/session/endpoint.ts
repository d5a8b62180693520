import { VoiceError, type VoiceErrorCode } from '../errors.ts'
import type { Credential, Endpoint, Provider } from '../providers/provider.ts'
import { isObject, objectField, stringField } from '../util/json.ts'
import type { SessionAuth } from './auth.ts'

/** How long a user who waits anyway waits for a better reason, in ms. */
const DIAGNOSIS_MS = 3000

/** What RFC 9110 calls a token: all that a subprotocol may consist of. */
const SUBPROTOCOL = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/

/** A dial through a relay. */
interface Dial {
  readonly url: string
  readonly credential: Credential | null
  /** Whether the dial before had another credential, or none. */
  readonly first: boolean
}

/** Knows where to dial, with which token, and why a relay did not let us in. */
export class EndpointResolver {
  readonly #auth: SessionAuth
  readonly #provider: Provider
  #last: Dial | null = null

  constructor(auth: SessionAuth, provider: Provider) {
    this.#auth = auth
    this.#provider = provider
  }

  /**
   * @returns Where to dial now, with a fresh token where there is a `getToken`.
   * @throws What `getToken` throws.
   * @throws {VoiceError} `unauthorized`, if a token cannot travel as a subprotocol.
   */
  async resolve(signal: AbortSignal): Promise<Endpoint> {
    const { proxyEndpoint, tokenTransport } = this.#auth
    const credential = await resolveCredential(this.#auth, signal)
    if (proxyEndpoint === undefined) return checked(this.#provider.endpoint(credential))
    const byQuery = tokenTransport === 'query'
    const { url, protocols } = this.#provider.endpoint(byQuery ? null : credential)
    const relayed = new URL(relayUrl(proxyEndpoint, url))
    if (byQuery && credential) relayed.searchParams.set('token', credential.value)
    const first = credential?.value !== this.#last?.credential?.value
    this.#last = { url: relayed.href, credential, first }
    return checked({ url: relayed.href, protocols })
  }

  /**
   * Asks the relay over HTTP why it refused the last connection, since a browser cannot read a refused upgrade.
   *
   * @returns Null where it is not a relay or gives no reason.
   */
  async diagnose(): Promise<VoiceError | null> {
    if (!this.#last) return null
    const { url, credential, first } = this.#last
    try {
      const response = await fetch(url.replace(/^ws/, 'http'), {
        cache: 'no-store',
        signal: AbortSignal.timeout(DIAGNOSIS_MS),
        ...(credential && { headers: { authorization: `Bearer ${credential.value}` } }),
      })
      const answer = await response.json()
      // This dial has used it up, and what was lost is the relay's answer.
      return first && reasonOf(answer, 'code') === 'ticket_used'
        ? null
        : refusalError(response.status, answer)
    } catch {
      // No relay there, or one without this courtesy: the close code is all that is known.
      return null
    }
  }
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
  const text = 'Cannot send the token as it has characters that a subprotocol may not have'
  throw new VoiceError('unauthorized', text, {
    hint: 'Use unpadded base64url for tokens, or tokenTransport "query" where the relay reads it',
  })
}

/** What the status of a refused upgrade means. */
const REFUSALS: Readonly<Record<number, readonly [code: VoiceErrorCode, hint?: string]>> = {
  401: ['unauthorized'],
  403: ['forbidden'],
  404: [
    'connection-failed',
    'Check the path of proxyEndpoint; one that ends in / gets the provider’s path appended',
  ],
  429: ['rate-limited'],
  503: ['connection-failed', 'The relay is full or restarting: try again in a moment'],
}

function refusalError(status: number, answer: unknown): VoiceError | null {
  const [code, hint] = REFUSALS[status] ?? []
  if (!code) return null
  const text = `The relay refused the connection: ${reasonOf(answer, 'message') || `HTTP ${status}`}`
  return new VoiceError(code, text, { ...(hint && { hint }), ...(status === 404 && { retryable: false }) })
}

function reasonOf(answer: unknown, field: 'code' | 'message'): string {
  return isObject(answer) ? stringField(objectField(answer, 'error'), field) : ''
}
