import type { IncomingMessage, ServerResponse } from 'node:http'
import type { EmulatorConnection } from './connection.ts'
import { acceptsDeepgram, unauthorized } from './deepgram-handshake.ts'
import { grantRequest, sayIssue } from './deepgram-schema.ts'
import { authorizationOf, type Refusal, urlOf } from './handshake.ts'
import { defaultConfig, mergeConfig, shownConfig } from './openai-config.ts'
import { newId } from './openai-conversation.ts'
import { errorOfIssue, OpenAIError } from './openai-error.ts'
import { clientSecretRequest } from './openai-schema.ts'
import { routeOf } from './routes.ts'
import { isObject, type JsonObject } from './schema.ts'
import type { Services } from './services.ts'

/** A body is refused beyond this size. */
const MAX_BODY_BYTES = 1024 * 1024

/** Anything but an upgrade: the providers' token endpoints, and the emulator's own logs. */
export async function answerHttp(
  request: IncomingMessage,
  response: ServerResponse,
  { services, connections }: { services: Services; connections: readonly EmulatorConnection[] },
): Promise<void> {
  const { pathname } = urlOf(request)
  switch (`${request.method} ${pathname}`) {
    case 'POST /v1/realtime/client_secrets':
      return sendJson(response, await clientSecret(request, services))
    case 'POST /v1/auth/grant':
      return sendJson(response, await grant(request, services))
    case 'GET /v1/agent/settings/think/models':
      return sendJson(response, { status: 200, body: { models: MODELS } })
    case 'GET /health':
      return sendJson(response, { status: 200, body: { status: 'ok' } })
  }
  if (request.method === 'GET' && routeOf(pathname)) {
    return sendJson(response, {
      status: 426,
      headers: { upgrade: 'websocket' },
      body: { error: 'upgrade required' },
    })
  }
  if (request.method === 'GET' && pathname.startsWith('/emulator/connections')) {
    return answerLogs(pathname, response, connections)
  }
  sendJson(response, { status: 404, body: { error: 'not found' } })
}

const MODELS = [
  { id: 'gpt-4o-mini', name: 'GPT-4o mini', provider: 'open_ai' },
  { id: 'claude-sonnet-4-20250514', name: 'Claude Sonnet 4', provider: 'anthropic' },
]

/** What `GET /emulator/connections` tells of one connection: no credential, no header. */
export interface ConnectionSummary {
  readonly id: string
  readonly protocol: EmulatorConnection['protocol']
  readonly path: string
  readonly query: Readonly<Record<string, string>>
  readonly subprotocol: string
  readonly open: boolean
  readonly closed: EmulatorConnection['closed']
  /** Types of the text messages received and sent, in order. */
  readonly received: readonly string[]
  readonly sent: readonly string[]
  readonly inputMs: number
  readonly inputBytes: number
  readonly inputChunks: number
  readonly spoken: readonly {
    readonly itemId: string
    readonly text: string
    readonly ms: number
    readonly complete: boolean
    readonly truncatedAtMs: number | null
  }[]
}

function summarize(connection: EmulatorConnection): ConnectionSummary {
  const { id, protocol, path, query, subprotocol, open, closed, received, sent, input, spoken } = connection
  return {
    ...{ id, protocol, path, query: Object.fromEntries(query), subprotocol, open, closed },
    received: received.map(({ type }) => type),
    sent: sent.map(({ type }) => type),
    inputMs: Math.round(input.ms),
    inputBytes: input.chunks.reduce((sum, { bytes }) => sum + bytes.length, 0),
    inputChunks: input.chunks.length,
    spoken: spoken.map(({ itemId, text, audio, complete, truncatedAtMs }) => ({
      ...{ itemId, text, ms: Math.round(audio.ms), complete, truncatedAtMs },
    })),
  }
}

/**
 * `/emulator/connections`: a summary of all. `/emulator/connections/<id>`: every message of one (`last` for
 * the newest). `…/audio`: the user's sound as 16-bit little-endian samples. `…/spoken/<item>`: an item's.
 */
function answerLogs(path: string, response: ServerResponse, all: readonly EmulatorConnection[]): void {
  const [id, part, itemId] = path.split('/').slice(3)
  if (id === undefined) {
    sendJson(response, { status: 200, body: all.map(summarize) })
    return
  }
  const connection = id === 'last' ? all.at(-1) : all.find((one) => one.id === id)
  if (!connection) {
    sendJson(response, { status: 404, body: { error: 'no such connection' } })
    return
  }
  const { received, sent, input, spoken } = connection
  if (part === undefined) {
    sendJson(response, {
      status: 200,
      body: { ...summarize(connection), messages: { received, sent } },
    })
    return
  }
  const log = part === 'audio' ? input : spoken.find((item) => item.itemId === itemId)?.audio
  if (!log) {
    sendJson(response, { status: 404, body: { error: 'no such audio' } })
    return
  }
  const pcm = log.pcm()
  const rate = log.chunks[0]?.format.sampleRate ?? 0
  response.writeHead(200, {
    ...LOG_HEADERS,
    'content-type': 'application/octet-stream',
    'x-sample-rate': rate,
  })
  response.end(Buffer.from(pcm.buffer, pcm.byteOffset, pcm.byteLength))
}

/** A page under test may read the logs itself. */
const LOG_HEADERS = { 'access-control-allow-origin': '*', 'access-control-expose-headers': 'x-sample-rate' }

async function clientSecret(request: IncomingMessage, services: Services): Promise<Refusal> {
  try {
    const authorization = authorizationOf(request)
    if (authorization?.scheme !== 'bearer' || !services.credentials.isOpenAIKey(authorization.value)) {
      return openAIRefusal(401, new OpenAIError('invalid_api_key', 'Incorrect API key provided.'))
    }
    const body = await readJson(request)
    const wrong = clientSecretRequest(body, '')
    if (wrong) throw errorOfIssue(wrong)
    return { status: 200, body: mint(body as JsonObject, services) }
  } catch (error) {
    if (error instanceof OpenAIError) return openAIRefusal(400, error)
    throw error
  }
}

function mint({ session, expires_after: after }: JsonObject, { credentials, now }: Services): JsonObject {
  const given = isObject(session) ? session : { type: 'realtime' }
  const seconds = isObject(after) ? Number(after['seconds'] ?? 600) : 600
  const type = given['type'] === 'transcription' ? 'transcription' : 'realtime'
  const model = type === 'realtime' ? String(given['model'] ?? 'gpt-realtime-2.1') : null
  const expiresAt = Math.floor(now() / 1000) + seconds
  const config = mergeConfig(defaultConfig(type, { id: newId('sess'), model, expiresAt }), given)
  const secret = credentials.mintSecret(seconds, session)
  return {
    value: secret.value,
    expires_at: secret.expiresAt,
    session: { ...shownConfig(config), expires_at: 0 },
  }
}

async function grant(request: IncomingMessage, { credentials }: Services): Promise<Refusal> {
  if (authorizationOf(request)?.scheme !== 'token' || !acceptsDeepgram(request, credentials))
    return unauthorized()
  const body = (await readJson(request)) ?? {}
  const wrong = grantRequest(body, '')
  if (wrong) return { status: 400, body: { err_code: 'INVALID_REQUEST', err_msg: sayIssue(wrong) } }
  const seconds = Number((body as JsonObject)['ttl_seconds'] ?? 30)
  return { status: 200, body: { access_token: credentials.mintToken(seconds), expires_in: seconds } }
}

/** The body as JSON; `undefined` if it is not, `{}` if there is none. */
async function readJson(request: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = []
  let size = 0
  for await (const part of request as AsyncIterable<Buffer>) {
    size += part.length
    if (size > MAX_BODY_BYTES) return undefined
    parts.push(part)
  }
  const text = Buffer.concat(parts).toString()
  try {
    return text === '' ? {} : JSON.parse(text)
  } catch {
    // What is not JSON fits no schema, and is told as that.
    return undefined
  }
}

function openAIRefusal(status: number, { body }: OpenAIError): Refusal {
  return { status, body: { error: body } }
}

/** Writes a JSON answer. */
export function sendJson(response: ServerResponse, { status, headers = {}, body }: Refusal): void {
  const all = { ...LOG_HEADERS, ...headers, 'content-type': 'application/json', 'cache-control': 'no-store' }
  response.writeHead(status, all)
  response.end(JSON.stringify(body))
}
