import type { Answer } from '../http.ts'
import { VERSION } from '../version.ts'
import type { HealthStatus } from './provider-health.ts'

/** What `GET …/health` answers. */
export interface HealthReport {
  /** The worst of `services`. */
  readonly status: HealthStatus
  /** In seconds. */
  readonly uptime: number
  readonly version: string
  readonly services: Readonly<Record<'provider' | 'rateLimit' | 'sessions', HealthStatus>>
  readonly metrics: {
    /** Requests for tokens and refreshes, refused ones too. */
    readonly totalRequests: number
    /** Those whose token can still be refreshed. */
    readonly activeSessions: number
    readonly totalRefreshes: number
    /** The share of requests that were answered with 5xx, 0…1. */
    readonly errorRate: number
    /** In ms. */
    readonly averageResponseTime: number
  }
}

/** Counts what the token service does. */
export class ServiceMetrics {
  readonly #startedAt = performance.now()
  #requests = 0
  #refreshes = 0
  #errors = 0
  #totalMs = 0

  /** Counts one request that was answered. */
  answered(status: number, ms: number): void {
    this.#requests += 1
    this.#totalMs += ms
    if (status >= 500) this.#errors += 1
  }

  /** Counts one token that took another's place. */
  refreshed(): void {
    this.#refreshes += 1
  }

  /** @param activeSessions As the store counts them. */
  report(services: HealthReport['services'], activeSessions: number): HealthReport {
    const requests = Math.max(1, this.#requests)
    return {
      status: worst(Object.values(services)),
      uptime: Math.floor((performance.now() - this.#startedAt) / 1000),
      version: VERSION,
      services,
      metrics: {
        totalRequests: this.#requests,
        activeSessions,
        totalRefreshes: this.#refreshes,
        errorRate: rounded(this.#errors / requests),
        averageResponseTime: rounded(this.#totalMs / requests),
      },
    }
  }
}

/** A report as an answer: 503 where the service is unhealthy. */
export function healthAnswer(report: HealthReport): Answer {
  return { status: report.status === 'unhealthy' ? 503 : 200, headers: {}, body: report }
}

function worst(statuses: readonly HealthStatus[]): HealthStatus {
  if (statuses.includes('unhealthy')) return 'unhealthy'
  return statuses.includes('degraded') ? 'degraded' : 'healthy'
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000
}
