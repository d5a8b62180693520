export interface RollOverOptions {
  /** Whether nobody is speaking, so that a new connection would not be noticed. */
  readonly quiet: () => boolean
  /** Makes the new connection. */
  readonly onrenew: () => void
}

/** How long before the end of a connection a quiet moment is used for a new one, in ms. */
const WINDOW_MS = 300_000

/** How long before the end there is no more waiting for a quiet moment, in ms. */
const LAST_MS = 5000

/** Timers of browsers take no more. */
const MAX_TIMER_MS = 2 ** 31 - 1

/** Replaces a connection that the provider is going to end, in a pause of the conversation if there is one. */
export class RollOver {
  readonly #options: RollOverOptions
  #windowTimer: ReturnType<typeof setTimeout> | undefined
  #lastTimer: ReturnType<typeof setTimeout> | undefined
  #due = false

  constructor(options: RollOverOptions) {
    this.#options = options
  }

  /** @param ms Until the provider ends the connection. */
  expiring(ms: number): void {
    this.cancel()
    const after = (left: number) => Math.min(MAX_TIMER_MS, Math.max(0, ms - left))
    this.#windowTimer = setTimeout(() => {
      this.#due = true
      this.check()
    }, after(WINDOW_MS))
    this.#lastTimer = setTimeout(() => this.#renew(), after(LAST_MS))
  }

  /** The conversation may have come to a pause. */
  check(): void {
    if (this.#due && this.#options.quiet()) this.#renew()
  }

  /** The connection is another one, or there is none. */
  cancel(): void {
    this.#due = false
    clearTimeout(this.#windowTimer)
    clearTimeout(this.#lastTimer)
  }

  #renew(): void {
    this.cancel()
    this.#options.onrenew()
  }
}
