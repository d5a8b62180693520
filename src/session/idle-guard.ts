import { VoiceError } from '../errors.ts'

export interface IdleGuardOptions {
  /** How long nobody may say anything, in ms; default: for ever. */
  readonly idleTimeoutMs?: number
  /** How long the conversation may last, in ms; default: for ever. */
  readonly maxDurationMs?: number
  readonly onend: (error: VoiceError) => void
}

/**
 * How long a user is believed to speak without a word that is understood, in ms: a provider that took a noise for speech
 * may never say that it has ended.
 */
const LONGEST_SPEECH_MS = 120_000

/**
 * Ends a conversation that was forgotten, since lines cost money by the minute.
 *
 * What counts as activity: the user's speech as the provider or the local detector hears it, what the page sends in
 * the user's name, the agent's thoughts and speech, and tools. What does not: sound without speech, keep-alive messages,
 * a reconnect, a page that listens. While somebody speaks or a tool runs the time stands still; it begins anew when all
 * have fallen silent.
 */
export class IdleGuard {
  readonly #options: IdleGuardOptions
  readonly #active = new Set<string>()
  #idleTimer: ReturnType<typeof setTimeout> | undefined
  #durationTimer: ReturnType<typeof setTimeout> | undefined
  #begun = false

  constructor(options: IdleGuardOptions) {
    this.#options = options
  }

  /** The conversation begins; nothing happens where it has begun. */
  begin(): void {
    if (this.#begun) return
    this.#begun = true
    const { maxDurationMs } = this.#options
    if (maxDurationMs !== undefined) {
      const error = new VoiceError('duration-limit', `The conversation has lasted ${maxDurationMs} ms`)
      this.#durationTimer = setTimeout(() => this.#options.onend(error), maxDurationMs)
    }
    this.touch()
  }

  /** Somebody did something that takes no time. */
  touch(): void {
    clearTimeout(this.#idleTimer)
    const { idleTimeoutMs } = this.#options
    const active = [...this.#active]
    if (idleTimeoutMs === undefined || !this.#begun || active.some((who) => who !== 'user')) return
    const error = new VoiceError('idle-timeout', `Nobody has said anything for ${idleTimeoutMs} ms`)
    const extraMs = active.length > 0 ? LONGEST_SPEECH_MS : 0
    this.#idleTimer = setTimeout(() => this.#options.onend(error), idleTimeoutMs + extraMs)
  }

  /** Somebody began or ceased to be active; several may be at a time. */
  set(who: 'user' | 'detector' | 'agent' | 'tools', active: boolean): void {
    if (this.#active.has(who) === active) return
    if (active) this.#active.add(who)
    else this.#active.delete(who)
    this.touch()
  }

  close(): void {
    clearTimeout(this.#idleTimer)
    clearTimeout(this.#durationTimer)
    this.#begun = false
  }
}
