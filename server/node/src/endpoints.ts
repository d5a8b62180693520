import type { IncomingMessage } from 'node:http'
import type { Admissions } from './admission.ts'
import { Refusal } from './codes.ts'
import { type Answer, preflightAnswer } from './http.ts'
import { findRoute, parseTarget } from './relay/routes.ts'

export interface EndpointOptions {
  /** Where the relay is mounted: '' or a path such as `/voice`. */
  readonly prefix: string
  readonly admissions: Admissions
  /** Issues a ticket; null where this relay issues none. */
  readonly issue: ((request: IncomingMessage) => Promise<Answer>) | null
}

/** What a path answers, and to which method. */
interface Endpoint {
  readonly method: 'GET' | 'POST'
  readonly answer: (request: IncomingMessage) => Promise<Answer>
}

/**
 * Finds what answers an ordinary request.
 *
 * @returns A function that answers, or throws a `Refusal`; null where the path is not the relay's.
 */
export function findEndpoint(
  request: IncomingMessage,
  options: EndpointOptions,
): (() => Promise<Answer>) | null {
  const endpoint = endpointAt(request, options)
  if (endpoint === null) return null
  return async () => {
    const { method, answer } = endpoint
    const allowed = `${method}, OPTIONS`
    if (request.method === method || (request.method === 'HEAD' && method === 'GET')) return answer(request)
    if (request.method === 'OPTIONS') return preflightAnswer(allowed)
    throw new Refusal(405, 'method_not_allowed', `The method must be ${method}`, {
      headers: { Allow: allowed },
    })
  }
}

function endpointAt(
  request: IncomingMessage,
  { prefix, admissions, issue }: EndpointOptions,
): Endpoint | null {
  const target = parseTarget(request.url ?? '')
  if (target === null || !target.path.startsWith(prefix)) return null
  const route = findRoute(target, prefix)
  // Browsers cannot read a refused upgrade; this they can.
  if (route !== null) return { method: 'GET', answer: (asking) => admissions.preview(asking, route) }
  switch (target.path.slice(prefix.length)) {
    case '/health':
      return { method: 'GET', answer: async () => ok({ status: 'ok' }) }
    case '/ready':
      return { method: 'GET', answer: async () => readiness(admissions) }
    case '/api/voice-agent/token':
      return issue === null ? null : { method: 'POST', answer: issue }
    default:
      return null
  }
}

function readiness(admissions: Admissions): Answer {
  admissions.checkCapacity()
  return ok({ status: 'ready' })
}

function ok(body: object): Answer {
  return { status: 200, headers: {}, body }
}
