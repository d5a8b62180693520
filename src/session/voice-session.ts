import { createNanoEvents } from 'nanoevents'
import { VoiceError } from '../errors.ts'
import type {
  AgentState,
  SessionState,
  TranscriptEntry,
  Usage,
  UsageTotal,
  VoiceEventMap,
  VoiceEventName,
} from '../events.ts'
import type {
  Capabilities,
  DetailOf,
  OwnCommandOf,
  Provider,
  SessionUpdate,
  UpdateOf,
  WireData,
} from '../providers/provider.ts'
import { emitTo } from '../util/emit.ts'
import { assertAuth } from './auth.ts'
import type { Tool } from './define-tool.ts'
import type { SessionStats, VoiceSessionOptions } from './options.ts'
import { Run } from './run.ts'
import type { SessionEngine } from './session-engine.ts'
import { Sound } from './sound.ts'
import { nextSessionState, type SessionTransition } from './state.ts'
import { stopped } from './stopped.ts'
import { Transcript } from './transcript.ts'

const NOTHING_USED: UsageTotal = {
  inputTokens: 0,
  outputTokens: 0,
  cachedTokens: 0,
  inputAudioTokens: 0,
  outputAudioTokens: 0,
  seconds: 0,
}

/** Tools as the page has them, for a provider that takes any. */
type ToolsOf<P extends Provider> = [UpdateOf<P>['tools']] extends [undefined] ? never : readonly Tool[]

/** One conversation between a person and an agent. */
export class VoiceSession<P extends Provider = Provider> {
  readonly provider: P
  readonly #options: VoiceSessionOptions<P>
  readonly #emitter = createNanoEvents<Record<string, (payload: never) => void>>()
  readonly #transcript: Transcript
  readonly #sound: Sound
  #state: SessionState = 'closed'
  #run: Run | null = null
  #closing: Promise<void> | null = null
  /** Counts what ended a start that waits for the conversation before it to close. */
  #stops = 0
  #usage = NOTHING_USED

  /**
   * @throws {TypeError} Unless exactly one way to authenticate is given, and a detector where there is ducking.
   * @throws {RangeError} If a limit is not a positive number.
   */
  constructor(options: VoiceSessionOptions<P>) {
    if (options.ducking && !options.speechDetector) {
      throw new TypeError('Cannot duck as speechDetector must be given: current value is undefined')
    }
    for (const name of ['idleTimeoutMs', 'maxDurationMs', 'stallTimeoutMs'] as const) {
      const value = options[name]
      if (value === undefined || (value > 0 && value < 2 ** 31)) continue
      throw new RangeError(
        `Cannot create a session as ${name} must be in 1…2147483647: current value is ${value}`,
      )
    }
    this.#sound = new Sound(options.halfDuplex)
    assertAuth(options)
    this.provider = options.provider
    this.#options = options
    this.#transcript = new Transcript(options.now)
    this.#transcript.restore(options.history ?? [])
  }

  get state(): SessionState {
    return this.#state
  }

  get agentState(): AgentState {
    return this.#run?.engine?.agentState ?? 'idle'
  }

  /** The conversation in the order in which it was spoken; a new array at each change. */
  get transcript(): readonly TranscriptEntry[] {
    return this.#transcript.entries
  }

  /**
   * While muted the provider hears silence and the line stays alive. Unmuting takes the microphone again where it
   * was released; if it cannot be had, a `warning` says why and it stays muted.
   */
  get muted(): boolean {
    return this.#sound.muted
  }

  set muted(muted: boolean) {
    this.#sound.muted = muted
  }

  /** Loudness of the agent, 0…1. At 0 it counts as read: what was shown of an answer stays where it is cut off. */
  get volume(): number {
    return this.#sound.volume
  }

  /** @throws {RangeError} Outside 0…1. */
  set volume(volume: number) {
    this.#sound.volume = volume
  }

  /** Whether the microphone hears silence while the agent is to be heard: for devices that echo. */
  get halfDuplex(): boolean {
    return this.#sound.halfDuplex
  }

  set halfDuplex(halfDuplex: boolean) {
    this.#sound.halfDuplex = halfDuplex
  }

  /** Whether the local `speechDetector` hears the user; false without one. */
  get userSpeaking(): boolean {
    return this.#sound.speaking
  }

  /** Loudness of the user now, 0…1. */
  get inputLevel(): number {
    return this.#sound.stats.inputLevel
  }

  /** Loudness of the agent now, 0…1. */
  get outputLevel(): number {
    return this.#sound.stats.outputLevel
  }

  /** What the microphone gives; null while there is none. It is another one after a change of device. */
  get inputStream(): MediaStream | null {
    return this.#sound.inputStream
  }

  /** The agent's voice, to record or to analyse; null while there is none. */
  get outputStream(): MediaStream | null {
    return this.#sound.outputStream
  }

  /**
   * Listens to another microphone, in the middle of a session without a gap to be heard, or from the next start.
   *
   * @param device A `deviceId` of `enumerateDevices`, a stream of your own, or null for the system's own choice.
   * @throws {VoiceError} `microphone-…`; what was listened to before stays on.
   */
  setInputDevice(device: string | MediaStream | null): Promise<void> {
    return this.#sound.setInputDevice(device)
  }

  /**
   * Plays through another device, now or from the next start.
   *
   * @param id A `deviceId` of `enumerateDevices`; empty for the system's own choice.
   * @throws {VoiceError} `output-device-…`; what was played through before stays.
   */
  setOutputDevice(id: string): Promise<void> {
    return this.#sound.setOutputDevice(id)
  }

  /**
   * Mutes and lets go of the microphone, so that its light goes out; `muted = false` takes it again. Before the start
   * it means that nobody is asked for the microphone until then.
   */
  releaseMicrophone(): void {
    this.#sound.releaseMicrophone()
  }

  get stats(): SessionStats {
    const wire = this.#run?.engine?.connection.stats
    return {
      ...this.#sound.stats,
      ...(wire ?? { droppedMs: 0, bytesSent: 0, bytesReceived: 0, connect: null }),
      usage: this.#usage,
    }
  }

  /** @returns A function that unbinds the listener. */
  on<K extends VoiceEventName>(
    event: K,
    listener: (payload: VoiceEventMap<DetailOf<P>>[K]) => void,
  ): () => void {
    return this.#emitter.on(event, listener as never)
  }

  /**
   * Begins the conversation. Call it from a user's gesture, since a browser lets sound begin only there.
   *
   * @param options.signal Gives up a start that is under way, as `stop` does.
   * @returns Resolved when the agent is ready to listen; the same promise while it is running already.
   * @throws {VoiceError} If the microphone, the connection or the provider refuses.
   * @throws {DOMException} `AbortError`, if it is stopped before it is ready; or the signal's own reason.
   */
  async start({ signal }: { signal?: AbortSignal } = {}): Promise<void> {
    signal?.throwIfAborted()
    if (this.#closing) {
      const stops = this.#stops
      await this.#closing
      if (stops !== this.#stops) throw stopped()
      return this.start(signal ? { signal } : {})
    }
    const run = this.#run ?? this.#begin()
    const onabort = (): void => run.end(signal?.reason)
    signal?.addEventListener('abort', onabort, { once: true })
    return run.ready.promise.finally(() => signal?.removeEventListener('abort', onabort))
  }

  /**
   * Ends the conversation: microphone off, last results of speech to text awaited for up to 3 s, sockets closed.
   * Nothing opens afterwards. Safe at any time.
   */
  async stop(): Promise<void> {
    this.#stops++
    this.#run?.end(stopped(), { finish: true })
    await this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  /**
   * Says something in text. An agent that is speaking is cut off, as it would be by speech.
   *
   * @throws {DOMException} `InvalidStateError`, unless the session is open; `NotSupportedError`, if the provider
   *   takes no text.
   */
  sendText(text: string): void {
    this.#require('sendText', 'text').say({ type: 'text', text })
  }

  /**
   * Shows the agent a picture.
   *
   * @param url A `data:` URL of a PNG or JPEG, or an address that the provider can reach.
   * @param options.text What is said about it; default nothing.
   * @throws {DOMException} As `sendText`.
   */
  sendImage(url: string | URL, { text = '' }: { text?: string } = {}): void {
    this.#require('sendImage', 'images').say({ type: 'image', url: String(url), text })
  }

  /**
   * Makes the agent speak a sentence.
   *
   * @throws {DOMException} As `sendText`.
   */
  say(text: string): void {
    this.#require('say', 'say').connection.send({ type: 'say', text })
  }

  /**
   * Says that the user has said all, where the provider does not listen for it or would wait: push to talk.
   *
   * @throws {DOMException} As `sendText`.
   */
  endTurn(): void {
    this.#require('endTurn', 'endTurn').endTurn()
  }

  /** Cuts the agent off; nothing happens where it is silent. */
  interrupt(): void {
    void this.#run?.engine?.cutOff({ bySpeech: false })
  }

  /**
   * Changes instructions, voice, tools and whatever else this provider can change in the middle of a conversation.
   *
   * @returns Resolved when the provider has taken the change over.
   * @throws {VoiceError} `configuration-rejected`, if it refuses; `connection-lost`, if it could not answer.
   * @throws {DOMException} As `sendText`; `AbortError`, if the session is stopped before.
   */
  async update(config: Omit<UpdateOf<P>, 'tools'> & { readonly tools?: ToolsOf<P> }): Promise<void> {
    return this.#require('update', 'update').update(config as Omit<SessionUpdate, 'tools'> & typeof config)
  }

  /**
   * Asks for what this provider has and others have not.
   *
   * @throws {DOMException} `InvalidStateError`, unless the session is open.
   */
  send(command: OwnCommandOf<P>): void {
    this.#require('send').connection.send(command)
  }

  /**
   * Sends a message as it is, in the provider's own protocol; what comes back is told by `message`.
   *
   * @throws {DOMException} `InvalidStateError`, unless the session is open.
   */
  sendRaw(data: WireData): void {
    this.#require('sendRaw').connection.sendRaw(data)
  }

  #emit<K extends VoiceEventName>(event: K, payload: VoiceEventMap[K]): void {
    emitTo(this.#emitter.events[event], payload as never)
  }

  #begin(): Run {
    const run = new Run({
      options: this.#options,
      sound: this.#sound,
      transcript: this.#transcript,
      emit: (event, payload) => this.#emit(event, payload),
      onstate: (transition) => {
        this.#transition(transition)
        if (transition === 'ready') run.ready.resolve()
      },
      onmessage: (direction, data) => this.#tell(direction, data),
      onusage: (usage) => this.#used(usage),
      onend: (reason) => run.end(reason),
      onended: (reason, closed) => this.#ended(run, reason, closed),
    })
    this.#run = run
    this.#transition('start')
    run.open()
    return run
  }

  /** What ended it is told once: to `start` if that waits, else as `error`. */
  #ended({ ready }: Run, reason: unknown, closed: Promise<unknown>): void {
    const starting = this.#state === 'connecting'
    this.#run = null
    this.#transition('stop')
    this.#closing = closed.then(() => {
      this.#closing = null
      this.#transition('closed')
      if (starting) ready.reject(reason)
      else if (reason instanceof VoiceError) this.#emit('error', reason)
    })
  }

  #used(usage: Usage): void {
    const total = Object.fromEntries(
      Object.entries(this.#usage).map(([name, value]) => [name, value + usage[name as keyof UsageTotal]]),
    )
    this.#usage = total as unknown as UsageTotal
    this.#emit('usage', { usage, total: this.#usage })
  }

  /** Bytes that go out are the microphone's, which it uses again: who listens is given a copy. */
  #tell(direction: 'in' | 'out', data: WireData): void {
    if (!this.#emitter.events['message']?.length) return
    const copied = direction === 'out' && typeof data !== 'string' ? data.slice(0) : data
    this.#emit('message', { direction, data: copied })
  }

  #transition(transition: SessionTransition): void {
    const previous = this.#state
    const state = nextSessionState(previous, transition)
    if (state === null) return
    this.#state = state
    this.#emit('statechange', { state, previous })
  }

  #require(method: string, capability?: keyof Capabilities): SessionEngine {
    const { capabilities, name } = this.provider
    if (capability && capabilities?.[capability] === false) {
      throw new DOMException(
        `Cannot call ${method} as the provider must know it: ${name} does not`,
        'NotSupportedError',
      )
    }
    const engine = this.#run?.engine
    if (engine && this.#state === 'open') return engine
    throw new DOMException(
      `Cannot call ${method} as the session must be open: current value is ${this.#state}`,
      'InvalidStateError',
    )
  }
}
