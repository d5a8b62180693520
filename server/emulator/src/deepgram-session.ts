import { randomUUID } from 'node:crypto'
import type { EmulatorConnection } from './connection.ts'
import { DeepgramInput } from './deepgram-input.ts'
import { agentSettings, clientMessage, sayIssue, settings as settingsSchema } from './deepgram-schema.ts'
import {
  type AgentConfig,
  type AgentMind,
  readListen,
  readSettings,
  readSpeak,
  readThink,
  UnsupportedSettings,
} from './deepgram-settings.ts'
import { DeepgramTurn, type TurnRequest } from './deepgram-turn.ts'
import type { UserSpeech } from './options.ts'
import { Patience } from './patience.ts'
import type { PastCall, Utterance } from './reply.ts'
import { isObject, type JsonObject } from './schema.ts'
import type { Services, Transcripts } from './services.ts'

/** An error that ends the session, as every error of Deepgram does. */
class FatalError extends Error {
  readonly code: string
  readonly close: number

  constructor(code: string, description: string, close: number = 1008) {
    super(description)
    this.code = code
    this.close = close
  }
}

/** Beyond this many characters a managed prompt is too long. */
const MAX_PROMPT = 25_000

/** One session of the Deepgram Voice Agent API, from `Welcome` to the close. */
export class DeepgramSession {
  readonly #connection: EmulatorConnection
  readonly #services: Services
  readonly #transcripts: Transcripts
  readonly #timers: NodeJS.Timeout[] = []
  readonly #history: Utterance[] = []
  readonly #pastCalls: PastCall[] = []
  readonly #silence = new Patience(() => {
    const description = 'No audio and no KeepAlive was received in time'
    this.#fail(new FatalError('CLIENT_MESSAGE_TIMEOUT', description, 1011))
  })
  #config: AgentConfig | null = null
  #input: DeepgramInput | null = null
  #turn: DeepgramTurn | null = null
  #queue: string[] = []
  readonly #issuedCalls = new Set<string>()
  #turns = 0
  #pending = Promise.resolve()

  constructor(connection: EmulatorConnection, services: Services) {
    this.#connection = connection
    this.#services = services
    this.#transcripts = services.transcripts()
    const { deepgramSessionMs, deepgramWarningMs } = services.timeouts
    this.#timers.push(
      setTimeout(
        () => this.#warn('MAXIMUM_SESSION_LENGTH_APPROACHING', 'The session ends soon'),
        deepgramWarningMs,
      ),
      setTimeout(() => this.#endAtMaximum(), deepgramSessionMs),
    )
    this.#send('Welcome', { request_id: randomUUID() })
    this.#watchSilence()
  }

  /** Takes one text message. */
  onText(text: string): void {
    const data = this.#connection.noteReceived(text)
    this.#guard(() => this.#handle(data))
  }

  /** Takes one binary message: the user's sound. */
  onBinary(bytes: Uint8Array): void {
    this.#guard(() => this.#hear(bytes))
  }

  /** Frees everything; the connection is gone. */
  onClose(): void {
    for (const timer of this.#timers) clearTimeout(timer)
    this.#silence.end()
    this.#turn?.stop()
  }

  /** Ends the session as a server does that shuts down. */
  goAway(): void {
    this.#fail(new FatalError('SERVER_GOING_AWAY', 'The server is shutting down', 1001))
  }

  #guard(work: () => void): void {
    if (!this.#connection.open) return
    try {
      work()
    } catch (error) {
      if (!(error instanceof FatalError)) throw error
      this.#fail(error)
    }
  }

  #fail({ code, message, close }: FatalError): void {
    this.#turn?.stop()
    this.#send('Error', { description: message, code })
    this.#connection.close(close, code)
  }

  #endAtMaximum(): void {
    this.#fail(
      new FatalError('MAXIMUM_SESSION_LENGTH_REACHED', 'The session reached its maximum length', 1000),
    )
  }

  #handle(data: unknown): void {
    if (!isObject(data) || typeof data['type'] !== 'string') {
      throw new FatalError('UNPARSABLE_CLIENT_MESSAGE', 'The message must be a JSON object with a type')
    }
    if (this.#config === null && data['type'] !== 'Settings') {
      const description = `The first message must be Settings: current value is ${data['type'].slice(0, 64)}`
      throw new FatalError('NON_SETTINGS_MESSAGE_BEFORE_SETTINGS', description)
    }
    if (data['type'] === 'Settings') {
      this.#applySettings(data)
      return
    }
    const wrong = clientMessage(data, '')
    if (wrong) {
      const code =
        wrong.path.startsWith('listen') || wrong.path.startsWith('think') || wrong.path.startsWith('speak')
      throw new FatalError(code ? 'INVALID_SETTINGS' : 'UNPARSABLE_CLIENT_MESSAGE', sayIssue(wrong))
    }
    this.#dispatch(data, this.#config!)
  }

  #dispatch(message: JsonObject, config: AgentConfig): void {
    switch (message['type']) {
      case 'KeepAlive':
        this.#watchSilence()
        return
      case 'UpdateListen':
        this.#update({ listen: readListen(message['listen']) }, 'ListenUpdated')
        return
      case 'UpdateThink':
        this.#update({ minds: readThink(message['think']) }, 'ThinkUpdated')
        return
      case 'UpdateSpeak':
        this.#update({ voices: readSpeak(message['speak']) }, 'SpeakUpdated')
        return
      case 'UpdatePrompt':
        this.#update({ minds: withPrompt(config.minds, String(message['prompt'])) }, 'PromptUpdated')
        return
      case 'InjectUserMessage':
        this.#injectUser(String(message['content']))
        return
      case 'InjectAgentMessage':
        this.#injectAgent(String(message['message']), String(message['behavior'] ?? 'default'))
        return
      case 'FunctionCallResponse':
        this.#takeFunctionResponse(message)
        return
      case 'ForceEndTurn':
        this.#forceEndTurn(config)
        return
      case '__customToThinkProvider':
        return
    }
  }

  #applySettings(message: JsonObject): void {
    if (this.#config) throw new FatalError('SETTINGS_ALREADY_APPLIED', 'Settings were applied before')
    const wrong = settingsSchema(message, '')
    if (wrong) throw new FatalError('INVALID_SETTINGS', sayIssue(wrong))
    this.#config = this.#readSettings(message)
    this.#input = new DeepgramInput(this.#config.input)
    this.#history.push(...this.#config.context.history)
    this.#pastCalls.push(...this.#config.context.calls)
    this.#send('SettingsApplied', {})
    this.#checkPrompt()
    this.#watchSilence()
    if (this.#config.greeting !== '') this.#begin({ type: 'say', text: this.#config.greeting })
  }

  #readSettings(message: JsonObject): AgentConfig {
    try {
      return readSettings(message, this.#agentOf(message['agent']))
    } catch (error) {
      if (error instanceof UnsupportedSettings) throw new FatalError(error.code, error.message)
      throw error
    }
  }

  /** The agent itself, or the stored one that a UUID stands for. */
  #agentOf(agent: unknown): JsonObject {
    if (isObject(agent)) return agent
    const stored = this.#services.agents[String(agent)]
    if (stored === undefined) throw new FatalError('INVALID_AGENT_ID', 'No agent has this id')
    const wrong = agentSettings(stored, 'agent')
    if (wrong) throw new FatalError('INVALID_AGENT_ID', sayIssue(wrong))
    return stored as JsonObject
  }

  #update(change: Partial<AgentConfig>, acknowledgement: string): void {
    this.#config = { ...this.#config!, ...change }
    this.#send(acknowledgement, {})
    if (change.minds) this.#checkPrompt()
  }

  #checkPrompt(): void {
    if (this.#config!.minds.every(({ prompt }) => prompt.length <= MAX_PROMPT)) return
    this.#warn('PROMPT_TOO_LONG', `The prompt must be at most ${MAX_PROMPT} characters`)
  }

  #hear(bytes: Uint8Array): void {
    const config = this.#config
    if (!config || !this.#input) {
      throw new FatalError('NON_SETTINGS_MESSAGE_BEFORE_SETTINGS', 'Audio was received before Settings')
    }
    if (bytes.length === 0) {
      // An empty message is how a listen stream is ended: the agent is deaf from here on.
      throw new FatalError('ASR_CONNECTION_CLOSED', 'An empty audio message ended the audio stream', 1011)
    }
    this.#watchSilence()
    this.#connection.noteAudio(bytes, config.input)
    for (const event of this.#input.push(bytes)) {
      if (event.type === 'start') this.#userStarted()
      else if (event.type === 'stop') this.#userStopped(this.#input.takeSpeech(event.at))
    }
  }

  #userStarted(): void {
    this.#send('UserStartedSpeaking', {})
    this.#interrupt()
  }

  #userStopped(speech: UserSpeech): void {
    const { text, transcribed } = this.#transcripts.of(speech)
    // Utterances are answered in their order, however long each takes to be understood.
    this.#pending = this.#pending.then(async () => {
      const content = await text.catch(() => '')
      if (this.#connection.open) this.#userSaid(content, { speechMs: speech.ms, transcribed })
    })
  }

  #userSaid(text: string, how: { speechMs: number | null; transcribed: boolean }): void {
    this.#tell('user', text)
    if (this.#input?.speaking) return
    this.#interrupt()
    this.#begin({ type: 'answer', text, ...how })
  }

  #forceEndTurn({ listen }: AgentConfig): void {
    if (!listen.flux) {
      this.#warn('FORCE_END_TURN_UNSUPPORTED', 'Only Flux can be told that a turn is over')
      return
    }
    if (this.#input?.speaking) this.#userStopped(this.#input.takeSpeech())
  }

  #injectUser(content: string): void {
    if (this.#input?.speaking) {
      this.#refuse('the user is speaking')
      return
    }
    this.#userSaid(content, { speechMs: null, transcribed: true })
  }

  #injectAgent(text: string, behavior: string): void {
    const busy = this.#input?.speaking ? 'the user is speaking' : this.#turn ? 'the agent is speaking' : null
    if (behavior === 'interrupt') this.#interrupt()
    else if (busy && behavior === 'queue') return void this.#queue.push(text)
    else if (busy) {
      this.#refuse(busy)
      return
    }
    this.#begin({ type: 'say', text })
  }

  #refuse(why: string): void {
    const who = why.includes('user') ? 'USER' : 'AGENT'
    this.#send('InjectionRefused', { message: `The message was not injected as ${why}` })
    this.#warn(`INJECT_AGENT_MESSAGE_DURING_${who}_SPEECH`, `An injection was refused as ${why}`)
  }

  #takeFunctionResponse(message: JsonObject): void {
    const id = typeof message['id'] === 'string' ? message['id'] : null
    const taken = this.#turn?.takeResponse(message) ?? false
    // The answer to a call that was withdrawn comes late through no fault of the client's, and is dropped.
    if (taken || (id !== null && this.#issuedCalls.has(id))) return
    this.#warn('FUNCTION_CALL_FAILED', 'The response answers no function call')
  }

  /** Cuts off what the agent is saying or working on. */
  #interrupt(): void {
    this.#turn?.interrupt()
    this.#turn = null
    this.#queue = []
  }

  #begin(request: TurnRequest): void {
    const turn = new DeepgramTurn(
      {
        connection: this.#connection,
        config: () => this.#config!,
        services: this.#services,
        turn: this.#turns++,
        history: () => this.#history,
        pastCalls: this.#pastCalls,
        issuedCalls: this.#issuedCalls,
        send: (type, fields) => this.#send(type, fields),
        tell: (role, text) => this.#tell(role, text),
        warn: (code, description) => this.#warn(code, description),
        fail: (code, description) => this.#fail(new FatalError(code, description, 1011)),
      },
      request,
    )
    this.#turn = turn
    void turn.run().then(() => this.#finished(turn))
  }

  #finished(turn: DeepgramTurn): void {
    if (this.#turn !== turn) return
    this.#turn = null
    const next = this.#queue.shift()
    if (next !== undefined && this.#connection.open) this.#begin({ type: 'say', text: next })
  }

  /** Says in text what was said, and in the history too unless it is not wanted. */
  #tell(role: 'user' | 'assistant', content: string): void {
    this.#history.push({ role, text: content })
    const hints = role === 'user' ? (this.#config?.listen.hints ?? null) : null
    const languages = hints && { languages: ['en'], languages_hinted: hints }
    this.#send('ConversationText', { role, content, ...languages })
    if (this.#config?.history) this.#send('History', { role, content })
  }

  #watchSilence(): void {
    this.#silence.wait(this.#services.timeouts.deepgramSilenceMs)
  }

  #warn(code: string, description: string): void {
    this.#send('Warning', { code, description })
  }

  #send(type: string, fields: JsonObject): void {
    this.#connection.send({ type, ...fields })
  }
}

/** `UpdatePrompt` adds to whatever prompts there are. */
function withPrompt(minds: readonly AgentMind[], added: string): AgentMind[] {
  return minds.map((mind) => ({ ...mind, prompt: `${mind.prompt}\n${added}`.trim() }))
}
