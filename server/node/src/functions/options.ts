import { env } from 'node:process'
import type { Authenticate, RelayUser } from '../auth.ts'
import { given } from '../given.ts'
import { allowListed, logToStdout, type RelayLogger } from '../log.ts'
import { checkOrigins } from '../origins.ts'
import type { StateOptions } from '../state/open-state.ts'
import type { SharedState } from '../state/shared-state.ts'
import { blockOptions, type TokenOptions } from '../token-service/options.ts'
import type { TicketOptions } from '../tokens.ts'

/** The call that a function answers. */
export interface FunctionContext {
  /** The call's, as the provider named it. */
  readonly id: string
  /** Who calls: as the application or the ticket says, or outside production somebody anonymous. */
  readonly user: RelayUser
  /** Aborted when the caller has gone or the time is up: nobody hears the answer then. */
  readonly signal: AbortSignal
}

/**
 * Answers one call of the model.
 *
 * @param args As the model wrote them: nothing about them is checked.
 * @returns The answer, now or later: a string as it is, nothing as an empty one, all else as JSON.
 */
export type ServerFunction = (args: Readonly<Record<string, unknown>>, context: FunctionContext) => unknown

/** How often calls may come; as for tokens. */
type Limits = Pick<TokenOptions, 'windowMs' | 'maxRequests' | 'suspiciousActivityThreshold' | 'blockDuration'>

/** What a function endpoint is made of. */
export interface FunctionEndpointOptions extends Limits, StateOptions {
  /** Each under the name by which the model calls it. */
  readonly functions: Readonly<Record<string, ServerFunction>>
  /** Exact origins such as `https://example.com`; `*` for all of them, outside production. */
  readonly allowedOrigins: readonly string[]
  /** How tickets are checked: one that has not expired lets its holder call, used or not. */
  readonly tickets?: TicketOptions
  /** Asks the application who calls. Without it and `tickets` pages may call outside production, and nobody in it. */
  readonly authenticate?: Authenticate
  /** Default: whether `NODE_ENV` is `production`. */
  readonly production?: boolean
  /** In front of `/function-call`, such as `/voice`; default ''. */
  readonly prefix?: string
  /** How many proxies of yours are in front and append to `X-Forwarded-For`; default 0. */
  readonly trustedProxies?: number
  /** How long a function may take, in ms; default 10,000. */
  readonly functionTimeoutMs?: number
  /** Default: JSON lines to standard output. */
  readonly logger?: RelayLogger
}

type Optional = 'tickets' | 'authenticate'

/** Options with every default in its place. */
export type ResolvedFunctionOptions = Required<Omit<FunctionEndpointOptions, Optional | keyof StateOptions>> &
  Pick<FunctionEndpointOptions, Optional> & { readonly state: SharedState }

/**
 * Fills in the defaults.
 *
 * @throws {TypeError} Where all origins are allowed in production.
 * @throws {RangeError} Where the time is none that a timer can wait.
 */
export function resolveFunctionOptions(
  options: FunctionEndpointOptions & { readonly state: SharedState },
): ResolvedFunctionOptions {
  const resolved = {
    production: env['NODE_ENV'] === 'production',
    prefix: '',
    trustedProxies: 0,
    functionTimeoutMs: 10_000,
    windowMs: 60_000,
    maxRequests: 60,
    ...blockOptions(options),
    ...given(options),
    logger: allowListed(options.logger ?? logToStdout()),
  }
  checkOrigins(resolved)
  const { functionTimeoutMs } = resolved
  // A timer that is to wait longer runs out at once.
  if (functionTimeoutMs > 0 && functionTimeoutMs < 2 ** 31) return resolved
  throw new RangeError(
    `Cannot call functions as functionTimeoutMs must be in 1…2147483647: current value is ${functionTimeoutMs}`,
  )
}
