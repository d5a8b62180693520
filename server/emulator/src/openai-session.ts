import type { EmulatorConnection } from './connection.ts'
import { Answer } from './openai-answer.ts'
import {
  audioFormatOf,
  defaultConfig,
  detectionTimes,
  mergeConfig,
  type SessionConfig,
  shownConfig,
} from './openai-config.ts'
import { type Item, newId, OpenAIConversation } from './openai-conversation.ts'
import { errorOfIssue, OpenAIError } from './openai-error.ts'
import { InputBuffer } from './openai-input.ts'
import { type Said, splitAudio } from './openai-said.ts'
import { clientEvent } from './openai-schema.ts'
import { Transcriber } from './openai-transcriber.ts'
import { isObject, type JsonObject } from './schema.ts'
import type { Services } from './services.ts'
import type { SpeechEvent } from './vad.ts'

const NOTHING: Said = { text: '', speechMs: null, transcribed: true }
/** The least that a commit by hand must hold. */
const MIN_COMMIT_MS = 100

/** One session of the OpenAI Realtime API, from `session.created` to the close. */
export class OpenAISession {
  readonly #connection: EmulatorConnection
  readonly #services: Services
  readonly #conversation = new OpenAIConversation()
  readonly #transcriber: Transcriber
  readonly #outOfBand = new Set<Answer>()
  readonly #expiry: NodeJS.Timeout
  #config: SessionConfig
  #input: InputBuffer
  #active: Answer | null = null
  /** A turn that ended while an answer was still going on, and may not interrupt it. */
  #waiting: Said | null = null
  /** What the user said or wrote last and was not answered yet. */
  #unanswered: Said = NOTHING
  #speechItemId: string | null = null
  #speechStart = 0
  #turn = 0
  #cachedTokens = { text: 0, audio: 0, image: 0 }
  #idle: NodeJS.Timeout | undefined

  /** @param initial What an ephemeral secret was minted with; `undefined` for nothing. */
  constructor(
    connection: EmulatorConnection,
    services: Services,
    { type, model, initial }: { type: SessionConfig['type']; model: string | null; initial: unknown },
  ) {
    this.#connection = connection
    this.#services = services
    const lifetimeMs = services.timeouts.openaiSessionMs
    const expiresAt = Math.floor((services.now() + lifetimeMs) / 1000)
    this.#config = defaultConfig(type, { id: newId('sess'), model, expiresAt })
    if (isObject(initial) && initial['type'] === type) {
      this.#config = mergeConfig(this.#config, { ...initial, model: model ?? undefined })
    }
    this.#input = new InputBuffer(audioFormatOf(this.#config.audio.input.format))
    this.#transcriber = new Transcriber(services, (event, fields) => this.#send(event, fields))
    this.#expiry = setTimeout(() => this.#expire(), lifetimeMs)
    this.#configureDetector()
    this.#send('session.created', { session: shownConfig(this.#config) })
  }

  /** Takes one text message. */
  onText(text: string): void {
    const data = this.#connection.noteReceived(text)
    try {
      if (data === undefined) throw new OpenAIError('invalid_json', 'The message is not valid JSON.')
      const wrong = clientEvent(data, '')
      if (wrong) throw errorOfIssue(wrong)
      this.#handle(data as JsonObject)
    } catch (error) {
      if (!(error instanceof OpenAIError)) throw error
      this.#sendError(error, isObject(data) ? data['event_id'] : undefined)
    }
  }

  /** OpenAI reads JSON text only. */
  onBinary(): void {
    this.#sendError(new OpenAIError('invalid_type', 'Messages must be JSON text, not binary.'), undefined)
    this.#connection.close(1003, 'binary messages are not supported')
  }

  /** Frees everything; the connection is gone. */
  onClose(): void {
    clearTimeout(this.#expiry)
    clearTimeout(this.#idle)
    this.#transcriber.close()
    for (const answer of [this.#active, ...this.#outOfBand]) answer?.abandon()
  }

  /** Ends the session as a server does that shuts down. */
  goAway(): void {
    this.#connection.close(1001, 'server shutting down')
  }

  #handle(event: JsonObject): void {
    switch (event['type']) {
      case 'session.update':
        this.#updateSession(event['session'] as JsonObject)
        return
      case 'input_audio_buffer.append':
        this.#append(Buffer.from(event['audio'] as string, 'base64'))
        return
      case 'input_audio_buffer.clear':
        this.#clearInput()
        return
      case 'input_audio_buffer.commit':
        this.#commitByHand()
        return
      case 'conversation.item.create':
        this.#createItem(event['item'] as JsonObject, event['previous_item_id'] as string | null)
        return
      case 'conversation.item.delete':
        this.#conversation.delete(event['item_id'] as string)
        this.#send('conversation.item.deleted', { item_id: event['item_id'] })
        return
      case 'conversation.item.retrieve':
        this.#send('conversation.item.retrieved', {
          item: this.#conversation.retrieve(event['item_id'] as string),
        })
        return
      case 'conversation.item.truncate':
        this.#truncate(event['item_id'] as string, event['audio_end_ms'] as number)
        return
      case 'response.create':
        this.#createResponse((event['response'] ?? {}) as JsonObject)
        return
      case 'response.cancel':
        this.#cancelResponse(event['response_id'] as string | undefined)
        return
      default:
        throw new OpenAIError('invalid_value', `'${event['type']}' is for WebRTC and SIP only.`, 'type')
    }
  }

  #updateSession(update: JsonObject): void {
    const merged = mergeConfig(this.#config, update)
    if (!sameVoice(merged.audio.output.voice, this.#config.audio.output.voice))
      this.#refuseNewVoice('session')
    const formatChanged = merged.audio.input.format.type !== this.#config.audio.input.format.type
    this.#config = merged
    if (formatChanged) {
      this.#input = new InputBuffer(audioFormatOf(merged.audio.input.format), this.#input.positionMs)
      this.#speechItemId = null
    }
    this.#configureDetector()
    this.#send('session.updated', { session: shownConfig(this.#config) })
  }

  #refuseNewVoice(where: 'session' | 'response'): void {
    if (!this.#connection.spoken.some(({ audio }) => audio.ms > 0)) return
    const message = "Cannot update a conversation's voice if assistant audio is present."
    throw new OpenAIError('cannot_update_voice', message, `${where}.audio.output.voice`)
  }

  #configureDetector(): void {
    const detection = this.#config.audio.input.turn_detection
    if (detection) this.#input.detector.configure(detectionTimes(detection))
    else this.#input.detector.reset()
    if (!detection) this.#speechItemId = null
    this.#watchIdleness(0)
  }

  #append(bytes: Uint8Array): void {
    this.#connection.noteAudio(bytes, this.#input.format)
    const input = this.#input
    const detecting = this.#config.audio.input.turn_detection !== null
    for (const event of input.append(bytes, { detecting })) {
      if (event.type === 'start') this.#speechStarted(event)
      else this.#speechStopped(event)
    }
  }

  #speechStarted({ at }: SpeechEvent): void {
    const detection = this.#config.audio.input.turn_detection!
    const { paddingMs } = detectionTimes(detection)
    clearTimeout(this.#idle)
    this.#speechItemId = newId('item')
    this.#speechStart = at
    const audioStartMs = Math.max(0, this.#input.toMs(at) - paddingMs)
    this.#send('input_audio_buffer.speech_started', {
      audio_start_ms: audioStartMs,
      item_id: this.#speechItemId,
    })
    if (detection.interrupt_response) this.#active?.cancel('turn_detected')
  }

  #speechStopped(event: Extract<SpeechEvent, { type: 'stop' }>): void {
    const detection = this.#config.audio.input.turn_detection!
    const itemId = this.#speechItemId ?? newId('item')
    this.#speechItemId = null
    const end = this.#input.toMs(event.noticedAt)
    this.#send('input_audio_buffer.speech_stopped', { audio_end_ms: end, item_id: itemId })
    const padding = (detectionTimes(detection).paddingMs * this.#input.format.sampleRate) / 1000
    const bytes = this.#input.take(Math.round(this.#speechStart - padding), event.noticedAt)
    const ms = this.#input.toMs(event.at - this.#speechStart)
    const said = this.#commit(itemId, bytes, ms)
    if (detection.create_response && this.#config.type === 'realtime') this.#answerTurn(said)
  }

  #clearInput(): void {
    this.#input.clear()
    this.#speechItemId = null
    this.#send('input_audio_buffer.cleared', {})
  }

  #commitByHand(): void {
    const ms = this.#input.ms
    if (ms < MIN_COMMIT_MS) {
      const message = `Error committing input audio buffer: buffer too small. Expected at least ${MIN_COMMIT_MS}ms of audio, but buffer only has ${ms.toFixed(2)}ms of audio.`
      throw new OpenAIError('input_audio_buffer_commit_empty', message)
    }
    const itemId = this.#speechItemId ?? newId('item')
    this.#speechItemId = null
    const bytes = this.#input.take()
    this.#input.detector.reset()
    this.#commit(itemId, bytes, ms)
  }

  /** Makes an item of the user's sound. Its transcript follows when it is ready. */
  #commit(itemId: string, bytes: Uint8Array, ms: number): Said {
    const previous = this.#conversation.lastId
    this.#send('input_audio_buffer.committed', { previous_item_id: previous, item_id: itemId })
    const item: Item = {
      id: itemId,
      object: 'realtime.item',
      type: 'message',
      status: 'completed',
      role: 'user',
      content: [{ type: 'input_audio', transcript: null }],
    }
    this.#insert(item, { audio: { bytes, format: this.#input.format } })
    const { text, transcribed } = this.#transcriber.listen(bytes, { format: this.#input.format, ms })
    const model = this.#config.audio.input.transcription?.model
    if (this.#config.audio.input.transcription) {
      this.#transcriber.tell(itemId, { text, model, ms, logprobs: (this.#config.include ?? []).length > 0 })
    }
    void text.then(
      (transcript) => this.#noteTranscript(itemId, transcript),
      // A failed transcript is told by its own event; the item stays without words.
      () => {},
    )
    this.#unanswered = { text: text.catch(() => ''), speechMs: ms, transcribed }
    return this.#unanswered
  }

  #noteTranscript(itemId: string, transcript: string): void {
    const item = this.#conversation.get(itemId)
    if (item) this.#conversation.update({ ...item, content: [{ type: 'input_audio', transcript }] })
  }

  #insert(item: Item, place: Parameters<OpenAIConversation['insert']>[1]): void {
    this.#conversation.insert(item, place)
    const fields = { previous_item_id: this.#conversation.previousOf(item.id), item }
    this.#send('conversation.item.added', fields)
    this.#send('conversation.item.done', fields)
  }

  #createItem(given: JsonObject, after: string | null | undefined): void {
    if (given['type'] === 'function_call_output' && !this.#conversation.hasCall(String(given['call_id']))) {
      const message = `Tool call ID '${given['call_id']}' not found in conversation.`
      throw new OpenAIError('invalid_tool_call_id', message, 'item.call_id')
    }
    const callId = given['type'] === 'function_call' ? { call_id: newId('call') } : {}
    const item: Item = {
      ...callId,
      ...given,
      id: String(given['id'] ?? newId('item')),
      object: 'realtime.item',
      type: String(given['type']),
      status: 'completed',
    }
    const { shown, audio, said } = splitAudio(item, this.#input.format)
    this.#insert(shown, { ...(after == null ? {} : { after }), audio })
    if (said) this.#unanswered = said
  }

  #truncate(itemId: string, audioEndMs: number): void {
    this.#active?.sync(itemId)
    this.#conversation.truncate(itemId, audioEndMs)
    const spoken = this.#connection.spoken.find((entry) => entry.itemId === itemId)
    if (spoken) spoken.truncatedAtMs = audioEndMs
    const fields = { item_id: itemId, content_index: 0, audio_end_ms: audioEndMs }
    this.#send('conversation.item.truncated', fields)
  }

  #createResponse(params: JsonObject): void {
    if (this.#config.type === 'transcription') {
      throw new OpenAIError('invalid_value', 'A transcription session cannot create responses.', 'type')
    }
    const output =
      isObject(params['audio']) && isObject(params['audio']['output']) ? params['audio']['output'] : {}
    if (output['voice'] !== undefined && !sameVoice(output['voice'], this.#config.audio.output.voice)) {
      this.#refuseNewVoice('response')
    }
    const outOfBand = params['conversation'] === 'none'
    if (this.#active && !outOfBand) {
      const message = `Conversation already has an active response in progress: ${this.#active.id}. Wait until the response is finished before creating a new one.`
      throw new OpenAIError('conversation_already_has_active_response', message)
    }
    const said = this.#unanswered
    // Instructions for one answer ask for something of their own, whatever was said before.
    this.#answer(outOfBand ? NOTHING : said, params)
  }

  #cancelResponse(responseId: string | undefined): void {
    const all = [this.#active, ...this.#outOfBand]
    const answer = responseId === undefined ? this.#active : all.find((one) => one?.id === responseId)
    if (answer) {
      answer.cancel('client_cancelled')
      return
    }
    throw new OpenAIError('response_cancel_not_active', 'Cancellation failed: no active response found')
  }

  /** Answers a turn that detection ended; one that may not interrupt waits for the end of what is said. */
  #answerTurn(said: Said): void {
    if (this.#active) this.#waiting = said
    else this.#answer(said, {})
  }

  #answer(said: Said, params: JsonObject): void {
    clearTimeout(this.#idle)
    const { speech, respond, pace } = this.#services
    const answer = new Answer(
      {
        connection: this.#connection,
        conversation: this.#conversation,
        config: this.#config,
        speech,
        respond,
        pace,
        turn: this.#turn++,
        cachedTokens: this.#cachedTokens,
        send: (type, fields) => this.#send(type, fields),
      },
      { params, ...said },
    )
    if (answer.outOfBand) this.#outOfBand.add(answer)
    else this.#active = answer
    this.#unanswered = answer.outOfBand ? this.#unanswered : NOTHING
    this.#cachedTokens = this.#conversation.tokens()
    void answer.start()
    void answer.done.then(() => this.#answered(answer))
  }

  #answered(answer: Answer): void {
    if (!this.#connection.open) return
    this.#outOfBand.delete(answer)
    this.#sendRateLimits(Number(answer.usage?.['total_tokens'] ?? 0))
    if (this.#active !== answer) return
    this.#active = null
    this.#watchIdleness(answer.audioMs)
    const waiting = this.#waiting
    this.#waiting = null
    if (waiting) this.#answer(waiting, {})
  }

  /** Waits for the answer to be heard and then for silence to become too long. */
  #watchIdleness(audioMs: number): void {
    clearTimeout(this.#idle)
    const detection = this.#config.audio.input.turn_detection
    const limit = detection?.type === 'server_vad' ? detection.idle_timeout_ms : null
    if (limit === null || this.#turn === 0) return
    const from = this.#input.positionMs
    this.#idle = setTimeout(() => this.#tooQuiet(from), audioMs + limit)
  }

  #tooQuiet(fromMs: number): void {
    if (this.#speechItemId || this.#active) return
    const itemId = newId('item')
    this.#send('input_audio_buffer.timeout_triggered', {
      audio_start_ms: fromMs,
      audio_end_ms: this.#input.positionMs,
      item_id: itemId,
    })
    this.#answerTurn(this.#commit(itemId, new Uint8Array(0), 0))
  }

  #sendRateLimits(used: number): void {
    const limit = 40_000
    const remaining = Math.max(0, limit - used)
    this.#send('rate_limits.updated', {
      rate_limits: [{ name: 'tokens', limit, remaining, reset_seconds: (used / limit) * 60 }],
    })
  }

  #expire(): void {
    const reason = 'Your session hit the maximum duration of 60 minutes.'
    this.#sendError(new OpenAIError('session_expired', reason), undefined)
    this.#connection.close(1001, reason)
  }

  #sendError({ body }: OpenAIError, eventId: unknown): void {
    const cause = typeof eventId === 'string' ? eventId : null
    this.#send('error', { error: { ...body, event_id: cause } })
  }

  #send(type: string, fields: JsonObject): void {
    this.#connection.send({ type, event_id: newId('event'), ...fields })
  }
}

function sameVoice(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}
