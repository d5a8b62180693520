export type { Authenticate, RelayUser } from './auth.ts'
export { Refusal, type RefusalOptions, type RelayCode } from './codes.ts'
export { type Configuration, readConfiguration } from './config.ts'
export { type ConfigurationFile, type FileOptions, readConfigurationFile } from './config-file.ts'
export { ConfigurationError } from './configuration-error.ts'
export { createFunctionEndpoint } from './functions/function-endpoint.ts'
export type { FunctionContext, FunctionEndpointOptions, ServerFunction } from './functions/options.ts'
export type { DeepgramOptions, OpenAIOptions, RelayLogger, RelayOptions } from './options.ts'
export type { ProviderName } from './relay/routes.ts'
export { createRelay, type ListenOptions, Relay } from './relay.ts'
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
