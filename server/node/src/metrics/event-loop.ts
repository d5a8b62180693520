import { monitorEventLoopDelay } from 'node:perf_hooks'

/** How late the event loop was, in ms. */
export interface EventLoopLag {
  readonly mean: number
  readonly p99: number
  readonly max: number
}

/** Between two looks; what is below it is not lag. */
const RESOLUTION_MS = 10

/** Watches the event loop until it is stopped. */
export class EventLoopWatch {
  readonly #histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS })

  constructor() {
    this.#histogram.enable()
  }

  /** The lag since the last call, or since the watch began. */
  take(): EventLoopLag {
    const { mean, max } = this.#histogram
    const lag = { mean: lagMs(mean), p99: lagMs(this.#histogram.percentile(99)), max: lagMs(max) }
    this.#histogram.reset()
    return lag
  }

  stop(): void {
    this.#histogram.disable()
  }
}

/** Nanoseconds between two looks as ms of lag; an empty histogram has no mean. */
function lagMs(nanoseconds: number): number {
  const ms = nanoseconds / 1e6 - RESOLUTION_MS
  return Number.isFinite(ms) ? Math.max(0, Math.round(ms * 1000) / 1000) : 0
}
