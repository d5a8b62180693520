/** How long to wait for the network where the browser knows that there is none, in ms. */
const OFFLINE_MS = 120_000

/**
 * Waits before another attempt: no longer than `ms`, or until the network or the user comes back, whichever is
 * first. While the browser knows itself offline, an attempt would be wasted, and it waits for the network.
 *
 * @throws The signal's reason, as soon as it is aborted.
 */
export function retryMoment(ms: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  return new Promise((resolve, reject) => {
    const listening = new AbortController()
    const settle = (how: () => void): void => {
      clearTimeout(timer)
      listening.abort()
      how()
    }
    const retry = (): void => settle(resolve)
    const timer = setTimeout(retry, navigator.onLine === false ? OFFLINE_MS : ms)
    const until = { signal: listening.signal }
    signal.addEventListener('abort', () => settle(() => reject(signal.reason)), until)
    globalThis.addEventListener?.('online', retry, until)
    globalThis.document?.addEventListener(
      'visibilitychange',
      () => {
        if (document.visibilityState === 'visible') retry()
      },
      until,
    )
  })
}
