import { memoryUsage } from 'node:process'
import type { ProviderPath } from '../relay/routes.ts'
import type { SessionTraffic } from '../relay/session-meter.ts'
import { VERSION } from '../version.ts'
import type { EventLoopLag, EventLoopWatch } from './event-loop.ts'
import type { RelayMetrics } from './registry.ts'

/** What `GET /stats` answers: one relay at a glance. */
export interface RelayStats {
  readonly version: string
  /** Since the relay was made. */
  readonly uptimeSeconds: number
  /** Whether nobody new is let in. */
  readonly draining: boolean
  readonly sessions: {
    readonly total: number
    /** Those that the relay waits for, to close. */
    readonly draining: number
    readonly byPath: Readonly<Record<ProviderPath, number>>
  }
  /** All sessions together, ended ones too. */
  readonly traffic: SessionTraffic
  /** Upgrades that did not become sessions, by code. */
  readonly refusals: Readonly<Record<string, number>>
  /** Since the last time somebody asked. */
  readonly eventLoopLagMs: EventLoopLag
  /** Of the process. */
  readonly memoryBytes: { readonly rss: number; readonly heapUsed: number; readonly external: number }
}

export interface StatsSources {
  readonly metrics: RelayMetrics
  readonly eventLoop: EventLoopWatch
  /** In ms of `performance.now()`. */
  readonly startedAt: number
  readonly draining: boolean
}

/** Puts the numbers together. */
export async function readStats({
  metrics,
  eventLoop,
  startedAt,
  draining,
}: StatsSources): Promise<RelayStats> {
  const byPath = metrics.sessionsByPath
  const total = Object.values(byPath).reduce((sum, count) => sum + count, 0)
  const { rss, heapUsed, external } = memoryUsage()
  return {
    version: VERSION,
    uptimeSeconds: Math.floor((performance.now() - startedAt) / 1000),
    draining,
    sessions: { total, draining: draining ? total : 0, byPath },
    traffic: metrics.traffic,
    refusals: await metrics.refusals(),
    eventLoopLagMs: eventLoop.take(),
    memoryBytes: { rss, heapUsed, external },
  }
}
