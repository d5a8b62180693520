import type { AudioFormat } from '../audio/audio-format.ts'
import { VoiceError, type VoiceErrorCode } from '../errors.ts'
import { isObject, type JsonObject, parseObject, stringField } from '../util/json.ts'
import type {
  Command,
  Credential,
  Endpoint,
  Provider,
  ProviderEvent,
  SessionContext,
  WireData,
} from './provider.ts'
import { relayError } from './relay-errors.ts'

export interface DeepgramAgentOptions {
  /** The language model: a model of OpenAI by name, or a whole `think` block. Default `gpt-4o-mini`. */
  think?: string | JsonObject
  /** The agent's voice: a model of Deepgram by name, or a whole `speak` block. Default `aura-2-thalia-en`. */
  speak?: string | JsonObject
  /** What hears the user: a model of Deepgram by name, or a whole `listen` block. Default `nova-3`. */
  listen?: string | JsonObject
  /** What the agent is and how it behaves. */
  instructions?: string
  /** What the agent says first; without it the agent waits to be spoken to. */
  greeting?: string
  /** Rate of the microphone on the wire, in Hz; default 16 000. */
  inputSampleRate?: number
  /** Rate of the agent's voice, in Hz: 8000, 16 000, 24 000, 32 000 or 48 000; default 24 000. */
  outputSampleRate?: 8000 | 16_000 | 24_000 | 32_000 | 48_000
  /** Further top-level fields of `Settings`, such as `tags` or `mip_opt_out`. */
  settings?: JsonObject
  /** Where a direct connection goes; default `wss://agent.deepgram.com/v1/agent/converse`. */
  url?: string
}

/** Deepgram ends a session after some ten seconds without audio or this message; half of that is safe. */
const KEEP_ALIVE = { intervalMs: 5000, data: '{"type":"KeepAlive"}' } as const

/** Failures of Deepgram's own after which a new connection can go on with the conversation. */
const RETRYABLE = new Set([
  'INTERNAL_SERVER_ERROR',
  'FAILED_TO_START_LISTENING',
  'ASR_CONNECTION_CLOSED',
  'ASR_DRIVER_TIMEOUT',
  'SERVER_GOING_AWAY',
  'CLIENT_MESSAGE_TIMEOUT',
  'MAXIMUM_SESSION_LENGTH_REACHED',
])

const CODES: Readonly<Record<string, VoiceErrorCode>> = {
  INVALID_SETTINGS: 'configuration-rejected',
  AGENT_ID_NOT_SUPPORTED: 'configuration-rejected',
  INVALID_AGENT_ID: 'configuration-rejected',
  USER_AUDIO_FORMAT: 'configuration-rejected',
  MAXIMUM_SESSION_LENGTH_REACHED: 'session-expired',
  UNPARSABLE_CLIENT_MESSAGE: 'protocol-error',
  NON_SETTINGS_MESSAGE_BEFORE_SETTINGS: 'protocol-error',
  SETTINGS_ALREADY_APPLIED: 'protocol-error',
}

/**
 * The Deepgram Voice Agent API. Deepgram names neither turns nor items, so this adapter counts the agent's
 * turns and names them itself; the session keeps the names apart between connections.
 *
 * @see https://developers.deepgram.com/docs/voice-agent
 */
export class DeepgramAgent implements Provider {
  readonly name = 'deepgram-agent'
  readonly inputFormat: AudioFormat
  readonly outputFormat: AudioFormat
  readonly keepAlive = KEEP_ALIVE
  readonly #options: DeepgramAgentOptions
  #context: SessionContext = { history: [], resumed: false }
  #entries = 0
  /** The agent's turn at hand; null between turns. */
  #turn: string | null = null
  #turnHasText = false
  /** The turn that was cut off: audio and text of it may still be on their way. */
  #cutTurn: string | null = null
  #dropping = false

  constructor(options: DeepgramAgentOptions = {}) {
    this.#options = options
    this.inputFormat = { encoding: 'pcm16', sampleRate: options.inputSampleRate ?? 16_000 }
    this.outputFormat = { encoding: 'pcm16', sampleRate: options.outputSampleRate ?? 24_000 }
  }

  endpoint(credential: Credential | null): Endpoint {
    const { url = 'wss://agent.deepgram.com/v1/agent/converse' } = this.#options
    if (!credential) return { url, protocols: [] }
    return { url, protocols: [credential.type === 'api-key' ? 'token' : 'bearer', credential.value] }
  }

  open(context: SessionContext): Iterable<ProviderEvent> {
    this.#context = context
    this.#entries = 0
    this.#turn = null
    this.#cutTurn = null
    this.#dropping = false
    return []
  }

  *decode(data: string | ArrayBuffer): Iterable<ProviderEvent> {
    if (typeof data !== 'string') {
      if (!this.#dropping) yield { type: 'audio', itemId: this.#turnId(), data: new Uint8Array(data) }
      return
    }
    const event = parseObject(data)
    if (!event) {
      yield {
        type: 'warning',
        code: 'unreadable-message',
        message: 'The server sent a message that is not a JSON object',
      }
      return
    }
    switch (event['type']) {
      case 'Welcome':
        yield { type: 'reply', data: JSON.stringify(this.#settings()) }
        break
      case 'SettingsApplied':
        yield { type: 'ready' }
        break
      case 'UserStartedSpeaking':
        yield { type: 'speech-start' }
        this.#cutTurn = this.#turn
        yield* this.#endTurn()
        this.#dropping = true
        break
      case 'ConversationText':
        yield* this.#text(event)
        break
      case 'AgentThinking':
        this.#dropping = false
        yield { type: 'thinking' }
        break
      case 'AgentStartedSpeaking':
        this.#dropping = false
        break
      case 'AgentAudioDone':
        yield* this.#endTurn()
        yield { type: 'response-end', status: 'completed' }
        break
      case 'InjectionRefused':
        yield { type: 'warning', code: 'injection-refused', message: stringField(event, 'message') }
        break
      case 'Warning':
        yield {
          type: 'warning',
          code: stringField(event, 'code'),
          message: stringField(event, 'description'),
        }
        break
      case 'Error':
        yield deepgramError(event)
        break
    }
  }

  *encode(command: Command): Iterable<WireData> {
    switch (command.type) {
      case 'text':
        yield JSON.stringify({ type: 'InjectUserMessage', content: command.text })
        break
      case 'say':
        // What was cut off is not to come back under its name.
        if (this.#dropping) this.#turn = null
        this.#dropping = false
        yield JSON.stringify({ type: 'InjectAgentMessage', message: command.text, behavior: 'queue' })
        break
      case 'interrupt':
        // Deepgram has no word for it: it hears the user itself, and a button of the page only stops playback.
        if (!command.bySpeech && this.#turn !== null) {
          this.#cutTurn = this.#turn
          this.#dropping = true
        }
        break
    }
  }

  encodeAudio(pcm: Int16Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
    return new Uint8Array(pcm.buffer, pcm.byteOffset, pcm.byteLength)
  }

  #settings(): JsonObject {
    const { think = 'gpt-4o-mini', speak = 'aura-2-thalia-en', listen = 'nova-3' } = this.#options
    const { instructions, greeting, settings } = this.#options
    const { history, resumed } = this.#context
    const prompt = instructions === undefined ? {} : { prompt: instructions }
    return {
      type: 'Settings',
      ...settings,
      audio: {
        input: { encoding: 'linear16', sample_rate: this.inputFormat.sampleRate },
        output: { encoding: 'linear16', sample_rate: this.outputFormat.sampleRate, container: 'none' },
      },
      agent: {
        listen: isObject(listen) ? listen : { provider: { type: 'deepgram', model: listen } },
        think: isObject(think)
          ? { ...prompt, ...think }
          : { provider: { type: 'open_ai', model: think }, ...prompt },
        speak: isObject(speak) ? speak : { provider: { type: 'deepgram', model: speak } },
        ...(greeting && !resumed && { greeting }),
        ...(history.length > 0 && {
          context: {
            messages: history.flatMap((entry) =>
              entry.role === 'tool' ? [] : { type: 'History', role: entry.role, content: entry.text },
            ),
          },
        }),
      },
    }
  }

  *#text(event: JsonObject): Iterable<ProviderEvent> {
    const content = stringField(event, 'content')
    if (event['role'] === 'user') {
      yield* this.#endTurn()
      this.#dropping = false
      this.#entries++
      yield { type: 'transcript', id: `user-${this.#entries}`, role: 'user', text: content, final: true }
      yield { type: 'speech-end' }
      return
    }
    if (this.#dropping && this.#cutTurn !== null) {
      // What was spoken of the answer may be told after it was cut off.
      yield { type: 'transcript', id: this.#cutTurn, role: 'assistant', text: content, final: true }
      return
    }
    // An answer comes sentence by sentence; together they are one utterance.
    const id = this.#turnId()
    const delta = this.#turnHasText ? ` ${content}` : content
    this.#turnHasText = true
    yield { type: 'transcript', id, role: 'assistant', delta, final: true }
  }

  *#endTurn(): Iterable<ProviderEvent> {
    const itemId = this.#turn
    this.#turn = null
    if (itemId) yield { type: 'audio-end', itemId }
  }

  #turnId(): string {
    if (this.#turn === null) {
      this.#entries++
      this.#turn = `assistant-${this.#entries}`
      this.#turnHasText = false
    }
    return this.#turn
  }
}

/** Every `Error` of this API ends the session; some of them only this connection. */
function deepgramError(event: JsonObject): ProviderEvent {
  const code = stringField(event, 'code')
  const description = stringField(event, 'description') || 'The provider reported an error'
  return (
    relayError(code, description) ?? {
      type: 'error',
      fatal: true,
      error: new VoiceError(
        CODES[code] ?? 'provider-error',
        code ? `${description} (${code})` : description,
        {
          phase: 'session',
          retryable: RETRYABLE.has(code),
          cause: event,
        },
      ),
    }
  )
}
