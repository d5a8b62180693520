import { VoiceError } from '../errors.ts'
import type {
  AgentState,
  ToolCallEvent,
  TranscriptEntry,
  Usage,
  VoiceEventMap,
  VoiceEventName,
  VoiceWarning,
} from '../events.ts'
import type {
  AnsweredCall,
  Command,
  ProviderEvent,
  SessionContext,
  SessionUpdate,
  WireData,
} from '../providers/provider.ts'
import type { AudioIO } from './audio-io.ts'
import { Connection } from './connection.ts'
import type { Tool } from './define-tool.ts'
import { EndpointResolver } from './endpoint.ts'
import { IdleGuard } from './idle-guard.ts'
import { TurnClock } from './latency.ts'
import { loadPart } from './load-part.ts'
import type { VoiceSessionOptions } from './options.ts'
import { watchPage } from './page.ts'
import { RollOver } from './roll-over.ts'
import type { Sound } from './sound.ts'
import { type AgentTransition, nextAgentState } from './state.ts'
import { stopped } from './stopped.ts'
import type { ToolRunner } from './tool-runner.ts'
import type { Transcript } from './transcript.ts'
import { TranscriptKeeper } from './transcript-keeper.ts'
import { Updates } from './updates.ts'

export interface SessionEngineOptions {
  readonly options: VoiceSessionOptions
  readonly sound: Sound
  readonly transcript: Transcript
  /** Its engine is there once the line is dialled. */
  readonly audio: AudioIO
  readonly emit: <K extends VoiceEventName>(event: K, payload: VoiceEventMap[K]) => void
  /** The agent is ready, now or again; or the line was lost and is dialled anew. */
  readonly onstate: (transition: 'ready' | 'lost') => void
  /** Something had its price. */
  readonly onusage: (usage: Usage) => void
  /** A message passed; its bytes may be used again. */
  readonly onmessage: (direction: 'in' | 'out', data: WireData) => void
  /** It cannot go on. */
  readonly onend: (reason: unknown) => void
}

/** What is still wanted of a provider that was told to finish. */
const LAST_WORDS: ReadonlySet<string> = new Set(['transcript', 'usage', 'detail', 'warning'])

/** One conversation: who is to be told what of sound, line, tools and text. Loaded when one starts. */
export class SessionEngine {
  readonly connection: Connection
  readonly #options: SessionEngineOptions
  readonly #clock = new TurnClock()
  readonly #guard: IdleGuard
  readonly #rollOver: RollOver
  readonly #updates = new Updates()
  readonly #keeper: TranscriptKeeper | undefined
  #tools: ToolRunner | null = null
  /** Calls that have begun and not ended. */
  readonly #running = new Set<string>()
  #agentState: AgentState = 'idle'
  #userSpeaking = false
  /** Whether the answer at hand calls tools: the turn ends with the next one. */
  #asksTools = false
  #ended = false
  /** Whether a conversation is continued: always but at a first connection. */
  #resumed = false
  /** What is said in text, one after the other. */
  #sending: Promise<unknown> = Promise.resolve()

  constructor(options: SessionEngineOptions) {
    const { options: chosen, transcript, emit, onmessage, onend } = options
    const endpoint = new EndpointResolver(chosen, chosen.provider)
    this.#options = options
    const onwarning = (warning: VoiceWarning): void => emit('warning', warning)
    if (chosen.storage)
      this.#keeper = new TranscriptKeeper({ transcript, storage: chosen.storage, onwarning })
    this.#guard = new IdleGuard({ ...chosen, onend })
    this.connection = new Connection({
      ...chosen,
      endpoint: (signal) => endpoint.resolve(signal),
      diagnose: () => endpoint.diagnose(),
      context: () => this.#context(),
      onready: () => this.#ready(),
      onevent: (event) => this.#handle(event),
      onwarning,
      onmessage,
      onlost: (error) => this.#lost(error),
      onend,
    })
    this.#rollOver = new RollOver({
      quiet: () => this.#agentState === 'listening' && !this.#userSpeaking && !this.#tools?.busy,
      onrenew: () => this.connection.renew(),
    })
  }

  get agentState(): AgentState {
    return this.#agentState
  }

  /** Takes up the tools and dials. @throws {VoiceError} If something that is loaded for it cannot be had. */
  async open(signal: AbortSignal): Promise<void> {
    const { tools, ...options } = this.#options.options
    const [runner] = await Promise.all([tools?.length && this.#runner(), this.#keeper?.load()])
    if (tools && runner) runner.update(tools)
    signal.throwIfAborted()
    const { transcript } = this.#options
    transcript.begin()
    this.#resumed = transcript.history.length > 0
    watchPage({
      ...options,
      sound: this.#options.sound,
      signal,
      onleave: () => this.#options.onend(stopped()),
    })
    this.connection.open()
  }

  /**
   * Ends it: nothing is told any more but the last results.
   *
   * @param options.finish Whether the provider may still give the results that it owes.
   * @returns Resolved when the line is closed.
   */
  async close(reason: unknown, { finish = false } = {}): Promise<void> {
    this.#ended = true
    this.#agent('reset')
    this.#guard.close()
    this.#rollOver.cancel()
    this.#tools?.cancelAll()
    this.#updates.abandon(reason)
    if (finish) await this.connection.finish()
    else this.connection.close()
    this.#complete()
  }

  /** The first sample of an answer was heard. */
  sounded(): void {
    this.#clock.sounded()
  }

  /** The last sample of an answer was heard, or the rest was dropped. */
  silent(): void {
    if (this.#agentState !== 'speaking') return
    this.#agent('silent')
    this.#options.emit('turn', this.#clock.finish())
  }

  /** The local detector noticed that the user began or ceased to speak. */
  detected(speaking: boolean): void {
    this.#guard.set('detector', speaking)
    this.#options.emit('speechchange', { speaking })
  }

  /** Sends what the user says in text or pictures; an agent that is speaking is cut off, as it would be by speech. */
  say(command: Extract<Command, { type: 'text' | 'image' }>): void {
    this.#guard.touch()
    this.#sending = this.#sending.then(async () => {
      await this.cutOff({ bySpeech: false })
      if (this.connection.send(command)) this.#asked()
    })
  }

  endTurn(): void {
    this.#guard.touch()
    if (this.connection.send({ type: 'end-turn' })) this.#userStopped()
  }

  /** @returns Resolved when the provider has taken it over. @throws {VoiceError} If it refuses, or the line is lost. */
  async update({
    tools,
    ...config
  }: Omit<SessionUpdate, 'tools'> & { tools?: readonly Tool[] }): Promise<void> {
    const runner = tools ? await this.#runner() : null
    // All may have changed while that was loaded.
    if (this.#ended) throw stopped()
    if (!this.connection.ready) throw new VoiceError('connection-lost', 'The line was lost before the update')
    const before = runner?.tools ?? []
    if (tools) runner?.update(tools)
    const declared = runner && { tools: runner.declarations }
    const { id, promise } = this.#updates.begin()
    try {
      if (!this.connection.send({ type: 'update', id, config: { ...config, ...declared } }))
        this.#updates.settle(id)
      await promise
    } catch (error) {
      this.#updates.settle(id)
      // What was in force stays, for the calls and for the next connection.
      if (runner?.tools === tools) runner?.update(before)
      throw error
    }
  }

  /** Silences the agent and tells the provider what was heard of it. */
  async cutOff({ bySpeech }: { bySpeech: boolean }): Promise<void> {
    // An agent that writes has none.
    const speaker = this.#options.audio.engine?.speaker
    const thinking = this.#agentState === 'thinking'
    if (!speaker?.playing && !(thinking && !bySpeech)) return
    const read = speaker?.volume === 0 // and not heard
    const cut = (await speaker?.clear()) ?? []
    if (this.#ended) return
    const { transcript, emit } = this.#options
    const items = read ? transcript.unread(cut) : cut
    this.connection.send({ type: 'interrupt', bySpeech, items })
    // The next answer may have begun meanwhile.
    if (!speaker?.playing) this.silent()
    for (const item of items) {
      this.#changed(transcript.interrupt(item))
      const { itemId, heardMs, receivedMs } = item
      emit('interrupt', { entryId: transcript.idOf(itemId), heardMs, receivedMs })
    }
  }

  #context(): SessionContext {
    const { transcript } = this.#options
    const { history } = transcript
    transcript.beginConnection()
    return {
      history: this.#resumed ? history : [],
      resumed: this.#resumed,
      tools: this.#tools?.declarations ?? [],
    }
  }

  #ready(): void {
    this.#resumed = true
    this.#options.transcript.begun()
    this.#options.onstate('ready')
    if (this.#ended) return
    this.#agent('ready')
    this.#guard.begin()
  }

  #lost(error: VoiceError | null): void {
    this.#userSpeaking = false
    this.#rollOver.cancel()
    this.#guard.set('user', false)
    this.#agent('reset')
    this.#options.onstate('lost')
    this.#tools?.cancelAll()
    this.#complete()
    this.#updates.abandon(error ?? new VoiceError('connection-lost', 'The connection was renewed'))
    // The rest of an answer that broke off is not worth hearing: the conversation goes on where it was heard.
    // A provider may name the first of its answers over the new line as it did over the old one.
    void this.#options.audio.engine?.speaker?.clear({ late: 'play' })
    if (!error) return
    const { code, message } = error
    this.#options.emit('warning', { code, message, hint: 'The session reconnects by itself' })
  }

  #handle(event: ProviderEvent): void {
    if (this.#ended && !LAST_WORDS.has(event.type)) return
    const { emit, transcript, onusage } = this.#options
    const speaker = this.#options.audio.engine?.speaker
    switch (event.type) {
      case 'speech-start':
        this.#userStarted()
        break
      case 'speech-end':
        this.#userStopped()
        break
      case 'thinking':
        this.#agent('thinking')
        break
      case 'audio':
        this.#clock.answered()
        speaker?.play(event.itemId, event.data)
        // It plays nothing that comes late for what was cut off.
        if (speaker?.playing) this.#agent('audio')
        break
      case 'audio-end':
        speaker?.end(event.itemId)
        break
      case 'response-end':
        if (this.#agentState === 'thinking' && !this.#asksTools) emit('turn', this.#clock.finish())
        this.#asksTools = false
        this.#agent('done')
        break
      case 'transcript':
        if (event.role === 'assistant') this.#clock.answered()
        else this.#guard.touch()
        this.#changed(transcript.update(event))
        break
      case 'tool-call':
        this.#asksTools = true
        void this.#call(event)
        break
      case 'tool-cancel':
        this.#tools?.cancel(event.callIds)
        break
      case 'updated':
        this.#updates.settle(event.id)
        break
      case 'update-rejected':
        this.#updates.settle(event.id, event.error)
        break
      case 'usage':
        onusage(event.usage)
        break
      case 'latency':
        this.#clock.told(event.latency)
        break
      case 'expiring':
        this.#rollOver.expiring(event.inMs)
        break
      case 'detail':
        emit('detail', event.detail)
        break
      case 'warning':
        emit('warning', { code: event.code, message: event.message, hint: '' })
        break
      case 'error':
        emit('error', event.error)
        break
    }
  }

  #userStarted(): void {
    this.#userSpeaking = true
    this.#guard.set('user', true)
    this.#agent('speech-start')
    const { engine } = this.#options.audio
    if (engine?.speaker?.playing) engine.interrupted()
    void this.cutOff({ bySpeech: true })
  }

  #userStopped(): void {
    this.#userSpeaking = false
    this.#guard.set('user', false)
    this.#asked()
  }

  /** It is the agent's turn now, if there is one. */
  #asked(): void {
    const { speech, text } = this.#options.options.provider.capabilities ?? { speech: true, text: true }
    if (!speech && !text) return
    this.#asksTools = false
    this.#clock.asked()
    this.#agent('speech-end')
  }

  /** Loaded at its first use. */
  async #runner(): Promise<ToolRunner> {
    const { ToolRunner } = await loadPart('tool runner', import('./tool-runner.ts'))
    this.#tools ??= new ToolRunner({
      tools: [],
      onresult: (call) => this.#answered(call),
      ontoolcall: (event) => this.#called(event),
      onwarning: (warning) => this.#options.emit('warning', warning),
    })
    return this.#tools
  }

  /** A provider may know of tools that the page does not: they are answered too. */
  async #call(call: { callId: string; name: string; arguments: string }): Promise<void> {
    const runner = this.#tools ?? (await this.#runner())
    if (!this.#ended) runner.run(call)
  }

  #answered(call: AnsweredCall): void {
    const { callId, name, output } = call
    this.#options.transcript.answered(call)
    this.#keeper?.changed()
    this.connection.send({ type: 'tool-result', callId, name, output })
  }

  #called(event: ToolCallEvent): void {
    const { callId, status } = event
    if (status === 'running') this.#running.add(callId)
    else this.#running.delete(callId)
    this.#guard.set('tools', this.#running.size > 0)
    this.#options.emit('toolcall', event)
    this.#rollOver.check()
  }

  /** Nothing more is said of what was being said. */
  #complete(): void {
    for (const entry of this.#options.transcript.endConnection()) this.#changed(entry)
  }

  #changed(entry: TranscriptEntry | null): void {
    if (!entry) return
    if (entry.final) this.#keeper?.changed()
    this.#options.emit('transcript', { entry, entries: this.#options.transcript.entries })
  }

  #agent(transition: AgentTransition): void {
    const previous = this.#agentState
    const state = nextAgentState(previous, transition)
    if (state === null) return
    this.#agentState = state
    this.#guard.set('agent', state === 'speaking')
    // A line that is lost and found again says nothing of the user.
    if (transition !== 'reset' && transition !== 'ready') this.#guard.touch()
    this.#options.emit('agentstatechange', { state, previous })
    this.#rollOver.check()
  }
}
