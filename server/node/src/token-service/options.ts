import { env } from 'node:process'
import type { Authenticate } from '../auth.ts'
import type { BudgetOptions } from '../budget-meter.ts'
import { given } from '../given.ts'
import { allowListed, logToStdout, type RelayLogger } from '../log.ts'
import { checkOrigins } from '../origins.ts'
import type { DeepgramOptions, OpenAIOptions } from '../provider-options.ts'
import type { StateOptions } from '../state/open-state.ts'
import type { BlockOptions, SharedState } from '../state/shared-state.ts'
import type { TicketOptions } from '../tokens.ts'
import type { TracingOptions } from '../tracing.ts'
import { type Audit, auditTo } from './audit.ts'
import type { DirectOptions } from './direct-tokens.ts'
import type { SessionStore } from './sessions.ts'

/** Longer than this, and a session could outlive the memory of its revocation. */
const MOST_GRACE_MS = 1_800_000

/** What only the token service knows; the same alone and inside a relay. */
export interface TokenOptions {
  /** Answers `use: 'direct'`, with the keys of `openai` and `deepgram`; default: nobody gets such tokens. */
  readonly direct?: DirectOptions
  /** Over which limits count, in ms; default 60,000. */
  readonly windowMs?: number
  /**
   * Requests for tokens in any window, per address and, separately, per user; default 60 (inside a relay its
   * `rateLimit`), 0: no limit. Refreshes have a window of their own, with room for at least two per token's life.
   */
  readonly maxRequests?: number
  /** After so many refusals by a limit an address or user is blocked; default 10, 0: never. */
  readonly suspiciousActivityThreshold?: number
  /** How long, in ms; refusals are counted over as long; default 900,000. */
  readonly blockDuration?: number
  /** Refreshes of one session; default 60, 0: no limit. The application is not asked again at a refresh. */
  readonly maxRefreshes?: number
  /** How long after its end a token can still be refreshed, in ms: 0…1,800,000; default 30,000. */
  readonly refreshGraceMs?: number
  /** Default: those of `state`; in memory at most 100,000. */
  readonly sessions?: SessionStore
  /** Takes one record for each token issued, refreshed, refused, and for each block; default: a child of `logger`. */
  readonly audit?: Audit
}

/** What a token service is made of. */
export interface TokenServiceOptions extends TokenOptions, StateOptions, TracingOptions {
  /** Exact origins such as `https://example.com`; `*` for all of them, outside production. */
  readonly allowedOrigins: readonly string[]
  /** How tickets for the relay are signed: its `secret`. Without it only `direct` tokens are issued. */
  readonly tickets?: TicketOptions
  /** Asks the application who sent a request. Without it pages get tokens outside production, and nobody in it. */
  readonly authenticate?: Authenticate
  /** Default: whether `NODE_ENV` is `production`. */
  readonly production?: boolean
  /** In front of `/api/voice-agent`, such as `/voice`; default ''. */
  readonly prefix?: string
  /** How many proxies of yours are in front and append to `X-Forwarded-For`; default 0. */
  readonly trustedProxies?: number
  /** How long a token is good, in ms: 1,000…3,600,000; default 60,000. */
  readonly tokenDurationMs?: number
  /** The key for direct tokens, and where the API is. */
  readonly openai?: OpenAIOptions
  /** The key for direct tokens, and where the API is. */
  readonly deepgram?: DeepgramOptions
  /** What one user may use in a UTC day: who has nothing left gets no token; default: no limit. */
  readonly budgets?: BudgetOptions
  /** Default: JSON lines to standard output. */
  readonly logger?: RelayLogger
}

type Optional =
  | 'direct'
  | 'tickets'
  | 'authenticate'
  | 'openai'
  | 'deepgram'
  | 'budgets'
  | keyof TracingOptions

/** Options with every default in its place. */
export type ResolvedTokenOptions = Required<Omit<TokenServiceOptions, Optional | keyof StateOptions>> &
  Pick<TokenServiceOptions, Optional> & { readonly state: SharedState }

/** When somebody who goes on after being refused is blocked, and for how long. */
export function blockOptions(options: TokenOptions = {}): BlockOptions {
  const { suspiciousActivityThreshold = 10, blockDuration = 900_000 } = options
  return { suspiciousActivityThreshold, blockDuration }
}

/**
 * Fills in the defaults.
 *
 * @throws {TypeError} Where no token could be issued, or all origins are allowed in production.
 * @throws {RangeError} Where a number is out of range.
 */
export function resolveTokenOptions(
  options: TokenServiceOptions & { readonly state: SharedState },
): ResolvedTokenOptions {
  const logger = allowListed(options.logger ?? logToStdout())
  const resolved = {
    production: env['NODE_ENV'] === 'production',
    prefix: '',
    trustedProxies: 0,
    tokenDurationMs: 60_000,
    windowMs: 60_000,
    maxRequests: 60,
    ...blockOptions(options),
    maxRefreshes: 60,
    refreshGraceMs: 30_000,
    sessions: options.sessions ?? options.state.sessions,
    audit: auditTo(logger),
    ...given(options),
    logger,
  }
  checkOrigins(resolved)
  checkNumbers(resolved)
  if (resolved.tickets?.secret === undefined && resolved.direct === undefined) {
    throw new TypeError('Cannot issue tokens as tickets.secret or direct must be given')
  }
  return resolved
}

function checkNumbers(options: ResolvedTokenOptions): void {
  const { maxRefreshes, refreshGraceMs, tokenDurationMs } = options
  for (const [name, value] of Object.entries({ maxRefreshes, refreshGraceMs })) {
    if (value >= 0 && Number.isFinite(value)) continue
    throw new RangeError(`Cannot issue tokens as ${name} must be 0 or more: current value is ${value}`)
  }
  if (refreshGraceMs > MOST_GRACE_MS) {
    throw new RangeError(
      `Cannot issue tokens as refreshGraceMs must be in 0…${MOST_GRACE_MS}: current value is ${refreshGraceMs}`,
    )
  }
  if (!(tokenDurationMs >= 1000 && tokenDurationMs <= 3_600_000)) {
    throw new RangeError(
      `Cannot issue tokens as tokenDurationMs must be in 1000…3600000: current value is ${tokenDurationMs}`,
    )
  }
}
