import type { SessionOptions } from './options.ts'
import type { Sound } from './sound.ts'

export interface PageWatch extends Pick<SessionOptions, 'whenHidden'> {
  readonly sound: Pick<Sound, 'muted'>
  readonly signal: AbortSignal
  /** The user goes to another page, or is to be treated as if. */
  readonly onleave: () => void
}

/** Follows what the user does with the page: a page that is left says goodbye instead of leaving the line to time out. */
export function watchPage({ whenHidden = 'continue', sound, signal, onleave }: PageWatch): void {
  globalThis.addEventListener?.('pagehide', onleave, { signal })
  if (whenHidden === 'continue') return
  let muted = false
  const onchange = (): void => {
    const hidden = document.visibilityState === 'hidden'
    if (whenHidden === 'stop') {
      if (hidden) onleave()
    } else if (hidden && !sound.muted) {
      sound.muted = muted = true
    } else if (!hidden && muted) {
      sound.muted = muted = false
    }
  }
  globalThis.document?.addEventListener('visibilitychange', onchange, { signal })
  // What the user never asked for is not to last until the next conversation.
  signal.addEventListener('abort', () => {
    if (muted) sound.muted = false
  })
}
