import { type AudioFormat, bytesPerSample } from '../audio/audio-format.ts'
import { encodeBase64 } from '../util/base64.ts'
import { type JsonObject, objectField, parseObject, stringField } from '../util/json.ts'
import { detail, isDetail, type OpenAIRealtimeDetail } from './openai-detail.ts'
import { openAIEndpoint } from './openai-endpoint.ts'
import { audio, replies, unreadable, warning } from './openai-events.ts'
import { createItem, imageItem, replayedItems, textItem, truncations } from './openai-items.ts'
import type { OpenAIRealtimeCommand, OpenAIRealtimeOptions } from './openai-options.ts'
import { isBenign, openAIError } from './openai-realtime-errors.ts'
import { OpenAIResponses } from './openai-responses.ts'
import { audioFormat, checkOptions } from './openai-session-config.ts'
import { OpenAISettings } from './openai-settings.ts'
import { transcript } from './openai-transcript.ts'
import { usage } from './openai-usage.ts'
import type {
  Capabilities,
  Command,
  Credential,
  Endpoint,
  Provider,
  ProviderEvent,
  SessionContext,
} from './provider.ts'
import { relayError } from './relay-errors.ts'

type Event = ProviderEvent<OpenAIRealtimeDetail>

/** The API ends every connection after an hour. */
const LIFETIME_MS = 3_600_000

/** Less sound than this is no turn for the API, in ms. */
const MIN_TURN_MS = 100

/**
 * The GA interface of the OpenAI Realtime API over WebSocket.
 *
 * @see https://platform.openai.com/docs/guides/realtime-websocket
 */
export class OpenAIRealtime implements Provider {
  readonly name = 'openai-realtime'
  readonly inputFormat: AudioFormat
  readonly outputFormat: AudioFormat | null
  readonly capabilities: Capabilities
  readonly #options: OpenAIRealtimeOptions
  readonly #settings: OpenAISettings
  #context: SessionContext = { history: [], resumed: false }
  #ready = false
  /** Sound that was sent and is no turn yet. */
  #bytesWaiting = 0
  #responses = new OpenAIResponses()

  /**
   * @throws {RangeError} If a number is outside its range.
   * @throws {TypeError} If an encoding is unknown, or two options exclude each other.
   */
  constructor(options: OpenAIRealtimeOptions = {}) {
    checkOptions(options)
    const { kind, modality, callId, inputEncoding, outputEncoding } = options
    const agent = kind !== 'transcription'
    const speech = agent && modality !== 'text'
    this.#options = options
    this.#settings = new OpenAISettings(options)
    this.inputFormat = audioFormat('inputEncoding', inputEncoding)
    this.outputFormat = speech ? audioFormat('outputEncoding', outputEncoding) : null
    this.capabilities = {
      speech,
      text: agent,
      images: agent,
      say: agent,
      tools: agent,
      update: true,
      endTurn: true,
      history: agent && !callId,
      words: false,
    }
  }

  /** `nothing` while the page says itself when a turn is over. */
  get whileMuted(): 'silence' | 'nothing' {
    return this.#settings.detectsTurns ? 'silence' : 'nothing'
  }

  endpoint(credential: Credential | null): Endpoint {
    return openAIEndpoint(this.#options, credential)
  }

  open(context: SessionContext): Iterable<Event> {
    this.#context = context
    this.#ready = false
    this.#bytesWaiting = 0
    this.#settings.open(context)
    this.#responses = new OpenAIResponses()
    return []
  }

  *decode(data: string | ArrayBuffer): Iterable<Event> {
    const event = typeof data === 'string' ? parseObject(data) : null
    if (!event) {
      yield unreadable('a message that is not a JSON object')
      return
    }
    const type = stringField(event, 'type')
    const responseId = stringField(event, 'response_id')
    const responses = this.#responses
    if (isDetail(type) || responses.isAside(responseId)) {
      if (type === 'input_audio_buffer.committed' && this.#settings.detectsTurns) this.#bytesWaiting = 0
      yield detail(event)
      return
    }
    const cut = responses.isCut(responseId)
    const itemId = stringField(event, 'item_id')
    yield* transcript(event, { cut, transcribed: this.#settings.transcribed })
    switch (type) {
      case 'session.created':
        yield { type: 'reply', data: this.#settings.create() }
        break
      case 'session.updated':
        yield* this.#updated(objectField(event, 'session'))
        break
      case 'relay.warning':
        yield warning(objectField(event, 'warning'))
        break
      case 'error':
        yield* this.#failed(objectField(event, 'error'))
        break
      case 'input_audio_buffer.speech_started':
        if (this.#settings.interrupts) responses.cut()
        yield { type: 'speech-start' }
        break
      case 'input_audio_buffer.speech_stopped':
        yield { type: 'speech-end' }
        break
      case 'conversation.item.done':
        // What MCP listed, gave or asks for is in its item alone.
        if (stringField(objectField(event, 'item'), 'type').startsWith('mcp_')) yield detail(event)
        break
      case 'conversation.item.input_audio_transcription.completed':
        yield* usage('transcription', event)
        break
      case 'response.created':
        yield* responses.created(event)
        break
      case 'response.output_audio.delta':
        if (!cut) yield audio(itemId, stringField(event, 'delta'))
        break
      case 'response.output_audio.done':
        yield { type: 'audio-end', itemId }
        break
      case 'response.output_item.done':
        yield* responses.item(event)
        break
      case 'response.done':
        yield* responses.done(event)
        break
    }
  }

  *encode(command: Command | OpenAIRealtimeCommand): Iterable<string> {
    if (!this.capabilities.text && /^(text|image|say|tool-result)$/.test(command.type)) return
    const responses = this.#responses
    switch (command.type) {
      case 'text':
        yield createItem(textItem({ role: 'user', text: command.text }))
        yield* responses.create()
        break
      case 'image':
        yield createItem(imageItem(command))
        yield* responses.create()
        break
      case 'say':
        yield* responses.create(verbatim(command.text))
        break
      case 'end-turn':
        yield* this.#endTurn()
        break
      case 'tool-result':
        yield* responses.output(command)
        break
      case 'update':
        yield this.#settings.update(command)
        break
      case 'interrupt':
        yield* this.#interrupt(command)
        break
      case 'create-response':
        yield* responses.create(command.response)
        break
      case 'create-item':
        yield createItem(command.item, command.afterId)
        break
      case 'delete-item':
        yield message({ type: 'conversation.item.delete', item_id: command.itemId })
        break
      case 'retrieve-item':
        yield message({ type: 'conversation.item.retrieve', item_id: command.itemId })
        break
      case 'clear-input':
        yield this.#input('clear')
        break
      case 'commit-input':
        yield this.#input('commit')
        break
    }
  }

  encodeAudio(samples: Int16Array<ArrayBuffer> | Uint8Array<ArrayBuffer>): string {
    this.#bytesWaiting += samples.byteLength
    const audio = encodeBase64(new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength))
    // Base64 needs no escaping, so the message is put together by hand: it is the one sent 50 times a second.
    return `{"type":"input_audio_buffer.append","audio":"${audio}"}`
  }

  /** A refused key or the beta's shape cannot get better; going away is how an hour ends. */
  isFatalClose(code: number): boolean | undefined {
    return code === 3000 || code === 4000 || (code === 1001 ? false : undefined)
  }

  *#updated(session: JsonObject): Iterable<Event> {
    const id = this.#settings.updated(session)
    if (id !== undefined) yield { type: 'updated', id }
    if (this.#ready) return
    this.#ready = true
    const { history, resumed } = this.#context
    const { greeting } = this.#options
    if (this.capabilities.history) {
      yield* replies(history.flatMap(replayedItems).map((item) => createItem(item)))
    }
    yield { type: 'ready' }
    // The server tells by the clock on its wall when it ends, which may differ from ours, but the rule is known.
    if (!this.#options.callId) yield { type: 'expiring', inMs: LIFETIME_MS }
    if (greeting && !resumed) yield* replies(this.#responses.create(verbatim(greeting)))
    // What the user asked, or a tool gave, before the line was lost was never answered.
    const last = resumed && this.capabilities.history && history.at(-1)
    if (last && last.role !== 'assistant') yield* replies(this.#responses.create())
  }

  *#failed(error: JsonObject): Iterable<Event> {
    const code = stringField(error, 'code')
    const eventId = stringField(error, 'event_id')
    const fromRelay = relayError(code, stringField(error, 'message'))
    const id = this.#settings.failed(eventId)
    const responses = this.#responses
    if (fromRelay) {
      yield fromRelay
    } else if (id !== undefined) {
      yield { type: 'update-rejected', id, error: openAIError(error, { duringSetup: false }).error }
    } else if (!responses.failed(code, eventId)) {
      yield isBenign(code) ? warning(error) : openAIError(error, { duringSetup: !this.#ready })
      yield* replies(responses.next())
    }
  }

  *#endTurn(): Iterable<string> {
    const { encoding, sampleRate } = this.inputFormat
    const bytes = (MIN_TURN_MS * bytesPerSample(encoding) * sampleRate) / 1000
    // An answer to a turn that was none would be to nothing.
    if (this.#bytesWaiting < bytes) return
    yield this.#input('commit')
    if (this.capabilities.text) yield* this.#responses.create()
  }

  #input(action: 'clear' | 'commit'): string {
    this.#bytesWaiting = 0
    return message({ type: `input_audio_buffer.${action}` })
  }

  *#interrupt({ bySpeech, items }: Extract<Command, { type: 'interrupt' }>): Iterable<string> {
    const responses = this.#responses
    if (bySpeech && this.#settings.interrupts) responses.cut()
    else yield* responses.cancel()
    yield* truncations(items)
  }
}

function message(event: JsonObject): string {
  return JSON.stringify(event)
}

function verbatim(text: string): JsonObject {
  return { instructions: `Say exactly the following, word for word, and nothing else: ${text}` }
}
