import type { IncomingMessage } from 'node:http'
import type { EmulatorConnection } from './connection.ts'
import { offeredSubprotocols } from './connection.ts'
import type { Credentials } from './credentials.ts'
import { authorizationOf, type Refusal, urlOf } from './handshake.ts'
import { newId } from './openai-conversation.ts'
import { OpenAIError } from './openai-error.ts'
import { OpenAISession } from './openai-session.ts'
import type { Services } from './services.ts'

/** The path of the Realtime API. */
export const OPENAI_PATH = '/v1/realtime'

const KEY_PREFIX = 'openai-insecure-api-key.'
const BETA_SUBPROTOCOL = 'openai-beta.realtime-v1'
/** Models that a session can be opened with; the previews of 2024 and 2025 are gone. */
const MODELS = /^gpt-(realtime|audio)(-[\w.-]+)?$/

/** The credential that a request shows, in its header or among its subprotocols; `null` without one. */
export function openAICredential(request: IncomingMessage): string | null {
  const authorization = authorizationOf(request)
  if (authorization) return authorization.scheme === 'bearer' ? authorization.value : null
  const offered = offeredSubprotocols(request).find((name) => name.startsWith(KEY_PREFIX))
  return offered?.slice(KEY_PREFIX.length) ?? null
}

/** What stops the upgrade itself: no credential at all, an unclear target, an unknown call. */
export function refuseOpenAI(request: IncomingMessage, services: Services): Refusal | null {
  if (openAICredential(request) === null) {
    return refusal(401, 'missing_authentication', 'Missing bearer or basic authentication in header')
  }
  const { searchParams } = urlOf(request)
  const targets = ['model', 'call_id', 'intent'].filter((name) => searchParams.has(name))
  if (targets.length !== 1) {
    return refusal(400, 'invalid_value', 'Exactly one of model, call_id and intent is required')
  }
  const intent = searchParams.get('intent')
  if (intent !== null && intent !== 'transcription') {
    return refusal(400, 'invalid_value', "The intent must be 'transcription'")
  }
  const call = searchParams.get('call_id')
  const known = services.calls ? services.calls.includes(call ?? '') : /^rtc_/.test(call ?? '')
  if (call !== null && !known)
    return refusal(404, 'call_id_not_found', 'No session found for the provided call_id')
  return null
}

/** The subprotocol that is answered: `realtime` where it was offered, never one that carries a key. */
export function selectOpenAISubprotocol(offered: ReadonlySet<string>): string | false {
  return offered.has('realtime') ? 'realtime' : false
}

/** Starts the session, or tells an upgraded client what is wrong and closes. */
export function openOpenAI(
  connection: EmulatorConnection,
  request: IncomingMessage,
  services: Services,
): OpenAISession | null {
  const credential = openAICredential(request) ?? ''
  const problem = problemOf(connection, { credential, credentials: services.credentials })
  if (problem) {
    connection.send({
      type: 'error',
      event_id: newId('event'),
      error: { ...problem.error.body, event_id: null },
    })
    connection.close(problem.close, `${problem.error.body.type}.${problem.error.body.code}`)
    return null
  }
  const transcription = connection.query.get('intent') === 'transcription'
  return new OpenAISession(connection, services, {
    type: transcription ? 'transcription' : 'realtime',
    model: transcription ? null : (connection.query.get('model') ?? 'gpt-realtime-2.1'),
    initial: services.credentials.sessionOf(credential),
  })
}

function problemOf(
  connection: EmulatorConnection,
  { credential, credentials }: { credential: string; credentials: Credentials },
): { error: OpenAIError; close: number } | null {
  if (connection.headers['openai-beta'] !== undefined || connection.offered.includes(BETA_SUBPROTOCOL)) {
    const message = 'The Realtime Beta API is no longer supported. Please use the generally available API.'
    return { error: new OpenAIError('beta_api_shape_disabled', message), close: 4000 }
  }
  if (!credentials.opensOpenAI(credential)) {
    return { error: new OpenAIError('invalid_api_key', 'Incorrect API key provided.'), close: 3000 }
  }
  const model = connection.query.get('model')
  if (model !== null && !MODELS.test(model)) {
    const message = 'The model does not exist or you do not have access to it.'
    return { error: new OpenAIError('model_not_found', message, 'model'), close: 3000 }
  }
  return null
}

function refusal(status: number, code: string, message: string): Refusal {
  return { status, body: { error: { type: 'invalid_request_error', code, message, param: null } } }
}
