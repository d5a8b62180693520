/** What a user may have to agree to before anything begins. */
export type GateStep = 'consent' | 'microphone'

/** Holds a start back until the user has agreed to each step of it. */
export class Gate {
  readonly #onchange: () => void
  #steps: GateStep[] = []
  #waiting: PromiseWithResolvers<void> | null = null

  /** @param onchange Called when `step` has changed. */
  constructor(onchange: () => void) {
    this.#onchange = onchange
  }

  /** What the user is asked for now; null where nothing is. */
  get step(): GateStep | null {
    return this.#steps[0] ?? null
  }

  /**
   * Asks for steps, one after the other. Whoever comes while it asks waits with those before.
   *
   * @returns Resolved when all are agreed to, rejected with an `AbortError` when one is not; null where there is
   * none to ask for.
   */
  ask(steps: readonly GateStep[]): Promise<void> | null {
    if (this.#waiting) return this.#waiting.promise
    if (steps.length === 0) return null
    this.#waiting = Promise.withResolvers()
    this.#steps = [...steps]
    this.#onchange()
    return this.#waiting.promise
  }

  /** The user agrees to this step. Within its click the start may go on. */
  agree(): void {
    this.#steps.shift()
    if (this.#steps.length === 0) this.#end()?.resolve()
    this.#onchange()
  }

  /** Gives up; nothing happens where nobody was asked. */
  decline(): void {
    if (!this.#waiting) return
    this.#end()?.reject(new DOMException('The conversation was stopped before it began', 'AbortError'))
    this.#onchange()
  }

  #end(): PromiseWithResolvers<void> | null {
    const waiting = this.#waiting
    this.#steps = []
    this.#waiting = null
    return waiting
  }
}
