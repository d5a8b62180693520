import type { VoiceWarning } from '../events.ts'

export interface ContextKeeperOptions {
  readonly onwarning: (warning: VoiceWarning) => void
  /** How long a context may take to run before the page's author hears of it, in ms; default 1000. */
  readonly patienceMs?: number
  /** How often to look whether the clock of a context that may run moves, in ms; default 1500. Still twice is a stall. */
  readonly watchMs?: number
}

/** Firefox alone says whether it would let a context begin. */
interface AutoplayNavigator {
  /** @see https://www.w3.org/TR/autoplay-detection/ */
  getAutoplayPolicy?(context: AudioContext): 'allowed' | 'allowed-muted' | 'disallowed'
}

/** After one of these a browser lets sound begin. */
const GESTURES = ['pointerup', 'touchend', 'keydown'] as const

/**
 * Keeps a context running for as long as a session lives: after autoplay rules, a call, a locked screen, or a
 * clock that stands still though the context says that it runs (WebKit on iOS, after a call).
 *
 * @see https://www.w3.org/TR/webaudio-1.1/#enumdef-audiocontextstate
 */
export class ContextKeeper {
  readonly #context: AudioContext
  readonly #onwarning: (warning: VoiceWarning) => void
  readonly #abort = new AbortController()
  readonly #watch: ReturnType<typeof setInterval>
  readonly #patience: ReturnType<typeof setTimeout>
  #time = -1
  #still = 0

  constructor(context: AudioContext, { onwarning, patienceMs = 1000, watchMs = 1500 }: ContextKeeperOptions) {
    this.#context = context
    this.#onwarning = onwarning
    const { signal } = this.#abort
    context.addEventListener('statechange', () => this.#changed(), { signal })
    document.addEventListener('visibilitychange', () => this.#visible(), { signal })
    for (const gesture of GESTURES) {
      addEventListener(gesture, () => resume(context), { signal, capture: true, passive: true })
    }
    this.#watch = setInterval(() => this.#look(), watchMs)
    this.#patience = setTimeout(() => this.#remind(), patienceMs)
    resume(context)
  }

  close(): void {
    this.#abort.abort()
    clearInterval(this.#watch)
    clearTimeout(this.#patience)
  }

  #changed(): void {
    const { state } = this.#context
    // Safari leaves `interrupted` by itself, to `suspended` or `running`; not before it is over.
    if (state === 'suspended') resume(this.#context)
    else if ((state as string) === 'interrupted') {
      this.#onwarning({
        code: 'audio-interrupted',
        message: 'The system holds sound back, as for a call',
        hint: 'It goes on by itself, or when the user next touches the page',
      })
    }
  }

  #visible(): void {
    this.#still = 0
    if (document.visibilityState === 'visible') resume(this.#context)
  }

  /** Whether the browser says that only the sound device keeps it waiting. */
  get #allowed(): boolean {
    return (navigator as AutoplayNavigator).getAutoplayPolicy?.(this.#context) === 'allowed'
  }

  #remind(): void {
    if (this.#context.state !== 'suspended' || this.#allowed) return
    this.#onwarning({
      code: 'audio-suspended',
      message: 'The browser lets no sound begin before the user has touched the page',
      hint: 'Call start() from the handler of a click, before its first await',
    })
  }

  #look(): void {
    const { state, currentTime } = this.#context
    const mayRun = state === 'running' || (state === 'suspended' && this.#allowed)
    const moves = !mayRun || document.visibilityState === 'hidden' || currentTime !== this.#time
    this.#time = currentTime
    this.#still = moves ? 0 : this.#still + 1
    if (this.#still === 2) void this.#restart()
  }

  async #restart(): Promise<void> {
    this.#onwarning({
      code: 'audio-stalled',
      message: 'Sound stands still though the browser lets it run; it is suspended and resumed',
      hint: 'If it persists, see whether the system has a sound device, and start again',
    })
    await this.#context.suspend().catch(ignore)
    resume(this.#context)
  }
}

/** Outside a gesture the promise may stay pending until there is one, so nobody waits for it. */
export function resume(context: AudioContext): void {
  if (context.state !== 'running' && context.state !== 'closed') context.resume().catch(ignore)
}

/** The context was closed meanwhile, or is interrupted: the next event tries again. */
function ignore(): void {}
