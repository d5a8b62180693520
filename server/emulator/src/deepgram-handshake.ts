import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { offeredSubprotocols } from './connection.ts'
import type { Credentials } from './credentials.ts'
import { QueryError } from './deepgram-query.ts'
import { authorizationOf, type Refusal, urlOf } from './handshake.ts'

/** The path of the Voice Agent API. */
export const DEEPGRAM_AGENT_PATH = '/v1/agent/converse'
/** The paths of speech-to-text: Nova and its elders, and Flux. */
export const DEEPGRAM_LISTEN_PATH = '/v1/listen'
export const DEEPGRAM_FLUX_PATH = '/v2/listen'

/** What a request shows: a key under `token`, a JWT under `bearer`. */
function credentialOf(request: IncomingMessage): { scheme: string; value: string } | null {
  const authorization = authorizationOf(request)
  if (authorization) return authorization
  const offered = offeredSubprotocols(request)
  const at = offered.findIndex((name) => name === 'token' || name === 'bearer')
  const value = offered[at + 1]
  return at < 0 || value === undefined ? null : { scheme: offered[at]!, value }
}

/** Whether a request may pass: a key as a token, a JWT as a bearer, never a key as a bearer. */
export function acceptsDeepgram(request: IncomingMessage, credentials: Credentials): boolean {
  const shown = credentialOf(request)
  if (shown?.scheme === 'token') return credentials.isDeepgramKey(shown.value)
  if (shown?.scheme === 'bearer') return credentials.isDeepgramToken(shown.value)
  return false
}

/** What stops the upgrade: Deepgram says everything about credentials in HTTP. */
export function refuseDeepgram(request: IncomingMessage, credentials: Credentials): Refusal | null {
  if (acceptsDeepgram(request, credentials)) return null
  return unauthorized()
}

/** The answer to credentials that are missing or wrong. */
export function unauthorized(): Refusal {
  const requestId = randomUUID()
  return {
    status: 401,
    headers: { 'dg-error': 'Invalid credentials.', 'dg-request-id': requestId },
    body: { err_code: 'INVALID_AUTH', err_msg: 'Invalid credentials.', request_id: requestId },
  }
}

/** What stops the upgrade of a stream: its credentials, then its query, which `read` throws a `QueryError` for. */
export function refuseDeepgramStream(
  request: IncomingMessage,
  { credentials, read }: { credentials: Credentials; read: (query: URLSearchParams) => unknown },
): Refusal | null {
  const refusal = refuseDeepgram(request, credentials)
  if (refusal) return refusal
  try {
    read(urlOf(request).searchParams)
    return null
  } catch (error) {
    if (error instanceof QueryError) return badQuery(error.message)
    throw error
  }
}

function badQuery(message: string): Refusal {
  const requestId = randomUUID()
  return {
    status: 400,
    // A header holds printable ASCII only, whatever a query may hold.
    headers: { 'dg-error': message.replaceAll(/[^ -~]/g, '?'), 'dg-request-id': requestId },
    body: { err_code: 'INVALID_QUERY_PARAMETER', err_msg: message, request_id: requestId },
  }
}

/** The subprotocol that is answered: the scheme word, never what follows it. */
export function selectDeepgramSubprotocol(offered: ReadonlySet<string>): string | false {
  for (const name of offered) if (name === 'token' || name === 'bearer') return name
  return false
}
