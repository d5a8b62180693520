import type { SessionState, VoiceEventMap, VoiceEventName, VoiceSession } from '../../src/index.ts'
import { ENGLISH, type Strings } from './localization.ts'

/** Every event of a session, and whether it bubbles from the element; the compiler keeps the list complete. */
export const BUBBLES: Readonly<Record<VoiceEventName, boolean>> = {
  statechange: true,
  agentstatechange: true,
  transcript: true,
  interrupt: true,
  turn: true,
  toolcall: true,
  usage: true,
  detail: true,
  speechchange: true,
  devicechange: true,
  warning: true,
  // A page that listens on `window` for its own failures is not to meet those of an agent.
  error: false,
  // Fifty a second and more.
  message: false,
}

const NAMES = Object.keys(BUBBLES) as VoiceEventName[]

/** A session of our own that is so far is not started again: a new one takes the settings of the day. */
const OVER: ReadonlySet<string> = new Set(['closing', 'closed'])

/** A failure is history once one of these begins. */
const CLEARING: ReadonlySet<string> = new Set(['connecting', 'open', 'thinking', 'speaking'])

/** A session that is still being made, and what gives it up. */
interface Coming {
  readonly made: Promise<VoiceSession>
  readonly abort: AbortController
}

export interface ConversationOptions {
  /**
   * Makes the session for a start, now or, where what it takes is still being loaded, later; then `signal` says that
   * it is not wanted any more. Absent where one is handed in for good.
   */
  readonly createSession?: (signal: AbortSignal) => VoiceSession | Promise<VoiceSession>
  /** Called with all that the session says, and with why a start failed. */
  readonly onevent?: (name: VoiceEventName, payload: unknown) => void
}

/**
 * What controls show and change: a session that may be replaced or still to come, what was chosen before it
 * came, and what went wrong last.
 */
export class Conversation {
  readonly #options: ConversationOptions
  readonly #listeners = new Set<() => void>()
  #session: VoiceSession | null = null
  /** Whether the session was made here, and is therefore replaced at the next start. */
  #own = false
  #unbind: readonly (() => void)[] = []
  #error: Error | null = null
  #coming: Coming | null = null
  #muted = false
  #volume = 1
  #strings = ENGLISH

  constructor(options: ConversationOptions = {}) {
    this.#options = options
  }

  get session(): VoiceSession | null {
    return this.#session
  }

  /** A session that is handed in brings its own volume, and is muted if either was. */
  set session(session: VoiceSession | null) {
    if (session === this.#session) return
    this.#giveUp()
    if (session) {
      this.#muted ||= session.muted
      this.#volume = session.volume
    }
    this.#replace(session, { own: false })
  }

  /** The session's, but `connecting` also while it is still being made. */
  get state(): SessionState {
    return this.#coming ? 'connecting' : (this.#session?.state ?? 'closed')
  }

  /** What went wrong last; null once the conversation goes on. */
  get error(): Error | null {
    return this.#error
  }

  get muted(): boolean {
    return this.#muted
  }

  set muted(muted: boolean) {
    if (muted === this.#muted) return
    this.#muted = muted
    if (this.#session) this.#session.muted = muted
    this.#changed()
  }

  get volume(): number {
    return this.#volume
  }

  /** @throws {RangeError} Outside 0…1. */
  set volume(volume: number) {
    if (!(volume >= 0 && volume <= 1)) {
      throw new RangeError(`Cannot set volume as it must be a number from 0 to 1: current value is ${volume}`)
    }
    this.#volume = volume
    if (this.#session) this.#session.volume = volume
  }

  get strings(): Strings {
    return this.#strings
  }

  set strings(strings: Strings) {
    this.#strings = strings
    this.#changed()
  }

  /** @returns A function that ends the calls to `listener`, which come after each change but the sound's level. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /**
   * Starts the session, and makes one first where none was handed in. All before the first `await` happens at
   * once, since a browser lets sound begin only in a gesture.
   *
   * @throws What making or starting the session throws; all but an abort is also told to `onevent`.
   */
  async start(): Promise<void> {
    let coming: Coming | null = null
    try {
      coming = this.#make()
      if (coming) {
        const made = await coming.made
        coming.abort.signal.throwIfAborted()
        // The first of those who wait takes it up, and starts it at once.
        if (coming === this.#coming) this.#replace(made, { own: true })
      }
    } catch (error) {
      if (coming === this.#coming) this.#coming = null
      this.#fail(error)
      throw error
    }
    const session = this.#session
    try {
      await session?.start()
    } catch (error) {
      if (session === this.#session) this.#fail(error)
      throw error
    }
  }

  async stop(): Promise<void> {
    this.#giveUp()
    await this.#session?.stop()
  }

  /** Makes a session where a new one is needed. @returns What to wait for where that takes time. */
  #make(): Coming | null {
    const { createSession } = this.#options
    const over = this.#session === null || (this.#own && OVER.has(this.#session.state))
    if (this.#coming || !over || !createSession) return this.#coming
    const abort = new AbortController()
    const session = createSession(abort.signal)
    if (!(session instanceof Promise)) {
      this.#replace(session, { own: true })
      return null
    }
    const { promise: made, resolve, reject } = Promise.withResolvers<VoiceSession>()
    session.then(resolve, reject)
    abort.signal.addEventListener('abort', () => reject(abort.signal.reason))
    this.#coming = { made, abort }
    this.#error = null
    this.#changed()
    return this.#coming
  }

  #giveUp(): void {
    const coming = this.#coming
    this.#coming = null
    if (!coming) return
    coming.abort.abort(new DOMException('The conversation was stopped before it began', 'AbortError'))
    this.#changed()
  }

  #replace(session: VoiceSession | null, { own }: { own: boolean }): void {
    for (const unbind of this.#unbind) unbind()
    if (this.#own) void this.#session?.stop()
    this.#session = session
    this.#coming = null
    this.#own = own
    this.#error = null
    this.#unbind = session ? NAMES.map((name) => this.#bind(session, name)) : []
    if (session) {
      session.muted = this.#muted
      session.volume = this.#volume
    }
    this.#changed()
  }

  #bind<K extends VoiceEventName>(session: VoiceSession, name: K): () => void {
    return session.on(name, (payload) => this.#handle(name, payload))
  }

  #handle<K extends VoiceEventName>(name: K, payload: VoiceEventMap[K]): void {
    if (payload instanceof Error) this.#error = payload
    else if ('state' in payload && CLEARING.has(payload.state)) this.#error = null
    if (name !== 'message') this.#changed()
    this.#options.onevent?.(name, payload)
  }

  /** Those who wait for the same start fail with the same error, which is told once. */
  #fail(error: unknown): void {
    if (!(error instanceof Error) || error.name === 'AbortError' || error === this.#error) return
    this.#error = error
    this.#changed()
    this.#options.onevent?.('error', error)
  }

  #changed(): void {
    for (const listener of this.#listeners) listener()
  }
}
