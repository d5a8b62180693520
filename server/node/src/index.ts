export type { Authenticate, RelayUser } from './auth.ts'
export type { BudgetOptions } from './budget-meter.ts'
export { Refusal, type RefusalOptions, type RelayCode } from './codes.ts'
export { readConfiguration } from './config.ts'
export { type ConfigurationFile, type FileOptions, readConfigurationFile } from './config-file.ts'
export type { Configuration } from './config-schema.ts'
export { ConfigurationError } from './configuration-error.ts'
export { createFunctionEndpoint, type FunctionHandler } from './functions/function-endpoint.ts'
export type { FunctionContext, FunctionEndpointOptions, ServerFunction } from './functions/options.ts'
export type { RelayLogger } from './log.ts'
export type { MetricsOptions } from './metrics/options.ts'
export type { RelayStats } from './metrics/stats.ts'
export type { RelayOptions } from './options.ts'
export type { Json, JsonObject } from './policy/json.ts'
export { DEFAULT_FIELDS, DEFAULT_MESSAGES, type Policies, type Policy } from './policy/policy.ts'
export type { ServerTool, ToolContext } from './policy/tools.ts'
export type { DeepgramOptions, OpenAIOptions } from './provider-options.ts'
export type { ProviderName, ProviderPath } from './relay/routes.ts'
export { type AttachOptions, createRelay, type ListenOptions, Relay } from './relay.ts'
export { MemoryState } from './state/memory-state.ts'
export type { StateOptions } from './state/open-state.ts'
export type { RedisOptions } from './state/redis-link.ts'
export { RedisState } from './state/redis-state.ts'
export type {
  BlockList,
  BlockOptions,
  Budgets,
  Cap,
  Expense,
  Holder,
  Lease,
  Leases,
  Revocations,
  Revoked,
  SharedState,
  Spending,
  Windows,
} from './state/shared-state.ts'
export type { Audit, AuditRecord } from './token-service/audit.ts'
export type { DirectOptions } from './token-service/direct-tokens.ts'
export type { HealthReport } from './token-service/health.ts'
export type { TokenOptions, TokenServiceOptions } from './token-service/options.ts'
export type { HealthStatus } from './token-service/provider-health.ts'
export type { LimitKey } from './token-service/request-limits.ts'
export {
  MemorySessionStore,
  type MemorySessionStoreOptions,
  type SessionStore,
  type TokenMode,
  type TokenSession,
} from './token-service/sessions.ts'
export { createTokenService, type TokenHandler } from './token-service/token-service.ts'
export {
  type IssuedTicket,
  issueTicket,
  type TicketClaims,
  type TicketOptions,
  type UsedTickets,
} from './tokens.ts'
export type { TracingOptions } from './tracing.ts'
