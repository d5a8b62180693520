/**
 * Waits.
 *
 * @param ms How long, in ms.
 * @throws The signal's reason, as soon as it is aborted.
 */
export function delay(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted()
    const onabort = (): void => {
      clearTimeout(timer)
      reject(signal.reason)
    }
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', onabort)
      resolve()
    }, ms)
    signal.addEventListener('abort', onabort, { once: true })
  })
}
