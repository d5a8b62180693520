import type { IncomingMessage } from 'node:http'
import { AdminEndpoints } from './admin.ts'
import type { Admissions } from './admission.ts'
import type { EndpointOptions } from './endpoints.ts'
import { FunctionEndpoint } from './functions/function-endpoint.ts'
import type { RelayLogger } from './log.ts'
import { Monitoring } from './metrics/monitoring.ts'
import type { RelayMetrics } from './metrics/registry.ts'
import type { RelayObserver } from './observer.ts'
import type { ResolvedOptions } from './options.ts'
import type { SharedState } from './state/shared-state.ts'
import type { Audit } from './token-service/audit.ts'
import { blockOptions } from './token-service/options.ts'
import type { ProviderHealth } from './token-service/provider-health.ts'
import { type LimitKey, RequestLimits } from './token-service/request-limits.ts'
import { TokenService } from './token-service/token-service.ts'

/** What a relay's endpoints have in common. */
export interface RelayParts {
  readonly options: ResolvedOptions
  readonly admissions: Admissions
  readonly state: SharedState
  readonly audit: Audit
  readonly providers: ProviderHealth
  readonly observer: RelayObserver
  readonly metrics: RelayMetrics
  readonly log: RelayLogger
  /** Told when somebody was refused so often that they are blocked. */
  readonly onBlock: (request: IncomingMessage, key: LimitKey) => void
}

/** What answers ordinary requests: each only where the options ask for it. */
export function relayEndpoints(parts: RelayParts): EndpointOptions {
  const { options, admissions } = parts
  return {
    prefix: options.prefix,
    admissions,
    tokens: tokenService(parts),
    functions: functionEndpoint(parts),
    admin: adminEndpoints(parts),
  }
}

/** What shows metrics; null where nobody is to see them. */
export function relayMonitoring({ options, metrics, log, admissions }: RelayParts): Monitoring | null {
  const { metrics: shown, prefix } = options
  if (shown?.token === undefined && shown?.port === undefined) return null
  const draining = () => admissions.draining
  const checkCapacity = () => admissions.checkCapacity()
  return new Monitoring({ ...shown, prefix, metrics, log, draining, checkCapacity })
}

function tokenService({ options, providers, observer, state, log: logger }: RelayParts): TokenService | null {
  const { tokens, tickets, rateLimit: maxRequests } = options
  if (tickets?.secret === undefined && tokens?.direct === undefined) return null
  return new TokenService({ maxRequests, ...options, ...tokens, logger, state }, providers, observer)
}

function functionEndpoint({ options, state, log: logger }: RelayParts): FunctionEndpoint | null {
  const { functions, tokens, rateLimit: maxRequests } = options
  if (functions === undefined) return null
  return new FunctionEndpoint({ maxRequests, ...tokens, ...options, functions, logger, state })
}

function adminEndpoints({ options, state, audit, onBlock }: RelayParts): AdminEndpoints | null {
  const { adminToken: token, trustedProxies, rateLimit: maxRequests, tokens } = options
  if (token === undefined) return null
  const window = { name: 'admin', windowMs: 60_000, maxRequests }
  const limits = new RequestLimits({ ...window, ...blockOptions(tokens) }, state)
  return new AdminEndpoints({ token, revocations: state.revocations, audit, trustedProxies, limits, onBlock })
}
