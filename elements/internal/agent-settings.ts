import type { GetToken, Provider, SessionOptions } from '../../src/index.ts'
import type { ProviderSettings } from './adapters.ts'

/** What a `<voice-agent>` is told by its attributes and properties; empty and null mean not given. */
export interface AgentSettings extends ProviderSettings {
  readonly provider: string | Provider
  readonly apiKey: string | null
  readonly proxyEndpoint: string | URL | null
  readonly tokenEndpoint: string | URL | null
  readonly tokenTransport: 'subprotocol' | 'query' | null
  readonly getToken: GetToken | null
  readonly sessionOptions: Partial<SessionOptions>
}
