/** Which calls of which response wait for their results. */
export class OpenAIToolCalls {
  /** By response. */
  readonly #open = new Map<string, Set<string>>()
  readonly #done = new Set<string>()

  add(responseId: string, callId: string): void {
    this.#open.set(responseId, (this.#open.get(responseId) ?? new Set()).add(callId))
  }

  /** @returns The response that made the call; null where it waits for no result. */
  answer(callId: string): string | null {
    for (const [responseId, calls] of this.#open) if (calls.delete(callId)) return responseId
    return null
  }

  /** @returns The calls of a response that waited, and wait no more. */
  withdraw(responseId: string): readonly string[] {
    const calls = [...(this.#open.get(responseId) ?? [])]
    this.#open.delete(responseId)
    return calls
  }

  /** The response ended well. @returns As `isComplete`. */
  done(responseId: string): boolean {
    if (this.#open.has(responseId)) this.#done.add(responseId)
    return this.isComplete(responseId)
  }

  /** @returns Whether the model is to go on, as the response is done and all its calls are answered; true once. */
  isComplete(responseId: string): boolean {
    return this.#open.get(responseId)?.size === 0 && this.#done.delete(responseId)
  }
}
