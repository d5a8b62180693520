import type { AudioFormat } from '../audio/audio-format.ts'
import { decodeBase64, encodeBase64 } from '../util/base64.ts'
import { isObject, type JsonObject, objectField, parseObject, stringField } from '../util/json.ts'
import { isBenign, openAIError } from './openai-realtime-errors.ts'
import type {
  Command,
  Credential,
  Endpoint,
  Provider,
  ProviderEvent,
  SessionContext,
  Utterance,
  WireData,
} from './provider.ts'
import { relayError } from './relay-errors.ts'

export interface OpenAIRealtimeOptions {
  /** Default `gpt-realtime-2.1`. */
  model?: string
  /** Default `marin`. */
  voice?: string
  /** What the agent is and how it behaves. */
  instructions?: string
  /** What the agent says first; without it the agent waits to be spoken to. */
  greeting?: string
  /**
   * What writes down the user's words; null turns the user's transcript off.
   * Default `{ model: 'gpt-4o-mini-transcribe' }`.
   */
  transcription?: JsonObject | null
  /** When a turn of the user ends, and whether speech interrupts; default `{ type: 'server_vad' }`. */
  turnDetection?: JsonObject
  /** Further fields of the session object; they win over those above. */
  session?: JsonObject
  /** Where a direct connection goes; default `wss://api.openai.com/v1/realtime`. */
  url?: string
}

/** 16-bit PCM at 24 kHz is the only linear format of this API. */
const PCM_24K: AudioFormat = { encoding: 'pcm16', sampleRate: 24_000 }

/** Items that this adapter puts into a new connection carry this prefix: they are not news for the page. */
const REPLAY = 'replay_'

/**
 * The GA interface of the OpenAI Realtime API over WebSocket.
 *
 * @see https://platform.openai.com/docs/guides/realtime-websocket
 */
export class OpenAIRealtime implements Provider {
  readonly name = 'openai-realtime'
  readonly inputFormat = PCM_24K
  readonly outputFormat = PCM_24K
  readonly #options: OpenAIRealtimeOptions
  #context: SessionContext = { history: [], resumed: false }
  #ready = false
  #serverInterrupts = true
  #activeResponse: string | null = null
  /** A `response.create` was sent and not answered yet. */
  #creating = false
  /** Waits for the active response to end: only one may be active. */
  #queuedCreate: JsonObject | null = null
  /** Responses that were cut off: what still comes of them is dropped. */
  readonly #cut = new Set<string>()

  constructor(options: OpenAIRealtimeOptions = {}) {
    this.#options = options
  }

  endpoint(credential: Credential | null): Endpoint {
    const { model = 'gpt-realtime-2.1', url = 'wss://api.openai.com/v1/realtime' } = this.#options
    const address = new URL(url)
    if (!address.searchParams.has('model')) address.searchParams.set('model', model)
    const protocols = credential ? ['realtime', `openai-insecure-api-key.${credential.value}`] : ['realtime']
    return { url: address.href, protocols }
  }

  open(context: SessionContext): Iterable<ProviderEvent> {
    this.#context = context
    this.#ready = false
    this.#activeResponse = null
    this.#creating = false
    this.#queuedCreate = null
    this.#cut.clear()
    return []
  }

  *decode(data: string | ArrayBuffer): Iterable<ProviderEvent> {
    const event = typeof data === 'string' ? parseObject(data) : null
    if (!event) {
      yield unreadable('The server sent a message that is not a JSON object')
      return
    }
    const itemId = stringField(event, 'item_id')
    switch (event['type']) {
      case 'session.created':
        yield reply({ type: 'session.update', session: this.#session() })
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
        if (this.#serverInterrupts && this.#activeResponse !== null) this.#cut.add(this.#activeResponse)
        yield { type: 'speech-start' }
        break
      case 'input_audio_buffer.speech_stopped':
        yield { type: 'speech-end' }
        break
      case 'conversation.item.added':
        yield* this.#itemAdded(event)
        break
      case 'conversation.item.input_audio_transcription.delta':
        yield {
          type: 'transcript',
          id: itemId,
          role: 'user',
          delta: stringField(event, 'delta'),
          final: false,
        }
        break
      case 'conversation.item.input_audio_transcription.completed':
        yield {
          type: 'transcript',
          id: itemId,
          role: 'user',
          text: stringField(event, 'transcript'),
          final: true,
        }
        break
      case 'conversation.item.input_audio_transcription.failed':
        yield { type: 'transcript', id: itemId, role: 'user', final: true }
        yield {
          type: 'warning',
          code: 'transcription-failed',
          message: stringField(objectField(event, 'error'), 'message'),
        }
        break
      case 'response.created':
        this.#creating = false
        this.#activeResponse = stringField(objectField(event, 'response'), 'id')
        yield { type: 'thinking' }
        break
      case 'response.output_audio.delta':
        if (!this.#isCut(event)) yield audio(itemId, stringField(event, 'delta'))
        break
      case 'response.output_audio.done':
        yield { type: 'audio-end', itemId }
        break
      case 'response.output_audio_transcript.delta':
      case 'response.output_text.delta':
        if (!this.#isCut(event)) {
          yield {
            type: 'transcript',
            id: itemId,
            role: 'assistant',
            delta: stringField(event, 'delta'),
            final: false,
          }
        }
        break
      case 'response.output_audio_transcript.done':
        yield* this.#textDone(event, 'transcript')
        break
      case 'response.output_text.done':
        yield* this.#textDone(event, 'text')
        break
      case 'response.done':
        yield* this.#responseDone(objectField(event, 'response'))
        break
    }
  }

  *encode(command: Command): Iterable<WireData> {
    switch (command.type) {
      case 'text':
        yield message({
          type: 'conversation.item.create',
          item: textItem({ role: 'user', text: command.text }),
        })
        yield* this.#create({})
        break
      case 'say':
        yield* this.#create(verbatim(command.text))
        break
      case 'interrupt':
        yield* this.#interrupt(command)
        break
    }
  }

  encodeAudio(pcm: Int16Array<ArrayBuffer>): string {
    const audio = encodeBase64(new Uint8Array(pcm.buffer, pcm.byteOffset, pcm.byteLength))
    // Base64 needs no escaping, so the message is put together by hand: it is the one sent 50 times a second.
    return `{"type":"input_audio_buffer.append","audio":"${audio}"}`
  }

  #session(): JsonObject {
    const { voice = 'marin', instructions, transcription, turnDetection, session = {} } = this.#options
    const audio = objectField(session, 'audio')
    return {
      type: 'realtime',
      output_modalities: ['audio'],
      ...(instructions !== undefined && { instructions }),
      ...session,
      audio: {
        input: {
          format: { type: 'audio/pcm', rate: 24_000 },
          transcription: transcription === undefined ? { model: 'gpt-4o-mini-transcribe' } : transcription,
          turn_detection: turnDetection ?? { type: 'server_vad' },
          ...objectField(audio, 'input'),
        },
        output: { format: { type: 'audio/pcm', rate: 24_000 }, voice, ...objectField(audio, 'output') },
      },
    }
  }

  *#updated(session: JsonObject): Iterable<ProviderEvent> {
    const input = objectField(objectField(session, 'audio'), 'input')
    const detection = input['turn_detection']
    this.#serverInterrupts = isObject(detection) && detection['interrupt_response'] !== false
    if (this.#ready) return
    this.#ready = true
    const { history, resumed } = this.#context
    for (const [index, entry] of history.entries()) {
      if (entry.role === 'tool') continue
      yield reply({ type: 'conversation.item.create', item: textItem(entry, `${REPLAY}${index}`) })
    }
    yield { type: 'ready' }
    const { greeting } = this.#options
    if (greeting && !resumed) {
      for (const data of this.#create(verbatim(greeting))) yield { type: 'reply', data }
    }
  }

  *#failed(error: JsonObject): Iterable<ProviderEvent> {
    const code = stringField(error, 'code')
    const fromRelay = relayError(code, stringField(error, 'message'))
    if (fromRelay) {
      yield fromRelay
    } else if (code === 'conversation_already_has_active_response') {
      // The server's own voice detection was faster; ours follows when that answer is done.
      this.#creating = false
      this.#queuedCreate ??= {}
    } else if (isBenign(code)) {
      yield warning(error)
    } else {
      yield openAIError(error, { duringSetup: !this.#ready })
    }
  }

  *#itemAdded(event: JsonObject): Iterable<ProviderEvent> {
    const item = objectField(event, 'item')
    const id = stringField(item, 'id')
    const role = item['role']
    if (item['type'] !== 'message' || id.startsWith(REPLAY)) return
    if (role !== 'user' && role !== 'assistant') return
    const afterId = stringField(event, 'previous_item_id') || null
    const text = contentText(item)
    // Without transcription a spoken turn of the user never gets a text, so it gets no entry either.
    if (role === 'user' && !text && this.#options.transcription === null) return
    yield { type: 'transcript', id, role, text, final: role === 'user' && text !== '', afterId }
  }

  *#textDone(event: JsonObject, field: 'text' | 'transcript'): Iterable<ProviderEvent> {
    const id = stringField(event, 'item_id')
    if (this.#isCut(event)) yield { type: 'transcript', id, role: 'assistant', final: true }
    else yield { type: 'transcript', id, role: 'assistant', text: stringField(event, field), final: true }
  }

  *#responseDone(response: JsonObject): Iterable<ProviderEvent> {
    const id = stringField(response, 'id')
    const status = responseStatus(response['status'])
    if (id === this.#activeResponse) this.#activeResponse = null
    this.#cut.delete(id)
    if (status === 'failed') {
      yield openAIError(objectField(objectField(response, 'status_details'), 'error'), { duringSetup: false })
    }
    yield { type: 'response-end', status }
    const queued = this.#queuedCreate
    this.#queuedCreate = null
    if (queued) for (const data of this.#create(queued)) yield { type: 'reply', data }
  }

  *#create(response: JsonObject): Iterable<WireData> {
    if (this.#activeResponse !== null || this.#creating) {
      this.#queuedCreate = response
      return
    }
    this.#creating = true
    yield message({ type: 'response.create', ...(Object.keys(response).length > 0 && { response }) })
  }

  *#interrupt({ bySpeech, items }: Extract<Command, { type: 'interrupt' }>): Iterable<WireData> {
    if (this.#activeResponse !== null) {
      this.#cut.add(this.#activeResponse)
      if (!bySpeech || !this.#serverInterrupts) {
        yield message({ type: 'response.cancel', response_id: this.#activeResponse })
      }
    }
    for (const { itemId, heardMs, receivedMs } of items) {
      // What was heard to the end must not be truncated: the model would repeat itself.
      if (heardMs >= receivedMs) continue
      yield message({
        type: 'conversation.item.truncate',
        item_id: itemId,
        content_index: 0,
        audio_end_ms: heardMs,
      })
    }
  }

  #isCut(event: JsonObject): boolean {
    return this.#cut.has(stringField(event, 'response_id'))
  }
}

function message(event: JsonObject): string {
  return JSON.stringify(event)
}

function reply(event: JsonObject): ProviderEvent {
  return { type: 'reply', data: message(event) }
}

function audio(itemId: string, base64: string): ProviderEvent {
  try {
    return { type: 'audio', itemId, data: decodeBase64(base64) }
  } catch {
    return unreadable('The server sent audio that is not base64')
  }
}

function unreadable(message: string): ProviderEvent {
  return { type: 'warning', code: 'unreadable-message', message }
}

/** @param detail An object with `code` and `message`: an error that is none, or what a relay says on its own. */
function warning(detail: JsonObject): ProviderEvent {
  return { type: 'warning', code: stringField(detail, 'code'), message: stringField(detail, 'message') }
}

function verbatim(text: string): JsonObject {
  return { instructions: `Say exactly the following, word for word, and nothing else: ${text}` }
}

function textItem({ role, text }: Utterance, id?: string): JsonObject {
  const type = role === 'user' ? 'input_text' : 'output_text'
  return { ...(id && { id }), type: 'message', role, content: [{ type, text }] }
}

function contentText(item: JsonObject): string {
  const content = Array.isArray(item['content']) ? item['content'] : []
  return content
    .filter(isObject)
    .map((part) => stringField(part, 'text') || stringField(part, 'transcript'))
    .join('')
}

function responseStatus(status: unknown): 'completed' | 'cancelled' | 'failed' | 'incomplete' {
  return status === 'cancelled' || status === 'failed' || status === 'incomplete' ? status : 'completed'
}
