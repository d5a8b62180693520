import {
  type SessionState,
  VoiceError,
  type VoiceErrorCode,
  type VoiceEventMap,
  type VoiceEventName,
  type VoiceSession,
  type VoiceWarning,
} from '../../src/index.ts'
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

/** What a press of the button does in each state: it ends what has begun, also what is still connecting. */
const ACTIONS: Readonly<Record<SessionState, ConversationAction>> = {
  closed: 'start',
  connecting: 'cancel',
  open: 'stop',
  reconnecting: 'stop',
  closing: 'start',
}

/** A failure is history once one of these begins. */
const CLEARING: ReadonlySet<string> = new Set(['connecting', 'open', 'thinking', 'speaking'])

/** Why there is no microphone, of what a session may warn of. */
const REFUSED = /^microphone-(denied|dismissed|blocked|not-found|in-use|rate)/

/** What the user can do with a conversation as it stands. */
export type ConversationAction = 'start' | 'cancel' | 'stop'

/** Whether the user speaks or types. */
export type ConversationMode = 'voice' | 'text'

/** A session that is still being made, and what gives it up. */
interface Coming {
  readonly made: Promise<VoiceSession>
  readonly abort: AbortController
}

export interface ConversationOptions {
  /** Asks the user for what has to be agreed to before anything begins; null where that is nothing. */
  readonly gate?: () => Promise<void> | null
  /**
   * Makes the session for a start, now or, where what it takes is still being loaded, later; then `signal` says that
   * it is not wanted any more. Absent where one is handed in for good.
   */
  readonly createSession?: (signal: AbortSignal) => VoiceSession | Promise<VoiceSession>
  /** Called with all that the session says, and with why a start failed. */
  readonly onevent?: (name: VoiceEventName, payload: unknown) => void
}

/** What sound comes in by, or goes out by. */
export type DeviceKind = 'input' | 'output'

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
  #mode: ConversationMode = 'voice'
  #volume = 1
  readonly #devices: Record<DeviceKind, string | null> = { input: null, output: null }
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
    this.#apply()
    this.#changed()
  }

  /**
   * Whether the user speaks or types. While they type the microphone is let go of, or not even asked for, and the
   * agent is not heard; the conversation goes on meanwhile.
   */
  get mode(): ConversationMode {
    return this.#mode
  }

  set mode(mode: ConversationMode) {
    if (mode === this.#mode) return
    this.#mode = mode
    if (mode === 'voice') {
      this.#error = null
      this.#applyDevices()
    }
    this.#apply()
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
    this.#apply()
    this.#changed()
  }

  /** @returns The id of the device in use, or to be used at the next start; empty for the system's own choice. */
  device(kind: DeviceKind): string {
    const chosen = this.#devices[kind]
    // What the system chose in place of a device that went away, or a page by its constraints.
    const used = kind === 'input' && chosen !== '' && this.#session?.stats.microphone?.deviceId
    return used || (chosen ?? '')
  }

  /**
   * Chooses a device, for this session and those that follow.
   *
   * @param id A `deviceId` of `enumerateDevices`; empty for the system's own choice.
   * @throws {VoiceError} `microphone-…`, `output-device-…`; the device before stays.
   */
  async setDevice(kind: DeviceKind, id: string): Promise<void> {
    // While the user types, the microphone is not to be taken.
    const later = kind === 'input' && this.#mode === 'text'
    if (this.#session && !later) await setDevice(this.#session, kind, id)
    this.#devices[kind] = id
    this.#changed()
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
    const agreed = this.#options.gate?.()
    if (agreed) await agreed
    let coming: Coming | null = null
    let session: VoiceSession | null = null
    try {
      coming = this.#make()
      if (coming) {
        const made = await coming.made
        coming.abort.signal.throwIfAborted()
        // The first of those who wait takes it up, and starts it at once.
        if (coming === this.#coming) this.#replace(made, { own: true })
      }
      session = this.#session
      // Until the session itself says so, it is this that says `connecting`.
      const started = session?.start()
      this.#coming = null
      await started
    } catch (error) {
      if (coming === this.#coming) this.#coming = null
      if (!session || session === this.#session) this.#fail(error)
      throw error
    }
  }

  async stop(): Promise<void> {
    this.#giveUp()
    await this.#session?.stop()
  }

  /**
   * Says something in text, as soon as the session is open: it is started first where it is not. Call it from a
   * user's gesture, as `start`.
   *
   * @throws What `start` and `sendText` of the session throw; nothing was said then.
   */
  async sendText(text: string): Promise<void> {
    await this.start()
    const session = this.#session
    if (session?.state === 'reconnecting') {
      await new Promise<unknown>((resolve) => {
        const unbind = session.on('statechange', (change) => {
          unbind()
          resolve(change)
        })
      })
    }
    session?.sendText(text)
  }

  get action(): ConversationAction {
    return ACTIONS[this.state]
  }

  /** Does `action`. A failure is told as an `error` event and to those who show it, not to the caller. */
  toggle(): void {
    const done = this.action === 'start' ? this.start() : this.stop()
    done.catch(() => {
      // Told as said above.
    })
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
    this.#applyDevices()
    this.#apply()
    this.#changed()
  }

  #applyDevices(): void {
    const session = this.#session
    for (const kind of ['input', 'output'] as const) {
      const id = this.#devices[kind]
      // While the user types, the microphone is not to be taken.
      if (kind === 'input' && this.#mode === 'text') continue
      if (session && id !== null) setDevice(session, kind, id).catch((error) => this.#fail(error))
    }
  }

  #apply(): void {
    const session = this.#session
    if (!session) return
    session.volume = this.#mode === 'text' ? 0 : this.#volume
    if (this.#mode === 'text') session.releaseMicrophone()
    else session.muted = this.#muted
  }

  #bind<K extends VoiceEventName>(session: VoiceSession, name: K): () => void {
    return session.on(name, (payload) => this.#handle(name, payload))
  }

  #handle<K extends VoiceEventName>(name: K, payload: VoiceEventMap[K]): void {
    if (payload instanceof Error) this.#error = payload
    else if (name === 'warning') this.#notice(payload as VoiceWarning)
    else if ('state' in payload && CLEARING.has(payload.state)) this.#error = null
    if (name === 'devicechange') this.#devices.output = (payload as VoiceEventMap['devicechange']).output
    if (name !== 'message') this.#changed()
    this.#options.onevent?.(name, payload)
  }

  /** Without a microphone the conversation goes on in text, and the user is told why. */
  #notice({ code, message, hint }: VoiceWarning): void {
    if (this.#mode === 'text' || this.#muted || !this.#session?.muted) return
    if (!REFUSED.test(code)) return
    this.#mode = 'text'
    this.#error = new VoiceError(code as VoiceErrorCode, message, { hint })
    this.#apply()
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

function setDevice(session: VoiceSession, kind: DeviceKind, id: string): Promise<void> {
  return kind === 'input' ? session.setInputDevice(id || null) : session.setOutputDevice(id)
}
