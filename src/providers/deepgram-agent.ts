import type { AudioFormat } from '../audio/audio-format.ts'
import { type JsonObject, parseObject, stringField } from '../util/json.ts'
import { AgentCalls } from './deepgram-agent-calls.ts'
import type {
  DeepgramAgentDetail,
  DeepgramAgentOptions,
  DeepgramAgentOwnCommand,
  DeepgramAgentUpdate,
} from './deepgram-agent-options.ts'
import { type Agent, formatOf, isFlux, listenOf, settingsOf } from './deepgram-agent-settings.ts'
import { AgentTurns } from './deepgram-agent-turns.ts'
import { AgentUpdates } from './deepgram-agent-updates.ts'
import { deepgramOrigin, deepgramProtocols } from './deepgram-auth.ts'
import { deepgramError, deepgramWarning, UNREADABLE } from './deepgram-messages.ts'
import type {
  Capabilities,
  Command,
  Credential,
  Endpoint,
  Provider,
  ProviderEvent,
  SessionContext,
  WireData,
} from './provider.ts'

/** What the session asks of Deepgram's agent. */
export type DeepgramAgentCommand =
  | Exclude<Command, { type: 'update' }>
  | { readonly type: 'update'; readonly id: number; readonly config: DeepgramAgentUpdate }
  | DeepgramAgentOwnCommand

type AgentEvent = ProviderEvent<DeepgramAgentDetail>

/** Deepgram ends a session after some ten seconds without audio or this message; half of that is safe. */
const KEEP_ALIVE = { intervalMs: 5000, data: '{"type":"KeepAlive"}' } as const

/** How long before the end of a session Deepgram warns of it, in ms. */
const WARNED_MS = 300_000

/**
 * The Deepgram Voice Agent API.
 *
 * @see https://developers.deepgram.com/docs/voice-agent
 */
export class DeepgramAgent implements Provider {
  readonly name = 'deepgram-agent'
  readonly inputFormat: AudioFormat
  readonly outputFormat: AudioFormat
  readonly keepAlive = KEEP_ALIVE
  readonly #options: Agent
  /** What is in force in this conversation. */
  #agent: Agent
  readonly #calls = new AgentCalls()
  readonly #updates = new AgentUpdates()
  #context: SessionContext = { history: [], resumed: false }
  #state: 'opened' | 'set' | 'ready' = 'opened'
  #turns = new AgentTurns()

  /** @throws {TypeError} If there is an `agentId` and something that the agent of that id has itself. */
  constructor(options: DeepgramAgentOptions = {}) {
    const { agentId, inputEncoding, inputSampleRate, outputEncoding, outputSampleRate } = options
    for (const part of ['instructions', 'think', 'speak', 'listen', 'greeting'] as const) {
      if (agentId === undefined || options[part] === undefined) continue
      throw new TypeError(
        `Cannot use agentId as ${part} must be that of the agent: current value is ${options[part]}`,
      )
    }
    this.#options = this.#agent = options as Agent
    this.inputFormat = formatOf(inputEncoding, inputSampleRate, 16_000)
    this.outputFormat = formatOf(outputEncoding, outputSampleRate, 24_000)
  }

  get capabilities(): Capabilities {
    const { agentId } = this.#agent
    return {
      speech: true,
      text: true,
      images: false,
      say: true,
      tools: true,
      update: true,
      endTurn: isFlux(listenOf(this.#agent)),
      history: agentId === undefined,
      words: false,
    }
  }

  endpoint(credential: Credential | null): Endpoint {
    const { url, region } = this.#options
    const origin = region ? deepgramOrigin(region) : 'wss://agent.deepgram.com'
    return { url: url ?? `${origin}/v1/agent/converse`, protocols: deepgramProtocols(credential) }
  }

  open(context: SessionContext): Iterable<AgentEvent> {
    const { resumed, tools } = context
    this.#context = context
    this.#agent = { ...(resumed ? this.#agent : this.#options), ...(tools && { tools }) }
    this.#calls.forget()
    this.#updates.forget()
    this.#state = 'opened'
    this.#turns = new AgentTurns()
    return []
  }

  *decode(data: string | ArrayBuffer): Iterable<AgentEvent> {
    if (typeof data !== 'string') {
      yield* this.#turns.audio(data)
      return
    }
    const event = parseObject(data)
    if (event) yield* this.#message(event, stringField(event, 'type'))
    else yield UNREADABLE
  }

  *encode(command: DeepgramAgentCommand): Iterable<WireData> {
    switch (command.type) {
      case 'text':
        yield JSON.stringify({ type: 'InjectUserMessage', content: command.text })
        break
      case 'say':
        yield this.#inject({ message: command.text, behavior: 'queue' })
        break
      case 'inject-agent':
        yield this.#inject(command)
        break
      case 'end-turn':
        if (this.capabilities.endTurn) yield '{"type":"ForceEndTurn"}'
        break
      case 'update':
        yield* this.#update(command)
        break
      case 'tool-result':
        yield* this.#calls.answer(command)
        break
      case 'custom-to-think':
        yield JSON.stringify({ type: '__customToThinkProvider', content: command.content })
        break
      case 'interrupt':
        // Deepgram has no word for it: it hears the user itself, and a button of the page only stops playback.
        if (!command.bySpeech) this.#turns.cutOff()
        break
    }
  }

  encodeAudio(samples: Int16Array<ArrayBuffer> | Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
    return new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength)
  }

  *#message(event: JsonObject, type: string): Iterable<AgentEvent> {
    switch (type) {
      case 'Welcome':
        yield* this.#greeted()
        break
      case 'SettingsApplied':
        if (this.#state === 'set') yield { type: 'ready' }
        this.#state = 'ready'
        break
      case 'UserStartedSpeaking':
        yield* this.#turns.speechStart()
        break
      case 'ConversationText':
        yield* this.#turns.text(event)
        yield* languages(event)
        break
      case 'AgentThinking':
        this.#turns.next()
        yield { type: 'thinking' }
        yield detail({ name: 'thinking', content: stringField(event, 'content') })
        break
      case 'AgentStartedSpeaking':
        this.#turns.next()
        yield* latency(event)
        break
      case 'LatencyReport':
        yield* latency(event)
        break
      case 'AgentAudioDone':
        yield* this.#turns.done()
        break
      case 'FunctionCallRequest':
        yield* this.#calls.request(event)
        break
      case 'FunctionCallCancelled':
        yield { type: 'tool-cancel', callIds: this.#calls.cancel(event) }
        break
      case 'FunctionCallResponse':
        yield detail({
          name: 'server-call-answered',
          callId: stringField(event, 'id'),
          tool: stringField(event, 'name'),
          output: stringField(event, 'content'),
        })
        break
      case 'ThinkUpdated':
      case 'SpeakUpdated':
      case 'ListenUpdated':
      case 'PromptUpdated': {
        const id = this.#updates.acknowledge(type)
        if (id !== null) yield { type: 'updated', id }
        break
      }
      case 'InjectionRefused': {
        const message = stringField(event, 'message')
        yield { type: 'warning', code: 'injection-refused', message }
        yield detail({ name: 'injection-refused', message })
        break
      }
      case 'History': {
        const { type: _, ...message } = event
        yield detail({ name: 'history', message })
        break
      }
      case '__customFromThinkProvider':
        yield detail({ name: 'custom-from-think', content: event['content'] })
        break
      case 'Warning':
        // A new connection in time is all that there is to do about it.
        if (event['code'] === 'MAXIMUM_SESSION_LENGTH_APPROACHING')
          yield { type: 'expiring', inMs: WARNED_MS }
        else yield deepgramWarning(event)
        break
      case 'Error':
        yield deepgramError(event)
        break
    }
  }

  /** A second `Settings` would end the session. */
  *#greeted(): Iterable<AgentEvent> {
    if (this.#state !== 'opened') return
    this.#state = 'set'
    const formats = { input: this.inputFormat, output: this.outputFormat }
    const settings = settingsOf(this.#agent, formats, this.#context, this.#calls.signatures)
    yield { type: 'reply', data: JSON.stringify(settings) }
  }

  #inject({ message, behavior }: { readonly message: string; readonly behavior?: string }): string {
    this.#turns.next()
    return JSON.stringify({ type: 'InjectAgentMessage', message, ...(behavior && { behavior }) })
  }

  /** @throws {TypeError} If what thinks is to change in part, and is not known as it is kept at Deepgram. */
  *#update({ id, config }: Extract<DeepgramAgentCommand, { type: 'update' }>): Iterable<WireData> {
    const { agentId, think } = this.#agent
    const partial = config.instructions ?? config.tools
    if (agentId !== undefined && partial !== undefined && (config.think ?? think) === undefined) {
      throw new TypeError(
        'Cannot update as think must be given with instructions and tools where there is an agentId: current value is undefined',
      )
    }
    const { agent, messages } = this.#updates.begin(this.#agent, id, config)
    this.#agent = agent
    for (const message of messages) yield JSON.stringify(message)
  }
}

function detail(detail: DeepgramAgentDetail): AgentEvent {
  return { type: 'detail', detail }
}

/** Each stage of ours, and the fields that tell it, in seconds; the first that is there counts. */
const STAGES = [
  ['speechToTextMs', 'stt_latency'],
  ['thinkMs', 'ttt_text_latency', 'ttt_token_latency', 'ttt_latency'],
  ['textToSpeechMs', 'tts_latency'],
  ['totalMs', 'total_latency'],
] as const

function* latency(event: JsonObject): Iterable<AgentEvent> {
  const told = STAGES.flatMap(([stage, ...fields]) => {
    const seconds = fields.map((field) => event[field]).find((value) => typeof value === 'number')
    return seconds === undefined ? [] : [[stage, seconds * 1000] as const]
  })
  if (told.length > 0) yield { type: 'latency', latency: Object.fromEntries(told) }
}

/** With `flux-general-multi`, what the user spoke. */
function* languages(event: JsonObject): Iterable<AgentEvent> {
  const { languages, languages_hinted: languagesHinted } = event
  if (!Array.isArray(languages) && !Array.isArray(languagesHinted)) return
  yield detail({
    name: 'languages',
    languages: strings(languages),
    languagesHinted: strings(languagesHinted),
  })
}

function strings(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : []
}
