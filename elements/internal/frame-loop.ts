import type { ReactiveController, ReactiveElement } from 'lit'
import type { VoiceSession } from '../../src/index.ts'

export interface FrameLoopOptions {
  /** Draws, once a frame, what a session that is open has to show; `seconds` have passed since the last time. */
  readonly onframe: (session: VoiceSession, seconds: number) => void
  /** Draws what is to be seen while there is nothing to show. */
  readonly onrest: () => void
}

/** A frame that came late moves nothing further than this, in seconds. */
const LONGEST_FRAME = 0.05

/** Has an element drawn while its session is open and it can be seen; otherwise nothing runs. */
export class FrameLoop implements ReactiveController {
  readonly #host: ReactiveElement & { readonly session: VoiceSession | null }
  readonly #options: FrameLoopOptions
  #observer: IntersectionObserver | null = null
  #seen = false
  #request = 0
  #drawnAt = 0
  #resting = false

  constructor(host: ReactiveElement & { readonly session: VoiceSession | null }, options: FrameLoopOptions) {
    this.#host = host
    this.#options = options
    host.addController(this)
  }

  hostConnected(): void {
    this.#observer = new IntersectionObserver((entries) => {
      this.#seen = entries.at(-1)?.isIntersecting ?? false
      this.#check()
    })
    this.#observer.observe(this.#host)
  }

  hostUpdated(): void {
    this.#check()
  }

  hostDisconnected(): void {
    this.#observer?.disconnect()
    this.#seen = false
    this.#check()
  }

  #check(): void {
    const open = this.#host.isConnected && this.#host.session?.state === 'open'
    if (open && this.#seen) {
      this.#resting = false
      this.#request ||= requestAnimationFrame(this.#draw)
      return
    }
    cancelAnimationFrame(this.#request)
    this.#request = 0
    if (open || this.#resting) return
    this.#resting = true
    this.#options.onrest()
  }

  #draw = (now: number): void => {
    this.#request = requestAnimationFrame(this.#draw)
    const { session } = this.#host
    if (session) this.#options.onframe(session, Math.min((now - this.#drawnAt) / 1000, LONGEST_FRAME))
    this.#drawnAt = now
  }
}

/** Whether the reader asked for less motion. */
export function isCalm(): boolean {
  return matchMedia('(prefers-reduced-motion: reduce)').matches
}
