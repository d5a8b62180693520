import { createNanoEvents } from 'nanoevents'
import { VoiceError } from '../errors.ts'
import type {
  AgentState,
  SessionState,
  TranscriptEntry,
  VoiceEventMap,
  VoiceEventName,
  VoiceWarning,
} from '../events.ts'
import type { Provider, ProviderEvent, WireData } from '../providers/provider.ts'
import type { AudioIO } from './audio-io.ts'
import { Connection } from './connection.ts'
import { EndpointResolver } from './endpoint.ts'
import { TurnClock } from './latency.ts'
import type { SessionStats, VoiceSessionOptions } from './options.ts'
import { Sound } from './sound.ts'
import { type AgentTransition, nextAgentState, nextSessionState, type SessionTransition } from './state.ts'
import { Transcript } from './transcript.ts'

/** What exists only between `start` and `stop`. */
interface Run {
  readonly abort: AbortController
  readonly audio: AudioIO
  readonly connection: Connection
  /** Settled when the agent is ready, or the run failed before. */
  readonly ready: PromiseWithResolvers<void>
  /** What `start` returned. */
  started: Promise<void>
}

/** One conversation between a person and an agent. */
export class VoiceSession {
  readonly provider: Provider
  readonly #options: VoiceSessionOptions
  readonly #emitter = createNanoEvents<{ [K in VoiceEventName]: (payload: VoiceEventMap[K]) => void }>()
  readonly #endpoint: EndpointResolver
  readonly #transcript: Transcript
  #state: SessionState = 'closed'
  #agentState: AgentState = 'idle'
  #run: Run | null = null
  #closing: Promise<void> | null = null
  readonly #sound: Sound
  #resumed = false
  readonly #clock = new TurnClock()

  /** @throws {TypeError} Unless exactly one way to authenticate is given, and a detector where there is ducking. */
  constructor(options: VoiceSessionOptions) {
    if (options.ducking && !options.speechDetector) {
      throw new TypeError('Cannot duck as speechDetector must be given: current value is undefined')
    }
    this.#sound = new Sound(options.halfDuplex)
    this.#endpoint = new EndpointResolver(options, options.provider)
    this.provider = options.provider
    this.#options = options
    this.#transcript = new Transcript(options.now)
  }

  get state(): SessionState {
    return this.#state
  }

  get agentState(): AgentState {
    return this.#agentState
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

  /** Loudness of the agent, 0…1. */
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
    const wire = this.#run?.connection.stats ?? { droppedMs: 0, bytesSent: 0, bytesReceived: 0 }
    return { ...this.#sound.stats, ...wire }
  }

  /** @returns A function that unbinds the listener. */
  on<K extends VoiceEventName>(event: K, listener: (payload: VoiceEventMap[K]) => void): () => void {
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
    if (this.#run) return this.#run.started
    if (this.#closing) {
      await this.#closing
      return this.start(signal ? { signal } : {})
    }
    const run = this.#begin()
    const onabort = (): void => this.#end(run, signal?.reason)
    signal?.addEventListener('abort', onabort, { once: true })
    run.started = this.#open(run).finally(() => signal?.removeEventListener('abort', onabort))
    return run.started
  }

  /** Ends the conversation: microphone off, sockets closed, nothing opens afterwards. Safe at any time. */
  async stop(): Promise<void> {
    if (this.#run) this.#end(this.#run, new DOMException('The session was stopped', 'AbortError'))
    await this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  /**
   * Says something in text. An agent that is speaking is cut off, as it would be by speech.
   *
   * @throws {DOMException} `InvalidStateError`, unless the session is open.
   */
  sendText(text: string): void {
    const { connection } = this.#requireOpen('sendText')
    void this.#cutOff({ bySpeech: false }).then(() => connection.send({ type: 'text', text }))
  }

  /**
   * Makes the agent speak a sentence.
   *
   * @throws {DOMException} `InvalidStateError`, unless the session is open.
   */
  say(text: string): void {
    this.#requireOpen('say').connection.send({ type: 'say', text })
  }

  /** Cuts the agent off; nothing happens where it is silent. */
  interrupt(): void {
    void this.#cutOff({ bySpeech: false })
  }

  #begin(): Run {
    const { provider, reconnect, WebSocket, readyTimeoutMs } = this.#options
    const abort = new AbortController()
    const audio = this.#sound.begin({
      input: 'microphone',
      ...this.#options,
      onchunk: (pcm, muted) => run.connection.sendAudio(pcm, muted),
      ondrain: () => this.#silent(),
      onspeech: (speaking) => this.#emitter.emit('speechchange', { speaking }),
      ondevicechange: () => this.#devicesChanged(),
      onwarning: (warning) => this.#warn(warning),
      onerror: (error) => this.#end(run, error),
    })
    const connection = new Connection({
      provider,
      ...(reconnect && { reconnect }),
      ...(WebSocket && { WebSocket }),
      ...(readyTimeoutMs !== undefined && { readyTimeoutMs }),
      endpoint: (signal) => this.#endpoint.resolve(signal),
      diagnose: () => this.#endpoint.diagnose(),
      context: () => this.#context(),
      onready: () => this.#ready(run),
      onevent: (event) => this.#handle(run, event),
      onwarning: (warning) => this.#warn(warning),
      onmessage: (direction, data) => this.#tell(direction, data),
      onlost: (error) => this.#lost(run, error),
      onend: (error) => this.#end(run, error),
    })
    const ready = Promise.withResolvers<void>()
    const run: Run = { abort, audio, connection, ready, started: ready.promise }
    this.#run = run
    this.#resumed = false
    this.#transition('start')
    return run
  }

  #open(run: Run): Promise<void> {
    const { audio, connection, abort, ready } = run
    // The line is dialled once there is a microphone: a prompt may stay open for long, and lines cost money.
    const opened = audio.open(abort.signal).then(() => abort.signal.aborted || connection.open())
    opened.catch((error: unknown) => this.#end(run, error))
    return ready.promise
  }

  #context(): { history: Transcript['history']; resumed: boolean } {
    const { history } = this.#transcript
    this.#transcript.beginConnection()
    return { history: this.#resumed ? history : [], resumed: this.#resumed }
  }

  #ready(run: Run): void {
    this.#resumed = true
    this.#transition('ready')
    this.#agent('ready')
    run.ready.resolve()
  }

  #lost(run: Run, error: VoiceError): void {
    this.#agent('reset')
    this.#transition('lost')
    this.#warn({ code: error.code, message: error.message, hint: 'The session reconnects by itself' })
    // The rest of an answer that broke off is not worth hearing: the conversation goes on where it was heard.
    // A provider may name the first of its answers over the new line as it did over the old one.
    void run.audio.engine?.speaker?.clear({ late: 'play' })
  }

  /** Ends a run once, for whatever reason, and tells it once: to `start` if that waits, else as `error`. */
  #end(run: Run, reason: unknown): void {
    if (this.#run !== run) return
    const starting = this.#state === 'connecting'
    this.#run = null
    this.#agent('reset')
    this.#transition('stop')
    run.abort.abort(reason)
    run.connection.close()
    this.#closing = run.audio.close().finally(() => {
      this.#closing = null
      this.#transition('closed')
      if (starting) run.ready.reject(reason)
      else if (reason instanceof VoiceError) this.#emitter.emit('error', reason)
    })
  }

  #handle(run: Run, event: ProviderEvent): void {
    const { engine } = run.audio
    switch (event.type) {
      case 'speech-start':
        this.#agent('speech-start')
        if (engine?.speaker?.playing) engine.interrupted()
        void this.#cutOff({ bySpeech: true })
        break
      case 'speech-end':
        this.#clock.speechEnded()
        this.#agent('speech-end')
        break
      case 'thinking':
        this.#agent('thinking')
        break
      case 'audio':
        engine?.speaker?.play(event.itemId, event.data)
        this.#agent('audio')
        break
      case 'audio-end':
        engine?.speaker?.end(event.itemId)
        break
      case 'response-end':
        this.#agent('done')
        break
      case 'transcript':
        this.#changed(this.#transcript.update(event))
        break
      case 'warning':
        this.#warn({ code: event.code, message: event.message, hint: '' })
        break
      case 'error':
        this.#emitter.emit('error', event.error)
        break
    }
  }

  /** Silences the agent and tells the provider what was heard of it. */
  async #cutOff({ bySpeech }: { bySpeech: boolean }): Promise<void> {
    const run = this.#run
    const speaker = run?.audio.engine?.speaker
    if (!run || !speaker || this.#agentState === 'idle') return
    const thinking = this.#agentState === 'thinking'
    if (!speaker.playing && !(thinking && !bySpeech)) return
    const items = await speaker.clear()
    if (this.#run !== run) return
    run.connection.send({ type: 'interrupt', bySpeech, items })
    // The next answer may have begun meanwhile.
    if (!speaker.playing) this.#silent()
    for (const { itemId, heardMs, receivedMs } of items) {
      this.#changed(this.#transcript.interrupt(itemId))
      this.#emitter.emit('interrupt', { entryId: this.#transcript.idOf(itemId), heardMs, receivedMs })
    }
  }

  #silent(): void {
    if (this.#agentState !== 'speaking') return
    this.#agent('silent')
    this.#emitter.emit('turn', this.#clock.finish())
  }

  /** Bytes that go out are the microphone's, which it uses again: who listens is given a copy. */
  #tell(direction: 'in' | 'out', data: WireData): void {
    if (!this.#emitter.events.message?.length) return
    const copied = direction === 'out' && typeof data !== 'string' ? data.slice(0) : data
    this.#emitter.emit('message', { direction, data: copied })
  }

  #devicesChanged(): void {
    const { stats, outputDevice } = this.#sound
    this.#emitter.emit('devicechange', { input: stats.microphone, output: outputDevice })
  }

  #changed(entry: TranscriptEntry | null): void {
    if (entry) this.#emitter.emit('transcript', { entry, entries: this.#transcript.entries })
  }

  #warn(warning: VoiceWarning): void {
    this.#emitter.emit('warning', warning)
  }

  #transition(transition: SessionTransition): void {
    const previous = this.#state
    const state = nextSessionState(previous, transition)
    if (state === null) return
    this.#state = state
    this.#emitter.emit('statechange', { state, previous })
  }

  #agent(transition: AgentTransition): void {
    const previous = this.#agentState
    const state = nextAgentState(previous, transition)
    if (state === null) return
    if (state === 'speaking') this.#clock.answered()
    this.#agentState = state
    this.#emitter.emit('agentstatechange', { state, previous })
  }

  #requireOpen(method: string): Run {
    if (this.#run && this.#state === 'open') return this.#run
    throw new DOMException(
      `Cannot call ${method} as the session must be open: current value is ${this.#state}`,
      'InvalidStateError',
    )
  }
}
