/** The wheel's step: fine enough for heartbeats and limits, coarse enough to cost nothing. */
const TICK_MS = 50
const SLOTS = 1024

/** Something that was scheduled. */
export interface WheelTimer {
  /** Does nothing where it has fired or was cancelled before. */
  cancel(): void
}

interface Entry {
  readonly due: number
  readonly callback: () => void
}

/**
 * Many time-outs on one timer of the platform: scheduling and cancelling are a set operation each, however
 * many sessions there are. Nothing fires early; everything fires within one step of 50 ms after its time.
 */
export class TimerWheel {
  readonly #slots: Set<Entry>[] = Array.from({ length: SLOTS }, () => new Set())
  #count = 0
  #tick = 0
  #startedAt = 0
  #timer: NodeJS.Timeout | null = null

  /** How many time-outs wait. */
  get size(): number {
    return this.#count
  }

  /** Calls `callback` once, `delayMs` from now. */
  schedule(delayMs: number, callback: () => void): WheelTimer {
    this.#run()
    const due = Math.ceil((performance.now() - this.#startedAt + delayMs) / TICK_MS)
    const entry = { due: Math.max(due, this.#tick + 1), callback }
    const slot = this.#slots[entry.due % SLOTS]!
    slot.add(entry)
    this.#count += 1
    return { cancel: () => this.#remove(slot, entry) }
  }

  #run(): void {
    if (this.#timer !== null) return
    this.#startedAt = performance.now()
    this.#tick = 0
    // Timers come first: after the process was held up, a peer's sign of life would still wait to be read.
    this.#timer = setInterval(() => setImmediate(() => this.#advance()), TICK_MS)
  }

  #advance(): void {
    // After the process was held up, several steps are due at once.
    const now = Math.floor((performance.now() - this.#startedAt) / TICK_MS)
    while (this.#tick < now) {
      this.#tick += 1
      this.#fire(this.#slots[this.#tick % SLOTS]!)
    }
    if (this.#count === 0) this.#stop()
  }

  #fire(slot: Set<Entry>): void {
    for (const entry of slot) {
      if (entry.due > this.#tick) continue
      this.#remove(slot, entry)
      entry.callback()
    }
  }

  #remove(slot: Set<Entry>, entry: Entry): void {
    if (slot.delete(entry)) this.#count -= 1
  }

  #stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer)
    this.#timer = null
  }
}
