import type { VoiceError } from '../errors.ts'

/** Changes that a provider was asked for and has not answered yet. */
export class Updates {
  readonly #waiting = new Map<number, PromiseWithResolvers<void>>()
  #last = 0

  /** @returns The number that comes back with the answer, and the promise of it. */
  begin(): { readonly id: number; readonly promise: Promise<void> } {
    const waiting = Promise.withResolvers<void>()
    const id = ++this.#last
    this.#waiting.set(id, waiting)
    return { id, promise: waiting.promise }
  }

  /** The provider has taken the change over, or refused it. */
  settle(id: number, error?: VoiceError): void {
    const waiting = this.#waiting.get(id)
    this.#waiting.delete(id)
    if (error) waiting?.reject(error)
    else waiting?.resolve()
  }

  /** No answer will come. */
  abandon(reason: unknown): void {
    for (const { reject } of this.#waiting.values()) reject(reason)
    this.#waiting.clear()
  }
}
