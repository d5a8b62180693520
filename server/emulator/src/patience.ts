/** How long nothing may come. What came in time is in time, though the process was held up and reads it late. */
export class Patience {
  readonly #onend: () => void
  #timer: NodeJS.Timeout | undefined
  #over: NodeJS.Immediate | undefined

  /** @param onend Called when nothing came in time. */
  constructor(onend: () => void) {
    this.#onend = onend
  }

  /** Begins to wait, or begins anew. */
  wait(ms: number): void {
    this.end()
    // Timers come before what lies in sockets.
    this.#timer = setTimeout(() => {
      this.#over = setImmediate(this.#onend)
    }, ms)
  }

  /** Waits no longer. */
  end(): void {
    clearTimeout(this.#timer)
    clearImmediate(this.#over)
  }
}
