import { env } from 'node:process'
import type { Authenticate } from './auth.ts'
import type { BudgetOptions } from './budget-meter.ts'
import type { ServerFunction } from './functions/options.ts'
import { given } from './given.ts'
import type { RelayLogger } from './log.ts'
import { checkMetricsOptions, type MetricsOptions } from './metrics/options.ts'
import { checkOrigins } from './origins.ts'
import type { Policies } from './policy/policy.ts'
import type { ServerTool } from './policy/tools.ts'
import type { DeepgramOptions, OpenAIOptions } from './provider-options.ts'
import type { StateOptions } from './state/open-state.ts'
import type { TokenOptions } from './token-service/options.ts'
import type { TicketOptions, UsedTickets } from './tokens.ts'
import type { TracingOptions } from './tracing.ts'

/** What a relay is made of. Times end in their unit; 0 switches a limit off where it says so. */
export interface RelayOptions extends StateOptions, TracingOptions {
  /** Without it, `/v1/realtime` answers 503. */
  readonly openai?: OpenAIOptions
  /** Without it, Deepgram's paths answer 503. */
  readonly deepgram?: DeepgramOptions
  /** Exact origins such as `https://example.com`; `*` for all of them, outside production. */
  readonly allowedOrigins: readonly string[]
  /** How tickets are checked, and with a `secret` also issued. */
  readonly tickets?: TicketOptions
  /** Asks the application who sent a request: for the token endpoint, and for upgrades without a ticket. */
  readonly authenticate?: Authenticate
  /**
   * Lets pages of an allowed origin in without a ticket, at your cost. Refused in production unless `'force'`.
   * Default false.
   */
  readonly open?: boolean | 'force'
  /** Default: whether `NODE_ENV` is `production`. */
  readonly production?: boolean
  /** Where the relay is mounted, such as `/voice`; default ''. */
  readonly prefix?: string
  /** How many proxies of yours are in front and append to `X-Forwarded-For`; default 0. */
  readonly trustedProxies?: number
  /** How long a ticket is good, in ms: 1,000…3,600,000; default 60,000. */
  readonly tokenDurationMs?: number
  /** What else the token service can do. It is there where `tickets.secret` or `tokens.direct` is given. */
  readonly tokens?: TokenOptions
  /** What the model can have the backend do, by `POST …/function-call`; default: nothing. */
  readonly functions?: Readonly<Record<string, ServerFunction>>
  /** How long a function may take, in ms; default 10,000. */
  readonly functionTimeoutMs?: number
  /** What one user may use in a UTC day; default: no limit. */
  readonly budgets?: BudgetOptions
  /** Lets an operator revoke at `/admin/revoke`; at least 16 characters. Without it there is no such path. */
  readonly adminToken?: string
  /** Which tickets were used; default in `state`. */
  readonly usedTickets?: UsedTickets
  /** What clients may say and configure, per path; default: whatever they like, and nobody reads it. */
  readonly policy?: Policies
  /** Functions that agents call and that run here, hidden from clients. */
  readonly tools?: readonly ServerTool[]
  /** Requests for tickets, and separately upgrades, per address and minute; default 60, 0: no limit. */
  readonly rateLimit?: number
  /** Default 1,000; 0: no limit. */
  readonly maxConnections?: number
  /** Default 50; 0: no limit. */
  readonly maxConnectionsPerIp?: number
  /** Default 10; 0: no limit. */
  readonly maxConnectionsPerUser?: number
  /** Between two pings on each leg, in ms; default 30,000. */
  readonly heartbeatMs?: number
  /** Without speech or messages, in ms; default 300,000; 0: no limit. */
  readonly inactivityMs?: number
  /** Default 3,600; 0: no limit. A ticket may only shorten it. */
  readonly maxSessionSeconds?: number
  /** The provider's handshake, in ms; default 10,000. */
  readonly connectTimeoutMs?: number
  /** How long a side may refuse to read, in ms; default 15,000. */
  readonly stallMs?: number
  /** One message over all its fragments; default 16 MiB. */
  readonly maxMessageBytes?: number
  /** In one message; default 131,072. */
  readonly maxFragments?: number
  /** From the client before the provider has answered; default 1 MiB. */
  readonly maxEarlyBytes?: number
  /**
   * How fast a client may send, in bytes a second, beyond a first MiB; default 200,000: twice of what speech
   * needs. Who is faster is slowed, and after `maxSlowedMs` of that sent away; 0: no limit.
   */
  readonly maxBytesPerSecond?: number
  /** Default 30,000. */
  readonly maxSlowedMs?: number
  /** How metrics and stats are shown over HTTP; default: not at all. */
  readonly metrics?: MetricsOptions
  /** Gets known fields and plain words only, whatever the relay meets. Default: JSON lines to standard output. */
  readonly logger?: RelayLogger
}

type Defaulted =
  | 'open'
  | 'production'
  | 'prefix'
  | 'trustedProxies'
  | 'tokenDurationMs'
  | 'rateLimit'
  | 'maxConnections'
  | 'maxConnectionsPerIp'
  | 'maxConnectionsPerUser'
  | 'heartbeatMs'
  | 'inactivityMs'
  | 'maxSessionSeconds'
  | 'connectTimeoutMs'
  | 'stallMs'
  | 'maxMessageBytes'
  | 'maxFragments'
  | 'maxEarlyBytes'
  | 'maxBytesPerSecond'
  | 'maxSlowedMs'

/** Options with every default in its place. */
export type ResolvedOptions = RelayOptions & Required<Pick<RelayOptions, Defaulted>>

/**
 * Fills in the defaults and refuses what would be unsafe.
 *
 * @throws {TypeError} Where nobody could get in, or everybody could in production.
 * @throws {RangeError} Where a number is none, or below 0: it would limit nothing.
 */
export function resolveOptions(options: RelayOptions): ResolvedOptions {
  const resolved = {
    open: false,
    production: env['NODE_ENV'] === 'production',
    prefix: '',
    trustedProxies: 0,
    tokenDurationMs: 60_000,
    rateLimit: 60,
    maxConnections: 1000,
    maxConnectionsPerIp: 50,
    maxConnectionsPerUser: 10,
    heartbeatMs: 30_000,
    inactivityMs: 300_000,
    maxSessionSeconds: 3600,
    connectTimeoutMs: 10_000,
    stallMs: 15_000,
    maxMessageBytes: 16 * 1024 * 1024,
    maxFragments: 131_072,
    maxEarlyBytes: 1024 * 1024,
    maxBytesPerSecond: 200_000,
    maxSlowedMs: 30_000,
    ...given(options),
  }
  checkSafety(resolved)
  checkNumbers(resolved)
  checkMetricsOptions(resolved.metrics ?? {})
  return resolved
}

function checkSafety({
  open,
  production,
  allowedOrigins,
  prefix,
  tickets,
  authenticate,
}: ResolvedOptions): void {
  if (production && open === true) {
    throw new TypeError('Cannot be open in production as open must be "force" there: current value is true')
  }
  checkOrigins({ production, allowedOrigins })
  if (open === false && tickets === undefined && authenticate === undefined) {
    throw new TypeError('Cannot let anybody in as one of tickets, authenticate and open must be given')
  }
  if (prefix !== '' && !/^\/.*[^/]$/.test(prefix)) {
    throw new TypeError(`Cannot mount the relay as prefix must be like /voice: current value is ${prefix}`)
  }
}

function checkNumbers({ budgets = {}, ...options }: ResolvedOptions): void {
  for (const [name, value] of Object.entries({ ...options, ...budgets })) {
    if (typeof value !== 'number' || (value >= 0 && Number.isFinite(value))) continue
    throw new RangeError(`Cannot make a relay as ${name} must be 0 or more: current value is ${value}`)
  }
}
