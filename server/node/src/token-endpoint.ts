import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { z } from 'zod'
import { type Authenticate, askApplication, checkOrigin, originOf, type RelayUser } from './auth.ts'
import { Refusal } from './codes.ts'
import type { Answer } from './http.ts'
import { checkRate, rateHeaders, type SlidingWindow } from './limits.ts'
import type { OriginPolicy } from './origins.ts'
import { issueTicket, type TicketOptions } from './tokens.ts'

/** Enough for every field with room to spare. */
const MOST_BODY_BYTES = 4096

const requestSchema = z.object({
  provider: z.enum(['openai', 'deepgram']).optional(),
  use: z.enum(['relay', 'direct']).default('relay'),
})

export interface TokenEndpointOptions {
  readonly tickets: TicketOptions
  /** How long a ticket is good, in ms. */
  readonly durationMs: number
  readonly origins: OriginPolicy
  /** null: pages of an allowed origin get a ticket without being known, outside production; nobody in it. */
  readonly authenticate: Authenticate | null
  readonly production: boolean
  readonly limit: SlidingWindow
  /** The address that limits count. */
  readonly addressOf: (request: IncomingMessage) => string
}

/**
 * Answers `POST …/api/voice-agent/token` with a ticket for the relay.
 *
 * @throws {Refusal} With the status that the answer must have.
 */
export async function answerTokenRequest(
  request: IncomingMessage,
  options: TokenEndpointOptions,
): Promise<Answer> {
  const origin = originOf(request)
  checkOrigin(origin, options.origins)
  const address = options.addressOf(request)
  const verdict = options.limit.take(address)
  checkRate(verdict)
  const body = await readBody(request)
  if (body.use === 'direct') {
    throw new Refusal(400, 'bad_request', 'This relay issues tickets for itself only: "use" must be "relay"')
  }
  const user = await findUser(request, origin, address, options)
  const claims = { ...user, ...(origin !== null && { origin }), ...narrowed(user, body.provider) }
  const ticket = await issueTicket(claims, { ...options.tickets, durationMs: options.durationMs })
  return {
    status: 200,
    headers: rateHeaders(verdict),
    body: { success: true, ...ticket, sessionId: randomUUID(), mode: 'relay' },
  }
}

async function findUser(
  request: IncomingMessage,
  origin: string | null,
  address: string,
  options: TokenEndpointOptions,
): Promise<RelayUser> {
  const user = await askApplication(request, options.authenticate)
  if (user !== null) return user
  const anybody = options.authenticate === null && !options.production && origin !== null
  if (!anybody) throw new Refusal(401, 'unauthenticated', 'The user is not known')
  return { user: `anonymous ${address}` }
}

/** What the page asks for may narrow what the application allows, never widen it. */
function narrowed(user: RelayUser, provider: 'openai' | 'deepgram' | undefined): Partial<RelayUser> {
  if (provider === undefined) return {}
  if (user.provider !== undefined && user.provider !== provider) {
    throw new Refusal(403, 'provider_forbidden', 'The user may not use this provider')
  }
  return { provider }
}

async function readBody(request: IncomingMessage): Promise<z.infer<typeof requestSchema>> {
  const text = await readText(request)
  if (text === '') return requestSchema.parse({})
  if (!/^application\/json\s*(;|$)/i.test(request.headers['content-type'] ?? '')) {
    throw new Refusal(415, 'unsupported_media_type', 'The body must be application/json')
  }
  const result = requestSchema.safeParse(parseJson(text))
  if (result.success) return result.data
  const field = result.error.issues[0]?.path.join('.') || 'body'
  throw new Refusal(400, 'bad_request', `The field "${field}" is not what it must be`)
}

async function readText(request: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = []
  let bytes = 0
  // Not destroyed when it is left early: the answer goes out on the same socket.
  for await (const piece of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += piece.length
    if (bytes > MOST_BODY_BYTES)
      throw new Refusal(413, 'body_too_big', `The body is over ${MOST_BODY_BYTES} bytes`)
    pieces.push(piece)
  }
  return Buffer.concat(pieces).toString()
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new Refusal(400, 'bad_request', 'The body is not JSON') // the parser's message would quote the body
  }
}
