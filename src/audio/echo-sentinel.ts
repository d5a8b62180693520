/** The grid on which the two levels are compared, in ms. */
const SLOT_MS = 20
/** Three seconds: what is compared, and the longest lag before it. */
const SLOTS = 150
/** A level is of 100 ms of sound at most, in slots. */
const LONGEST = 5
/** How long an echo may take: output buffers, a wireless speaker, the way through the room, input buffers. */
const MAX_LAG = 30
/** At most this much of what was heard last is compared, in slots. */
const WINDOW = 110
/** Levels below are silence: −48 dB. */
const SILENCE = 0.2
/** Less sound of the agent than this proves nothing, in slots. */
const MIN_EVIDENCE = 25
/** The slots before the interruption in which a user would be heard, and how much louder that makes it: 6 dB. */
const RECENT = 12
const LOUDER = 0.1
/** Two voices agree by chance the more, the shorter one listens: this, and so much more by the root of the slots. */
const AGREEMENT = 0.7
const CHANCE = 1.2

/** A level over time, one value a slot. */
class Envelope {
  readonly #slots = new Float32Array(SLOTS)
  #next = 0
  #last = 0

  /** The slot after the newest. */
  get end(): number {
    return this.#next
  }

  /** The level is that of the time since the last one; where that is long ago, nothing has changed meanwhile. */
  push(level: number, atMs: number): void {
    const slot = Math.floor(atMs / SLOT_MS)
    this.#next = Math.max(this.#next, slot - SLOTS)
    while (this.#next <= slot) {
      this.#slots[this.#next % SLOTS] = this.#next < slot - LONGEST ? this.#last : level
      this.#next++
    }
    this.#last = level
  }

  /** @returns The level in a slot, that of the newest where it has not come. */
  at(slot: number): number {
    return slot < this.#next ? this.#slots[slot % SLOTS]! : this.#last
  }
}

/**
 * Notices that an agent interrupts itself: what the microphone heard before the interruption rises and falls as the
 * agent's own voice did a little earlier. Loud or quiet does not matter, as levels are decibels.
 */
export class EchoSentinel {
  readonly #input = new Envelope()
  readonly #output = new Envelope()

  /**
   * @param level What the microphone hears, 0…1 as `levelOf` gives it.
   * @param atMs Its time, on the same clock as that of `output`, in ms.
   */
  input(level: number, atMs: number): void {
    this.#input.push(level, atMs)
  }

  /** @param level What the agent plays, 0…1. */
  output(level: number, atMs: number): void {
    this.#output.push(level, atMs)
  }

  /** @returns Whether what cut the agent off just now was most likely the agent itself; false where little is known. */
  interrupted(): boolean {
    for (let lag = 0; lag <= MAX_LAG; lag++) if (this.#agrees(lag)) return true
    return false
  }

  /** Pearson's correlation where the agent was to be heard, against what chance makes of so few slots. */
  #agrees(lag: number): boolean {
    const { end } = this.#input
    let [n, x, y, xx, yy, xy] = [0, 0, 0, 0, 0, 0]
    let recent = 0
    for (let slot = Math.max(MAX_LAG, end - WINDOW); slot < end; slot++) {
      const out = this.#output.at(slot - lag)
      if (out < SILENCE && n === 0) continue
      const heard = this.#input.at(slot)
      n++
      x += out
      y += heard
      xx += out * out
      yy += heard * heard
      xy += out * heard
      if (slot >= end - RECENT) recent += heard - out
    }
    if (n < MIN_EVIDENCE) return false
    // A user who joins in makes the microphone louder than the agent alone had made it.
    const before = (y - x - recent) / (n - RECENT)
    if (recent / RECENT - before > LOUDER) return false
    const covariance = xy - (x * y) / n
    const spread = Math.sqrt((xx - (x * x) / n) * (yy - (y * y) / n))
    return spread > 0 && covariance > (AGREEMENT + CHANCE / Math.sqrt(n)) * spread
  }
}
