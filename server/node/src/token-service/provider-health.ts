import type { RelayCode } from '../codes.ts'
import type { ProviderName } from '../relay/routes.ts'

/** How well something works. */
export type HealthStatus = 'healthy' | 'degraded' | 'unhealthy'

/** After so many failures in a row a provider counts as away. */
const UNHEALTHY_FAILURES = 3
/** After so long without another failure it counts as degraded only: who is sent no traffic could never recover. */
const FADE_MS = 60_000

interface Streak {
  /** In a row. */
  readonly failures: number
  readonly at: number
}

/** Remembers from real traffic how the providers are; it asks nobody. */
export class ProviderHealth {
  readonly #now: () => number
  readonly #streaks = new Map<ProviderName, Streak>()

  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  /**
   * Remembers how a request to a provider went.
   *
   * @param code Why it failed; null where it did not. What the provider refused for its content counts as an answer.
   */
  record(provider: ProviderName, code: RelayCode | null): void {
    const failed = code !== null && code !== 'upstream_refused'
    const before = this.#streaks.get(provider)?.failures ?? 0
    this.#streaks.set(provider, { failures: failed ? before + 1 : 0, at: this.#now() })
  }

  /** Unhealthy where all that were asked are; healthy where none failed, or none was asked. */
  get status(): HealthStatus {
    const each = [...this.#streaks.values()].map((streak) => this.#judge(streak))
    if (each.length > 0 && each.every((status) => status === 'unhealthy')) return 'unhealthy'
    return each.every((status) => status === 'healthy') ? 'healthy' : 'degraded'
  }

  #judge({ failures, at }: Streak): HealthStatus {
    if (failures === 0) return 'healthy'
    return failures >= UNHEALTHY_FAILURES && this.#now() - at < FADE_MS ? 'unhealthy' : 'degraded'
  }
}
