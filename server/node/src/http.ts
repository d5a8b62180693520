import { type IncomingMessage, type OutgoingHttpHeaders, type ServerResponse, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { originOf } from './auth.ts'
import { Refusal } from './codes.ts'
import type { RelayLogger } from './log.ts'
import type { OriginPolicy } from './origins.ts'

/** An HTTP answer with a JSON body, before it is written anywhere. */
export interface Answer {
  readonly status: number
  readonly headers: OutgoingHttpHeaders
  /** Any JSON value; undefined: no body. */
  readonly body: unknown
}

/** How long a refused client has to take its answer. */
const LINGER_MS = 1000

/** What an answer carries that no page may read. */
export const SECURITY_HEADERS = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
} as const

/** What every answer carries, errors too: pages of an allowed origin can read it, nobody keeps it. */
export function commonHeaders(request: IncomingMessage, origins: OriginPolicy): OutgoingHttpHeaders {
  const origin = originOf(request)
  return {
    ...SECURITY_HEADERS,
    Vary: 'Origin',
    ...(origins.mayRead(origin) && {
      'Access-Control-Allow-Origin': origin,
      'Access-Control-Allow-Credentials': 'true',
      'Access-Control-Expose-Headers': 'Retry-After, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset',
    }),
  }
}

/** The answer to a preflight request of a browser. */
export function preflightAnswer(methods: string): Answer {
  return {
    status: 204,
    headers: {
      'Access-Control-Allow-Methods': methods,
      'Access-Control-Allow-Headers': 'Authorization, Content-Type',
      'Access-Control-Max-Age': '600',
    },
    body: undefined,
  }
}

/** A refusal as an answer: `{ success: false, error: { code, message, retryAfter? } }`. */
export function refusalAnswer(refusal: Refusal): Answer {
  const { status, code, message, retryAfterSeconds } = refusal
  const retry = retryAfterSeconds === null ? {} : { retryAfter: retryAfterSeconds }
  return {
    status,
    headers: {
      ...(status === 401 && { 'WWW-Authenticate': 'Bearer' }),
      ...(status === 426 && { Upgrade: 'websocket', 'Sec-WebSocket-Version': '13' }),
      ...(retryAfterSeconds !== null && { 'Retry-After': String(retryAfterSeconds) }),
      ...refusal.headers,
    },
    body: { success: false, error: { code, message, ...retry } },
  }
}

/** Whatever went wrong as an answer; what nobody foresaw is logged. */
export function answerOfError(error: unknown, log: RelayLogger): Answer {
  if (error instanceof Refusal) return refusalAnswer(error)
  // Only the name: a message could hold what must not be logged.
  log.warn({ error: error instanceof Error ? error.name : typeof error }, 'request failed')
  return refusalAnswer(
    new Refusal(503, 'authentication_unavailable', 'The request cannot be judged at the moment'),
  )
}

/** Writes an answer to an ordinary request. */
export function writeAnswer(response: ServerResponse, answer: Answer, common: OutgoingHttpHeaders): void {
  if (response.destroyed || response.headersSent) return
  const text = bodyText(answer)
  response.writeHead(answer.status, { ...common, ...contentHeaders(answer, text), ...answer.headers })
  response.end(text)
}

/** Writes an answer to an upgrade that was refused, and ends the connection. */
export function writeRefusedUpgrade(socket: Duplex, answer: Answer, common: OutgoingHttpHeaders): void {
  const text = bodyText(answer)
  const headers = { ...common, ...contentHeaders(answer, text), ...answer.headers, Connection: 'close' }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
  const start = `HTTP/1.1 ${answer.status} ${STATUS_CODES[answer.status]}`
  // Closing with bytes unread would reset the connection, and the answer would be lost on its way.
  socket.resume()
  const timer = setTimeout(() => socket.destroy(), LINGER_MS)
  socket.once('close', () => clearTimeout(timer))
  socket.once('end', () => socket.destroy())
  socket.end(`${[start, ...lines].join('\r\n')}\r\n\r\n${text}`)
}

function bodyText({ body }: Answer): string {
  return body === undefined ? '' : JSON.stringify(body)
}

function contentHeaders({ body }: Answer, text: string): OutgoingHttpHeaders {
  if (body === undefined) return {}
  return { 'Content-Type': 'application/json; charset=utf-8', 'Content-Length': Buffer.byteLength(text) }
}
