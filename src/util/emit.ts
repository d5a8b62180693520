/** What a listener throws is the page's own failure, told as the browser tells it: what emits goes on. */
export function emitTo<T>(listeners: readonly ((payload: T) => void)[] | undefined, payload: T): void {
  for (const listener of [...(listeners ?? [])]) {
    try {
      listener(payload)
    } catch (error) {
      reportError(error)
    }
  }
}
