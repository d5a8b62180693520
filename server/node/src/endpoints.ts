import type { IncomingMessage } from 'node:http'
import type { AdminEndpoints } from './admin.ts'
import type { Admissions } from './admission.ts'
import { answerEndpoint, type Endpoint } from './endpoint.ts'
import type { FunctionEndpoint } from './functions/function-endpoint.ts'
import type { Answer } from './http.ts'
import { findRoute, parseTarget } from './relay/routes.ts'
import type { TokenService } from './token-service/token-service.ts'

export interface EndpointOptions {
  /** Where the relay is mounted: '' or a path such as `/voice`. */
  readonly prefix: string
  readonly admissions: Admissions
  /** null where this relay issues no tokens. */
  readonly tokens: TokenService | null
  /** null where operators have no way in. */
  readonly admin: AdminEndpoints | null
  /** null where there are no functions to call. */
  readonly functions: FunctionEndpoint | null
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
  return endpoint && (() => answerEndpoint(endpoint, request))
}

function endpointAt(
  request: IncomingMessage,
  { prefix, admissions, tokens, admin, functions }: EndpointOptions,
): Endpoint | null {
  const target = parseTarget(request.url ?? '')
  if (target === null || !target.path.startsWith(prefix)) return null
  const route = findRoute(target, prefix)
  // Browsers cannot read a refused upgrade; this they can.
  if (route !== null) return { method: 'GET', answer: (asking) => admissions.preview(asking, route) }
  const path = target.path.slice(prefix.length)
  switch (path) {
    case '/health':
      return { method: 'GET', answer: async () => ok({ status: 'ok' }) }
    case '/ready':
      return { method: 'GET', answer: () => readiness(admissions) }
    default:
      return tokens?.endpointAt(path) ?? functions?.endpointAt(path) ?? admin?.endpointAt(path) ?? null
  }
}

async function readiness(admissions: Admissions): Promise<Answer> {
  await admissions.checkCapacity()
  return ok({ status: 'ready' })
}

function ok(body: object): Answer {
  return { status: 200, headers: {}, body }
}
