/** A listener for one kind of event. */
export type Listener<Event> = (event: Event) => void

/** What `once` waits for and until when. */
export interface OnceOptions<Event> {
  /** Which event counts; default: any. */
  readonly filter?: (event: Event) => boolean
  /** Stops waiting: the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal
}

/** Typed events with a promise for the next one, so that a test waits for what happens and never for time. */
export class Emitter<Events> {
  readonly #listeners = new Map<keyof Events, Set<Listener<never>>>()

  /**
   * Calls `listener` at every `type` event.
   *
   * @returns The function that unbinds it.
   */
  on<Type extends keyof Events>(type: Type, listener: Listener<Events[Type]>): () => void {
    const listeners = this.#listeners.get(type) ?? new Set()
    this.#listeners.set(type, listeners)
    listeners.add(listener)
    return () => listeners.delete(listener)
  }

  /** Resolves with the next `type` event that passes the filter. */
  once<Type extends keyof Events>(
    type: Type,
    { filter = () => true, signal }: OnceOptions<Events[Type]> = {},
  ): Promise<Events[Type]> {
    return new Promise((resolve, reject) => {
      const abort = () => {
        off()
        reject(signal?.reason)
      }
      if (signal?.aborted) return reject(signal.reason)
      const off = this.on(type, (event) => {
        if (!filter(event)) return
        off()
        signal?.removeEventListener('abort', abort)
        resolve(event)
      })
      signal?.addEventListener('abort', abort, { once: true })
    })
  }

  /** Tells every listener of `type`. */
  protected emit<Type extends keyof Events>(type: Type, event: Events[Type]): void {
    for (const listener of [...(this.#listeners.get(type) ?? [])]) {
      ;(listener as Listener<Events[Type]>)(event)
    }
  }
}
