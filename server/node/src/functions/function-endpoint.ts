import type { IncomingMessage, ServerResponse } from 'node:http'
import {
  askApplication,
  checkOrigin,
  checkRevoked,
  hashUser,
  holderOf,
  originOf,
  pageOrigin,
  type RelayUser,
} from '../auth.ts'
import { Refusal } from '../codes.ts'
import { type Endpoint, handleEndpoint } from '../endpoints.ts'
import type { Answer } from '../http.ts'
import { addressOf, rateHeaders, type WindowVerdict } from '../limits.ts'
import { allowListed, logToStdout } from '../log.ts'
import { type OriginPolicy, originPolicy } from '../origins.ts'
import { openState } from '../state/open-state.ts'
import type { SharedState } from '../state/shared-state.ts'
import { type LimitKey, RequestLimits, tighter } from '../token-service/request-limits.ts'
import { TicketVerifier } from '../tokens.ts'
import { type FunctionCall, readFunctionCall, runFunction } from './function-call.ts'
import {
  type FunctionEndpointOptions,
  type ResolvedFunctionOptions,
  resolveFunctionOptions,
} from './options.ts'

/** Where calls are sent, below the prefix. */
const PATH = '/function-call'

/** Answers function calls, as a handler of `node:http` or of a framework on top of it. */
export interface FunctionHandler {
  /** @param next Called for every other path; without it they are answered with 404. */
  (request: IncomingMessage, response: ServerResponse, next?: () => void): void
  /** Gives up the connection to Redis, where there is one. */
  readonly close: () => Promise<void>
}

/**
 * Makes an endpoint for function calls without a relay, for any server of `node:http` or a framework on top of it.
 *
 * @throws {TypeError} Where the options are wrong or unsafe.
 * @throws {RangeError} Where a number is out of range.
 */
export function createFunctionEndpoint(options: FunctionEndpointOptions): FunctionHandler {
  const logger = allowListed(options.logger ?? logToStdout())
  const { state, close } = openState(options, logger)
  const endpoint = new FunctionEndpoint({ ...options, logger, state })
  void state.opened()
  const handle = (request: IncomingMessage, response: ServerResponse, next?: () => void) =>
    handleEndpoint(request, response, { ...endpoint.mount, next })
  return Object.assign(handle, { close })
}

/** Runs functions of the backend for whom may call them, within limits. */
export class FunctionEndpoint {
  readonly #options: ResolvedFunctionOptions
  readonly #origins: OriginPolicy
  readonly #verifier: TicketVerifier | null
  readonly #limits: RequestLimits

  constructor(options: FunctionEndpointOptions & { readonly state: SharedState }) {
    this.#options = resolveFunctionOptions(options)
    const { allowedOrigins, tickets } = this.#options
    this.#origins = originPolicy(allowedOrigins)
    this.#verifier = tickets === undefined ? null : new TicketVerifier(tickets)
    this.#limits = new RequestLimits({ ...this.#options, name: 'function' }, this.#options.state)
  }

  /** What a handler of its own needs. */
  get mount() {
    const { prefix, logger } = this.#options
    return { prefix, logger, origins: this.#origins, endpointAt: (path: string) => this.endpointAt(path) }
  }

  /** What is at a path below the prefix; null where that is not the endpoint's. */
  endpointAt(path: string): Endpoint | null {
    if (path !== PATH) return null
    return {
      method: 'POST',
      check: (request) => checkOrigin(pageOrigin(request, this.#origins), this.#origins),
      answer: (request) => this.#answer(request),
    }
  }

  async #answer(request: IncomingMessage): Promise<Answer> {
    const address = addressOf(request, this.#options.trustedProxies)
    checkOrigin(originOf(request), this.#origins)
    const verdicts = [await this.#take('ip', address)]
    const call = await readFunctionCall(request)
    const user = await this.#findUser(request, address)
    verdicts.push(await this.#take('user', user.user))
    const content = await this.#run(call, user, request)
    return { status: 200, headers: rateHeaders(verdicts.reduce(tighter)), body: { content } }
  }

  #take(kind: LimitKey, value: string): Promise<WindowVerdict> {
    const blocked = { key: kind }
    return this.#limits.take(kind, value, () => this.#options.logger.warn(blocked, 'function calls blocked'))
  }

  async #findUser(request: IncomingMessage, address: string): Promise<RelayUser> {
    const { authenticate = null, production } = this.#options
    const origin = originOf(request)
    const user = (await askApplication(request, authenticate)) ?? (await this.#ticketHolder(request))
    if (user !== null) {
      if (user.origin === undefined || user.origin === origin) return user
      throw new Refusal(403, 'origin_forbidden', 'The user may not call functions from this origin')
    }
    const anybody = authenticate === null && !production && origin !== null
    if (!anybody) throw new Refusal(401, 'unauthenticated', 'The user is not known')
    return { user: `anonymous ${address}` }
  }

  /** Whoever shows a ticket, used or not: its session calls functions for as long as it is good. */
  async #ticketHolder(request: IncomingMessage): Promise<RelayUser | null> {
    const shown = /^bearer +(\S+) *$/i.exec(request.headers.authorization ?? '')?.[1]
    if (shown === undefined || this.#verifier === null) return null
    const ticket = await this.#verifier.verify(shown)
    await checkRevoked(holderOf(ticket), this.#options.state.revocations)
    const { id: _id, issuedAt: _issuedAt, expiresAt: _expiresAt, ...user } = ticket
    return user
  }

  async #run({ id, name, args }: FunctionCall, user: RelayUser, request: IncomingMessage): Promise<string> {
    const { functions, functionTimeoutMs: timeoutMs, logger } = this.#options
    const run = Object.hasOwn(functions, name) ? functions[name] : undefined
    if (run === undefined) throw new Refusal(404, 'function_unknown', 'There is no function of this name')
    const caller = new AbortController()
    const left = () => caller.abort()
    const startedAt = performance.now()
    const fields = { function: name, user: hashUser(user.user).slice(0, 16) }
    const ended = () => ({ ...fields, durationMs: Math.round(performance.now() - startedAt) })
    request.socket.once('close', left)
    if (request.socket.destroyed) left() // it left while it was asked who it is
    try {
      const content = await runFunction(run, args, { id, user, signal: caller.signal, timeoutMs })
      logger.info(ended(), 'function called')
      return content
    } catch (error) {
      // Only the name: a message could hold what must not be logged.
      logger.warn(
        { ...ended(), error: error instanceof Error ? error.name : typeof error },
        'function failed',
      )
      if (error instanceof Refusal && error.code === 'function_timeout') throw error
      throw new Refusal(500, 'internal_error', 'The function failed')
    } finally {
      request.socket.off('close', left)
    }
  }
}
