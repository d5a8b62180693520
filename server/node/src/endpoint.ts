import type { IncomingMessage, ServerResponse } from 'node:http'
import { Refusal } from './codes.ts'
import {
  type Answer,
  answerOfError,
  commonHeaders,
  preflightAnswer,
  refusalAnswer,
  writeAnswer,
} from './http.ts'
import type { RelayLogger } from './log.ts'
import type { OriginPolicy } from './origins.ts'
import { parseTarget } from './relay/routes.ts'

/** What a path answers, and to which method. */
export interface Endpoint {
  readonly method: 'GET' | 'POST'
  /** Throws a `Refusal` for whom not even the methods are told. */
  readonly check?: (request: IncomingMessage) => void | Promise<void>
  readonly answer: (request: IncomingMessage) => Promise<Answer>
}

/**
 * Answers a request for an endpoint, preflights and wrong methods too.
 *
 * @throws {Refusal} With the status that the answer must have.
 */
export async function answerEndpoint(endpoint: Endpoint, request: IncomingMessage): Promise<Answer> {
  const { method, check, answer } = endpoint
  const allowed = `${method}, OPTIONS`
  if (request.method === method || (request.method === 'HEAD' && method === 'GET')) return answer(request)
  await check?.(request)
  if (request.method === 'OPTIONS') return preflightAnswer(allowed)
  throw new Refusal(405, 'method_not_allowed', `The method must be ${method}`, {
    headers: { Allow: allowed },
  })
}

/** Endpoints that are served without a relay. */
export interface EndpointMount {
  /** In front of every path: '' or such as `/voice`. */
  readonly prefix: string
  readonly origins: OriginPolicy
  readonly logger: RelayLogger
  /** What is at a path below the prefix; null: nothing of these. */
  readonly endpointAt: (path: string) => Endpoint | null
  /** Called for every other path; without it they are answered with 404. */
  readonly next?: (() => void) | undefined
}

/** Answers a request for endpoints that are served without a relay. */
export function handleEndpoint(
  request: IncomingMessage,
  response: ServerResponse,
  { prefix, origins, logger, endpointAt, next }: EndpointMount,
): void {
  const path = parseTarget(request.url ?? '')?.path ?? ''
  const endpoint = path.startsWith(prefix) ? endpointAt(path.slice(prefix.length)) : null
  if (endpoint === null && next !== undefined) {
    next()
    return
  }
  const write = (answer: Answer) => writeAnswer(response, answer, commonHeaders(request, origins))
  if (endpoint === null) {
    write(refusalAnswer(new Refusal(404, 'not_found', 'There is nothing at this path')))
    return
  }
  answerEndpoint(endpoint, request).then(write, (error: unknown) => write(answerOfError(error, logger)))
}
