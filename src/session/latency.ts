import type { TurnEvent } from '../events.ts'

/** Measures one turn after the other, from the user's last word to the agent's first. */
export class TurnClock {
  readonly #now: () => number
  #speechEndAt: number | null = null
  #responseMs: number | null = null

  /** @param now A clock in ms that never jumps; default `performance.now`. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  speechEnded(): void {
    this.#speechEndAt = this.#now()
  }

  /** The first sound of the answer was given to the speaker. */
  answered(): void {
    this.#responseMs = this.#speechEndAt === null ? null : this.#now() - this.#speechEndAt
    this.#speechEndAt = null
  }

  /** @returns What was measured of the turn that ends here. */
  finish(): TurnEvent {
    const responseMs = this.#responseMs
    this.#responseMs = null
    return { responseMs }
  }
}
