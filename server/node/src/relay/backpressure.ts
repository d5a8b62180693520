import type { Leg } from './leg.ts'
import type { TimerWheel, WheelTimer } from './timer-wheel.ts'

/** How often a side that is not read is written to, so that one that has gone shows itself. */
const PROBE_MS = 500

/** What a session does for its backpressure. */
export interface BackpressureEvents {
  /** Writes to a leg that is not read; its peer shows by that whether it is there. */
  probe(leg: Leg): void
  /** One side has not read for too long. */
  stalled(): void
}

/** Stops reading from a leg while the other has too much to write, but not for ever, and where it is too fast. */
export class Backpressure {
  readonly #wheel: TimerWheel
  readonly #stallMs: number
  readonly #events: BackpressureEvents
  /** The legs that wait for the other one, and since when, in ms of `performance.now()`. */
  readonly #held = new Map<Leg, number>()
  readonly #slowed = new Set<Leg>()
  #timer: WheelTimer | null = null

  /** @param stallMs How long a side may refuse to read. */
  constructor(wheel: TimerWheel, stallMs: number, events: BackpressureEvents) {
    this.#wheel = wheel
    this.#stallMs = stallMs
    this.#events = events
  }

  /** Stops reading from `source`, as what it sends cannot be written. */
  hold(source: Leg): void {
    if (!this.#held.has(source)) this.#held.set(source, performance.now())
    source.pause()
    this.#timer ??= this.#schedule()
  }

  /** What came from `source` is written. */
  release(source: Leg): void {
    if (this.#held.delete(source)) this.#resume(source)
  }

  /** Stops reading from `source` for a while, as it sends too fast. */
  slow(source: Leg, delayMs: number): void {
    this.#slowed.add(source)
    source.pause()
    this.#wheel.schedule(delayMs, () => {
      if (this.#slowed.delete(source)) this.#resume(source)
    })
    this.#timer ??= this.#schedule()
  }

  /** Forgets all; nothing is resumed. */
  stop(): void {
    this.#timer?.cancel()
    this.#timer = null
    this.#held.clear()
    this.#slowed.clear()
  }

  #resume(source: Leg): void {
    if (!this.#held.has(source) && !this.#slowed.has(source)) source.resume()
  }

  #schedule(): WheelTimer {
    return this.#wheel.schedule(PROBE_MS, () => this.#look())
  }

  /** A socket that is not read does not say that its peer has gone; one that is written to does. */
  #look(): void {
    this.#timer = null
    const oldest = performance.now() - this.#stallMs
    if ([...this.#held.values()].some((since) => since <= oldest)) {
      this.#events.stalled()
      return
    }
    const paused = new Set([...this.#held.keys(), ...this.#slowed])
    if (paused.size === 0) return
    for (const leg of paused) this.#events.probe(leg)
    this.#timer = this.#schedule()
  }
}
