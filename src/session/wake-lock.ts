import type { VoiceWarning } from '../events.ts'

/** Keeps the screen on while the page is visible: with a dark screen phones end sound sooner or later. */
export class WakeLock {
  readonly #abort = new AbortController()
  readonly #onwarning: (warning: VoiceWarning) => void
  #sentinel: WakeLockSentinel | null = null

  constructor(onwarning: (warning: VoiceWarning) => void) {
    this.#onwarning = onwarning
    const { signal } = this.#abort
    document.addEventListener('visibilitychange', () => void this.#request(), { signal })
    void this.#request()
  }

  close(): void {
    this.#abort.abort()
    void this.#sentinel?.release()
    this.#sentinel = null
  }

  /** A lock is lost whenever the page is hidden. */
  async #request(): Promise<void> {
    if (document.visibilityState !== 'visible' || this.#sentinel?.released === false) return
    try {
      // Not everywhere there, whatever the types say.
      const wakeLock = navigator.wakeLock as typeof navigator.wakeLock | undefined
      if (!wakeLock) throw new TypeError('navigator.wakeLock is missing')
      const sentinel = await wakeLock.request('screen')
      if (this.#abort.signal.aborted) await sentinel.release()
      else this.#sentinel = sentinel
    } catch (cause) {
      this.#onwarning({
        code: 'wake-lock-refused',
        message: `The screen may turn off: ${cause instanceof Error ? cause.message : String(cause)}`,
        hint: 'Nothing needs doing: browsers refuse it where the battery is low, or have none',
      })
    }
  }
}
