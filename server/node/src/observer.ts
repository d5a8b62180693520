import type { IncomingMessage } from 'node:http'
import type { RelayCode } from './codes.ts'
import type { LimitDecision, Limiter, RelayMetrics } from './metrics/registry.ts'
import type { ProviderPath, Route } from './relay/routes.ts'
import { ChunkSampler, type SessionMeter } from './relay/session-meter.ts'
import type { SessionSummary } from './relay/session-options.ts'
import type { SessionTrace, TokenOutcome, Tracing } from './tracing.ts'

/** What is told of one session. */
export interface SessionObserver {
  readonly meter: SessionMeter
  /** How the provider took the handshake. @param code null: well. */
  dialled(code: RelayCode | null, connectMs: number): void
  /** The provider has counted tokens. */
  used(tokens: number): void
  /** The session is over, and leaves the relay's sessions in the same turn. */
  ended(summary: SessionSummary): void
}

/** What is told of requests for tokens. */
export interface TokenObserver {
  limited(limiter: Limiter, decision: LimitDecision): void
  /** A request came. @returns What must be called with its outcome. */
  asked(request: IncomingMessage, action: 'issue' | 'refresh'): (outcome: TokenOutcome) => void
}

/** Tells metrics and traces what the relay does. */
export class RelayObserver implements TokenObserver {
  readonly #metrics: RelayMetrics
  readonly #tracing: Tracing | null

  constructor(metrics: RelayMetrics, tracing: Tracing | null) {
    this.#metrics = metrics
    this.#tracing = tracing
  }

  /** A client was let in. */
  accepted(request: IncomingMessage, route: Route): SessionObserver {
    const { path } = route
    const metrics = this.#metrics
    const trace = this.#trace(request, route)
    metrics.handshake(path, 'accepted')
    return {
      meter: new ChunkSampler((direction, seconds) => metrics.latency(direction, seconds)),
      dialled: (code, connectMs) => {
        metrics.dialled(path, code, connectMs / 1000)
        quietly(() => trace?.dialled(code))
      },
      used: (tokens) => metrics.onUsage(route.provider, tokens),
      ended: (summary) => {
        metrics.ended(path, summary)
        quietly(() => trace?.ended(summary))
      },
    }
  }

  /** Apart from `accepted`, whose closures live as long as the session and must not keep its request. */
  #trace(request: IncomingMessage, route: Route): SessionTrace | undefined {
    return quietly(() => this.#tracing?.session(request, route))
  }

  /** An upgrade was refused. @param path null where it is none of the relay's. */
  refused(
    request: IncomingMessage,
    path: ProviderPath | null,
    outcome: { readonly status: number; readonly code: RelayCode | null },
  ): void {
    this.#metrics.handshake(path, outcome.code ?? 'authentication_unavailable')
    quietly(() => this.#tracing?.refused(request, path, outcome))
  }

  /** A client had left before it was answered. */
  abandoned(path: ProviderPath): void {
    this.#metrics.handshake(path, 'abandoned')
  }

  limited(limiter: Limiter, decision: LimitDecision): void {
    this.#metrics.limited(limiter, decision)
  }

  asked(request: IncomingMessage, action: 'issue' | 'refresh'): (outcome: TokenOutcome) => void {
    const traced = quietly(() => this.#tracing?.token(request, action))
    return (outcome) => {
      const unforeseen = outcome.status === 200 ? 'ok' : 'authentication_unavailable'
      this.#metrics.tokenAnswered(action, outcome.code ?? unforeseen)
      quietly(() => traced?.(outcome))
    }
  }
}

/** A tracer is the application's: where it fails, a span is lost, and nothing else. */
function quietly<T>(trace: () => T): T | undefined {
  try {
    return trace()
  } catch {
    return undefined // there is nobody to tell: what it says could hold anything
  }
}

/** Tells traces alone, where there is no relay. */
export function tokenTracer(tracing: Tracing | null): TokenObserver {
  return { limited: () => {}, asked: (request, action) => tracing?.token(request, action) ?? (() => {}) }
}
