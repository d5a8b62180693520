import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { Refusal } from '../codes.ts'

/** RFC 6455 §1.3: proves that a server has read the key as a WebSocket's. */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

/** What `Sec-WebSocket-Accept` must be for a `Sec-WebSocket-Key`. */
export function acceptValue(key: string): string {
  return createHash('sha1')
    .update(key + GUID)
    .digest('base64')
}

/**
 * Checks that a request is a WebSocket handshake.
 *
 * @throws {Refusal} 400, 405 or 426 where it is not.
 * @see https://www.rfc-editor.org/rfc/rfc6455#section-4.2.1
 */
export function checkHandshake(request: IncomingMessage): void {
  const { headers } = request
  if (request.method !== 'GET') throw new Refusal(405, 'method_not_allowed', 'A handshake is a GET request')
  if (request.httpVersion !== '1.1') throw new Refusal(400, 'bad_request', 'The version of HTTP must be 1.1')
  if (headers.upgrade?.toLowerCase() !== 'websocket') {
    throw new Refusal(400, 'bad_request', 'The header Upgrade must be "websocket"')
  }
  if (headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined) {
    throw new Refusal(400, 'bad_request', 'A handshake has no body')
  }
  if (headers['sec-websocket-version'] !== '13') {
    throw new Refusal(426, 'bad_request', 'The header Sec-WebSocket-Version must be 13')
  }
  if (!/^[+/0-9A-Za-z]{22}==$/.test(headers['sec-websocket-key'] ?? '')) {
    throw new Refusal(400, 'bad_request', 'The header Sec-WebSocket-Key must be 16 bytes in base64')
  }
}

/**
 * The subprotocols a client offers, in its order.
 *
 * @throws {Refusal} 400 where the header is not a list of different tokens.
 */
export function offeredProtocols(request: IncomingMessage): readonly string[] {
  const header = request.headers['sec-websocket-protocol']
  if (header === undefined) return []
  const protocols = header.split(',').map((protocol) => protocol.trim())
  const valid = protocols.every((protocol) => /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(protocol))
  if (!valid || new Set(protocols).size !== protocols.length) {
    throw new Refusal(
      400,
      'bad_request',
      'The header Sec-WebSocket-Protocol must be a list of different tokens',
    )
  }
  return protocols
}

/** Words after which the next subprotocol is a credential, in Deepgram's style. */
const SCHEMES = new Set(['token', 'bearer'])
const SECRET_PREFIXES = ['openai-insecure-api-key.', 'access_token.']

/** The credential among the subprotocols, in any of the known styles; null where there is none. */
export function protocolCredential(offered: readonly string[]): string | null {
  for (const [index, protocol] of offered.entries()) {
    const prefix = SECRET_PREFIXES.find((start) => protocol.startsWith(start))
    if (prefix !== undefined) return protocol.slice(prefix.length)
    if (SCHEMES.has(protocol)) return offered[index + 1] ?? null
  }
  return null
}

/**
 * The one subprotocol to answer with: the provider's own word, else the first that is no secret and selects
 * nothing at the provider. `access_token.…` is answered where nothing else was offered, as a browser refuses a
 * connection without an answer, and that name is the relay's own: what follows it is spent by now.
 *
 * @returns null where nothing may be answered.
 */
export function selectProtocol(offered: readonly string[]): string | null {
  for (const word of ['realtime', 'token', 'bearer']) if (offered.includes(word)) return word
  const plain = offered.find((protocol) => !isReserved(protocol))
  if (plain !== undefined) return plain
  const only = offered.length === 1 ? offered[0]! : ''
  return only.startsWith('access_token.') ? only : null
}

/** No subprotocol's name is as long, while every key and token is longer. */
const LEAST_SECRET_CHARACTERS = 32

/** Secrets, OpenAI's accounts, and its beta, which no longer exists. */
function isReserved(protocol: string): boolean {
  if (protocol.length >= LEAST_SECRET_CHARACTERS || /^(sk-|ek_)/.test(protocol)) return true
  if (SECRET_PREFIXES.some((start) => protocol.startsWith(start))) return true
  return /^openai-(organization|project|beta)\b/.test(protocol)
}
