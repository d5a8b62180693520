import type { ProviderPath } from './routes.ts'

/** Which way bytes go: `up` from the client to the provider, `down` back. */
export type Direction = 'up' | 'down'

/** What a session has passed on so far; no number but `bufferedBytes` ever falls. */
export interface SessionTraffic {
  /** Bytes on the wire, from the client and from the provider. */
  readonly bytesUp: number
  readonly bytesDown: number
  /** Data messages that have begun. */
  readonly messagesUp: number
  readonly messagesDown: number
  /** What waits to be written to both sides, now. */
  readonly bufferedBytes: number
}

/** A session that can be looked at while it lasts. */
export interface MeasuredSession {
  readonly path: ProviderPath
  readonly traffic: SessionTraffic
}

/** Measures how long chunks stay in the relay. */
export interface SessionMeter {
  /**
   * Called as each chunk is read, so it must be cheap.
   *
   * @returns A sample for the few that are measured, otherwise null.
   */
  sample(direction: Direction): ChunkSample | null
}

/** Of so many chunks of one direction of a session one is measured, the first among them. */
export const SAMPLED_CHUNKS = 64

/** Measures some of a session's chunks. */
export class ChunkSampler implements SessionMeter {
  readonly #record: (direction: Direction, seconds: number) => void
  readonly #seen = { up: 0, down: 0 }

  /** @param record Takes what was measured. */
  constructor(record: (direction: Direction, seconds: number) => void) {
    this.#record = record
  }

  sample(direction: Direction): ChunkSample | null {
    const seen = this.#seen[direction]++
    if (seen % SAMPLED_CHUNKS !== 0) return null
    return new ChunkSample((seconds) => this.#record(direction, seconds))
  }
}

/** One chunk, from when it was read until the kernel has taken its last byte. */
export class ChunkSample {
  readonly #record: (seconds: number) => void
  readonly #readAt = performance.now()
  #writes = 0
  #open = 0
  #passed = false

  constructor(record: (seconds: number) => void) {
    this.#record = record
  }

  /** Counts one write of the chunk. @returns What must be called when the kernel has taken it. */
  write(): (error?: Error | null) => void {
    this.#writes += 1
    this.#open += 1
    return (error) => {
      this.#open -= 1
      if (error) this.#passed = false
      this.#finish()
    }
  }

  /**
   * All of the chunk has been looked at.
   *
   * @param whole Whether all of it was written. What waits for the rest of its fragment waits for the peer, so
   * such a chunk says nothing about the relay and does not count.
   */
  end(whole: boolean): void {
    this.#passed = whole && this.#writes > 0
    this.#finish()
  }

  #finish(): void {
    if (!this.#passed || this.#open > 0) return
    this.#passed = false
    this.#record((performance.now() - this.#readAt) / 1000)
  }
}
