import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import { pino } from 'pino'
import { type AuditRecord, createTokenService, type TokenServiceOptions } from '../../src/index.ts'
import { LogLines, ORIGIN } from './relays.ts'
import { recordAnswers, recordOutput, registerSecrets, registerSecretsOf } from './secrets.ts'

export const TOKEN = '/api/voice-agent/token'
export const REFRESH = '/api/voice-agent/refresh-token'
export const HEALTH = '/api/voice-agent/health'

/** A token service of its own for one test, on a free port. */
export interface Service {
  readonly url: string
  readonly audit: AuditRecord[]
  readonly log: () => string
}

/** Any server on a free port of the loopback; it is closed when the test is over. */
export async function serve(
  t: TestContext,
  handler: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<string> {
  const server = createServer(handler)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** Starts a token service that knows one user, `ann`, unless the options say otherwise. */
export async function startService(
  t: TestContext,
  options: Partial<TokenServiceOptions> = {},
): Promise<Service> {
  const audit: AuditRecord[] = []
  const log = new LogLines()
  const tickets = { secret: randomBytes(32).toString('base64') }
  registerSecretsOf({ tickets, ...options })
  const handler = createTokenService({
    allowedOrigins: [ORIGIN],
    tickets,
    authenticate: () => ({ user: 'ann' }),
    production: true,
    maxRequests: 0,
    logger: pino({ base: null }, log),
    audit: (record) => {
      audit.push(record)
      recordOutput('log', JSON.stringify(record))
    },
    ...options,
  })
  const url = await serve(t, handler)
  recordAnswers(t, url)
  return { url, audit, log: () => log.text }
}

export interface Answered {
  readonly response: Response
  readonly status: number
  readonly text: string
  // biome-ignore lint/suspicious/noExplicitAny: the shape is what is being tested
  readonly answer: any
}

/** Posts JSON as a page of the allowed origin does; a header with the value '' is left out. */
export async function post(
  url: string,
  path: string,
  body: unknown = {},
  headers: Record<string, string> = {},
): Promise<Answered> {
  const all = { Origin: ORIGIN, 'Content-Type': 'application/json', ...headers }
  const response = await fetch(url + path, {
    method: 'POST',
    headers: Object.entries(all).filter(([, value]) => value !== ''),
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
  const text = await response.text()
  const answer = JSON.parse(text)
  if (answer?.success === true) registerSecrets(answer.token)
  return { response, status: response.status, text, answer }
}

/** Asks for another token in the place of one that was answered. */
export function refresh(
  url: string,
  { sessionId, token }: { readonly sessionId: string; readonly token: string },
  headers: Record<string, string> = {},
): Promise<Answered> {
  return post(url, REFRESH, { sessionId }, { Authorization: `Bearer ${token}`, ...headers })
}
