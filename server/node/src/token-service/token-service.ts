import type { IncomingMessage, ServerResponse } from 'node:http'
import { checkOrigin, hashUser, originOf, pageOrigin } from '../auth.ts'
import { Refusal, type RelayCode } from '../codes.ts'
import { type Endpoint, handleEndpoint } from '../endpoint.ts'
import type { Answer } from '../http.ts'
import { addressOf, rateHeaders, type WindowVerdict } from '../limits.ts'
import { allowListed, logToStdout } from '../log.ts'
import { decide } from '../metrics/limit-decision.ts'
import { type TokenObserver, tokenTracer } from '../observer.ts'
import { type OriginPolicy, originPolicy } from '../origins.ts'
import { openState } from '../state/open-state.ts'
import type { Revoked, SharedState } from '../state/shared-state.ts'
import { createTracing } from '../tracing.ts'
import { type Audit, type AuditRecord, safely } from './audit.ts'
import { DirectTokens } from './direct-tokens.ts'
import { healthAnswer, ServiceMetrics } from './health.ts'
import { type ResolvedTokenOptions, resolveTokenOptions, type TokenServiceOptions } from './options.ts'
import { ProviderHealth } from './provider-health.ts'
import { type LimitKey, RequestLimits, tighter } from './request-limits.ts'
import { SessionKeeper } from './session-keeper.ts'
import { type Asking, type TokenAnswer, TokenIssuer } from './token-issuer.ts'

/** A token service, as a handler of requests. */
export interface TokenHandler {
  /**
   * Answers the token service's paths.
   *
   * @param next Called for every other path; without it they are answered with 404.
   */
  (request: IncomingMessage, response: ServerResponse, next?: () => void): void
  /** As `Relay.revoke`. */
  readonly revoke: (revoked: Revoked) => Promise<boolean>
  /** Gives up the connection to Redis, where there is one. */
  readonly close: () => Promise<void>
}

/**
 * Makes a token service without a relay, for any server of `node:http` or a framework on top of it.
 *
 * @throws {TypeError} Where the options are wrong or unsafe.
 * @throws {RangeError} Where a number is out of range.
 */
export function createTokenService(options: TokenServiceOptions): TokenHandler {
  const logger = allowListed(options.logger ?? logToStdout())
  const { state, close } = openState(options, logger)
  const observer = tokenTracer(createTracing(options))
  const service = new TokenService({ ...options, logger, state }, new ProviderHealth(), observer)
  void state.opened()
  const handle = (request: IncomingMessage, response: ServerResponse, next?: () => void) =>
    service.handle(request, response, next)
  return Object.assign(handle, { revoke: (revoked: Revoked) => state.revocations.revoke(revoked), close })
}

/** Issues and refreshes tokens, within limits, with an account of each. */
export class TokenService {
  readonly #options: ResolvedTokenOptions
  readonly #origins: OriginPolicy
  readonly #providers: ProviderHealth
  readonly #sessions: SessionKeeper
  readonly #issuer: TokenIssuer
  readonly #limits: Readonly<Record<'issue' | 'refresh', RequestLimits>>
  readonly #record: Audit
  readonly #metrics = new ServiceMetrics()
  readonly #observer: TokenObserver

  /**
   * @param providers What is known of the providers from other traffic.
   * @param observer Is told of every request.
   */
  constructor(
    options: TokenServiceOptions & { readonly state: SharedState },
    providers: ProviderHealth,
    observer: TokenObserver,
  ) {
    this.#observer = observer
    this.#options = resolveTokenOptions(options)
    const { direct, tokenDurationMs: durationMs, windowMs, maxRequests, openai, deepgram } = this.#options
    this.#record = safely(this.#options.audit, this.#options.logger)
    this.#origins = originPolicy(options.allowedOrigins)
    this.#providers = providers
    this.#sessions = new SessionKeeper(this.#options.sessions, this.#options.refreshGraceMs)
    const { logger } = this.#options
    const minted = direct && new DirectTokens({ openai, deepgram, direct, durationMs, logger }, providers)
    this.#issuer = new TokenIssuer(this.#options, this.#sessions, minted ?? null)
    const { state } = this.#options
    // Whoever replaces each token in time must never meet the limit, however short tokens are.
    const refreshes = maxRequests === 0 ? 0 : Math.max(maxRequests, Math.ceil((2 * windowMs) / durationMs))
    this.#limits = {
      issue: new RequestLimits({ ...this.#options, name: 'issue' }, state),
      refresh: new RequestLimits({ ...this.#options, name: 'refresh', maxRequests: refreshes }, state),
    }
  }

  /** Answers a request; see `TokenHandler`. */
  handle(request: IncomingMessage, response: ServerResponse, next?: () => void): void {
    const { prefix, logger } = this.#options
    const endpointAt = (path: string) => this.endpointAt(path)
    handleEndpoint(request, response, { prefix, logger, origins: this.#origins, endpointAt, next })
  }

  /** What is at a path below the prefix; null where that is not the service's. */
  endpointAt(path: string): Endpoint | null {
    const check = (request: IncomingMessage) => checkOrigin(pageOrigin(request, this.#origins), this.#origins)
    switch (path) {
      case '/api/voice-agent/token':
        return { method: 'POST', check, answer: (request) => this.#answer(request, 'issue') }
      case '/api/voice-agent/refresh-token':
        return { method: 'POST', check, answer: (request) => this.#answer(request, 'refresh') }
      case '/api/voice-agent/health':
        return {
          method: 'GET',
          check,
          answer: async (request) => {
            check(request)
            return this.#health()
          },
        }
      default:
        return null
    }
  }

  async #health(): Promise<Answer> {
    const active = await this.#sessions.count() // first: it finds out how the store is
    const services = {
      provider: this.#providers.status,
      rateLimit: this.#options.state.status,
      sessions: this.#sessions.status,
    }
    return healthAnswer(this.#metrics.report(services, active))
  }

  async #answer(request: IncomingMessage, action: 'issue' | 'refresh'): Promise<Answer> {
    const startedAt = performance.now()
    const observed = this.#observer.asked(request, action)
    const answered = (status: number, code: RelayCode | null) => {
      this.#metrics.answered(status, performance.now() - startedAt)
      observed({ status, code, mode: asking.mode })
    }
    const address = addressOf(request, this.#options.trustedProxies)
    const limits = this.#limits[action]
    const verdicts: WindowVerdict[] = []
    const limit = async (kind: LimitKey, value: string) => {
      const onBlock = (key: LimitKey) => this.#audit(asking, { event: 'blocked', key })
      const record = (...said: Parameters<TokenObserver['limited']>) => this.#observer.limited(...said)
      verdicts.push(await decide(`${action}_${kind}`, record, () => limits.take(kind, value, onBlock)))
    }
    const asking: Asking = {
      request,
      address,
      origin: originOf(request),
      user: null,
      sessionId: null,
      mode: null,
      limitUser: (user) => limit('user', user),
    }
    try {
      checkOrigin(asking.origin, this.#origins)
      await limit('ip', address)
      const body: TokenAnswer = await this.#issuer[action](asking)
      if (action === 'refresh') this.#metrics.refreshed()
      this.#audit(asking, { event: action === 'issue' ? 'issued' : 'refreshed' })
      answered(200, null)
      return { status: 200, headers: rateHeaders(verdicts.reduce(tighter)), body }
    } catch (error) {
      const refusal = error instanceof Refusal ? error : null
      this.#audit(asking, { event: 'refused', code: refusal?.code ?? null })
      answered(refusal?.status ?? 503, refusal?.code ?? null)
      throw error
    }
  }

  #audit(asking: Asking, happened: Pick<AuditRecord, 'event'> & Partial<AuditRecord>): void {
    const { address, origin, user, sessionId, mode } = asking
    const hashed = user && hashUser(user).slice(0, 16)
    const known = { at: Date.now(), address, origin, user: hashed, sessionId, mode, code: null, key: null }
    this.#record({ ...known, ...happened })
  }
}
