export type { Authenticate, RelayUser } from './auth.ts'
export { Refusal, type RefusalOptions, type RelayCode } from './codes.ts'
export { type Configuration, ConfigurationError, readConfiguration } from './config.ts'
export type { DeepgramOptions, OpenAIOptions, RelayLogger, RelayOptions } from './options.ts'
export type { ProviderName } from './relay/routes.ts'
export { createRelay, type ListenOptions, Relay } from './relay.ts'
export {
  type IssuedTicket,
  issueTicket,
  type TicketClaims,
  type TicketOptions,
  type UsedTickets,
} from './tokens.ts'
