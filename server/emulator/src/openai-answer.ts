import { byteLengthOf, durationMs, encodeAudio } from './audio-format.ts'
import type { EmulatorConnection, SpokenItem } from './connection.ts'
import { type AnswerConfig, answerConfig } from './openai-answer-config.ts'
import { audioFormatOf, functionTools, type SessionConfig } from './openai-config.ts'
import { audioTokens, type Item, newId, type OpenAIConversation, textTokens } from './openai-conversation.ts'
import { allowedCalls } from './openai-tool-choice.ts'
import { type TokenCount, usageOf } from './openai-usage.ts'
import type { Pace } from './options.ts'
import { Pacer, pause, sentences, words } from './pacer.ts'
import type { ReplyContext, Respond, ToolCall, Utterance } from './reply.ts'
import { isObject, type JsonObject } from './schema.ts'
import type { Speech } from './voice.ts'

/** What an answer needs of the session around it. */
export interface AnswerContext {
  readonly connection: EmulatorConnection
  readonly conversation: OpenAIConversation
  readonly config: SessionConfig
  readonly speech: Speech
  readonly respond: Respond
  readonly pace: Pace
  /** How many answers the session gave before. */
  readonly turn: number
  /** Input tokens of the answer before, which are in the provider's cache. */
  readonly cachedTokens: Readonly<TokenCount>
  send(type: string, fields: JsonObject): void
}

/** What is being answered. */
export interface AnswerRequest {
  /** Overrides from `response.create`. */
  readonly params: JsonObject
  /** What the user said or wrote; may still be on its way. */
  readonly text: string | Promise<string>
  readonly speechMs: number | null
  readonly transcribed: boolean
}

/** How an answer ended. */
export type AnswerStatus = 'completed' | 'cancelled' | 'failed' | 'incomplete'

/** The item that is being generated. */
interface OpenItem {
  readonly item: Item
  readonly index: number
  /** Closes it with the events that belong to it. */
  close(status: 'completed' | 'incomplete'): Item
}

/** Spoken words take about this many tokens of sound each. */
const AUDIO_TOKENS_PER_WORD = 8

/**
 * One response of OpenAI, from `response.created` to `response.done`. It can be cancelled at any moment, and
 * every event that must follow then follows at once.
 */
export class Answer {
  readonly id = newId('resp')
  /** Settled when the last event is out; never rejects. */
  readonly done: Promise<void>
  /** Milliseconds of sound it sent. */
  audioMs = 0
  usage: JsonObject | null = null
  readonly #context: AnswerContext
  readonly #request: AnswerRequest
  readonly #config: AnswerConfig
  readonly #abort = new AbortController()
  readonly #output: Item[] = []
  readonly #inputTokens: TokenCount
  readonly #outputTokens = { text: 0, audio: 0, image: 0 }
  #open: OpenItem | null = null
  #spoken: SpokenItem | null = null
  #finished = false
  #finish!: () => void

  constructor(context: AnswerContext, request: AnswerRequest) {
    this.#context = context
    this.#request = request
    this.#config = answerConfig(context.config, request.params)
    this.#inputTokens = context.conversation.tokens()
    this.#inputTokens.text += textTokens(this.#config.instructions + JSON.stringify(this.#config.tools))
    this.done = new Promise((resolve) => {
      this.#finish = resolve
    })
  }

  /** Whether the answer stays out of the conversation. */
  get outOfBand(): boolean {
    return this.#request.params['conversation'] === 'none'
  }

  /** Begins. What goes wrong on the way is told in `response.done`. */
  async start(): Promise<void> {
    this.#context.send('response.created', { response: this.#response('in_progress', null) })
    try {
      await this.#generate()
      this.#end('completed', null)
    } catch (error) {
      const message = `The answer failed: ${error instanceof Error ? error.message : String(error)}`
      this.#end('failed', { type: 'failed', error: { type: 'server_error', code: null, message } })
    }
  }

  /** Stops at once, closing what is open. */
  cancel(reason: 'turn_detected' | 'client_cancelled'): void {
    this.#end('cancelled', { type: 'cancelled', reason })
  }

  /** Stops without another word, as the connection is gone. */
  abandon(): void {
    this.#finished = true
    this.#abort.abort()
    this.#finish()
  }

  /** Brings the conversation up to date with what was sent of an item so far, so that it can be cut. */
  sync(itemId: string): void {
    if (this.#open?.item.id === itemId && this.#spoken) this.#storeAudio(this.#open.item)
  }

  async #generate(): Promise<void> {
    if (!(await pause(this.#context.pace.thinkMs, this.#abort.signal))) return
    const reply = await this.#think()
    for (const call of reply.calls) {
      if (!functionTools(this.#config.tools).some(({ name }) => name === call.name)) {
        throw new Error(`no tool is called '${call.name}'`)
      }
    }
    const spoken = this.#limit(reply.text)
    if (spoken.text !== '') await this.#say(spoken.text)
    if (spoken.cut) return this.#end('incomplete', { type: 'incomplete', reason: 'max_output_tokens' })
    for (const call of reply.calls) await this.#call(call)
  }

  async #think(): Promise<{ text: string; calls: readonly ToolCall[] }> {
    const input = this.#inputItems()
    const text = await this.#request.text
    const latest = text || (input.findLast(({ role }) => role === 'user')?.text ?? '')
    const reply = await this.#context.respond(latest, this.#replyContext(input))
    const { text: answer = '', calls = [] } = typeof reply === 'string' ? { text: reply } : reply
    const { tools, toolChoice: choice, parallel } = this.#config
    const allowed = allowedCalls(calls, { rules: { tools, choice, parallel }, text: latest })
    // An answer that had to call speaks when it knows what the tool says.
    return { text: calls.length === 0 && allowed.length > 0 ? '' : answer, calls: allowed }
  }

  #replyContext(input: readonly Utterance[]): ReplyContext {
    const { conversation, config, turn } = this.#context
    const { params, speechMs, transcribed } = this.#request
    return {
      protocol: 'openai-realtime',
      turn,
      instructions: config.instructions,
      asked: typeof params['instructions'] === 'string' ? params['instructions'] : null,
      speechMs,
      transcribed,
      tools: this.#config.toolChoice === 'none' ? [] : functionTools(this.#config.tools),
      toolOutputs: this.outOfBand ? [] : conversation.freshToolOutputs(),
      pastCalls: conversation.pastCalls(),
      history: params['input'] === undefined ? conversation.history() : input,
    }
  }

  /** What `response.create.input` puts in place of the conversation. */
  #inputItems(): Utterance[] {
    const input = this.#request.params['input']
    if (!Array.isArray(input)) return []
    return input.filter(isObject).flatMap((part) => {
      const item =
        part['type'] === 'item_reference' ? this.#context.conversation.get(String(part['id'])) : part
      const content = Array.isArray(item?.['content']) ? item['content'].filter(isObject) : []
      const text = content.map((piece) => piece['text'] ?? piece['transcript'] ?? '').join(' ')
      return text === '' ? [] : [{ role: item!['role'] as Utterance['role'], text }]
    })
  }

  #limit(text: string): { text: string; cut: boolean } {
    const { maxTokens, modality } = this.#config
    if (maxTokens === 'inf') return { text, cut: false }
    const all = words(text)
    const most = Math.max(1, Math.floor(maxTokens / (modality === 'audio' ? AUDIO_TOKENS_PER_WORD : 1)))
    return { text: all.slice(0, most).join(''), cut: all.length > most }
  }

  #say(text: string): Promise<void> {
    return this.#config.modality === 'audio' ? this.#speak(text) : this.#write(text)
  }

  async #write(text: string): Promise<void> {
    const { item, index } = this.#openMessage('text')
    const part = { item_id: item.id, output_index: index, content_index: 0 }
    for (const delta of words(text)) {
      if (!(await pause(0, this.#abort.signal))) return
      this.#spoken!.text += delta
      this.#send('response.output_text.delta', { ...part, delta })
    }
    this.#spoken!.complete = true
    this.#closeOpen('completed')
  }

  async #speak(text: string): Promise<void> {
    const { item, index } = this.#openMessage('audio')
    const pacer = new Pacer(this.#context.pace.speed, this.#abort.signal)
    const clips = sentences(text).map((sentence) => ({ sentence, pcm: this.#synthesize(sentence) }))
    // A clip that is never reached, as the answer was cancelled, has nobody to tell of its failure.
    for (const { pcm } of clips) pcm.catch(() => {})
    for (const [i, { sentence, pcm }] of clips.entries()) {
      const part = { item_id: item.id, output_index: index, content_index: 0 }
      const spokenWords = words(i === 0 ? sentence : ` ${sentence}`)
      if (!(await this.#stream(await pcm, { spokenWords, part, pacer }))) return
    }
    this.#spoken!.complete = true
    this.#closeOpen('completed')
  }

  #synthesize(text: string): Promise<Int16Array> {
    const { voice, format } = this.#config
    return this.#context.speech.synthesize({
      text,
      voice: typeof voice === 'string' ? voice : voice.id,
      sampleRate: audioFormatOf(format).sampleRate,
      speed: this.#context.config.audio.output.speed,
    })
  }

  /** Sends one sentence, its words a little ahead of its sound. Returns `false` if it was stopped. */
  async #stream(
    pcm: Int16Array,
    { spokenWords, part, pacer }: { spokenWords: string[]; part: JsonObject; pacer: Pacer },
  ): Promise<boolean> {
    const format = audioFormatOf(this.#config.format)
    const bytes = encodeAudio(pcm, format.encoding)
    const step = byteLengthOf(this.#context.pace.openaiChunkMs, format)
    let told = 0
    for (let at = 0; at < bytes.length; at += step) {
      if (!(await pacer.until(this.audioMs))) return false
      const chunk = bytes.subarray(at, at + step)
      const due = Math.ceil((spokenWords.length * (at + chunk.length)) / bytes.length)
      const delta = spokenWords.slice(told, due).join('')
      told = due
      if (delta !== '') this.#sendTranscript(delta, part)
      this.#sendAudio(chunk, part)
    }
    return true
  }

  #sendTranscript(delta: string, part: JsonObject): void {
    this.#spoken!.text += delta
    this.#send('response.output_audio_transcript.delta', { ...part, delta })
  }

  #sendAudio(chunk: Uint8Array, part: JsonObject): void {
    const format = audioFormatOf(this.#config.format)
    this.#spoken!.audio.append(chunk, format)
    this.audioMs += durationMs(chunk.length, format)
    this.#send('response.output_audio.delta', { ...part, delta: Buffer.from(chunk).toString('base64') })
  }

  #openMessage(kind: 'audio' | 'text'): OpenItem {
    const item: Item = {
      id: newId('item'),
      object: 'realtime.item',
      type: 'message',
      status: 'in_progress',
      role: 'assistant',
      content: [],
    }
    this.#spoken = this.#context.connection.startSpeaking(item.id, this.id)
    const open = this.#openItem(item, (status) => this.#closeMessage(open, kind, status))
    const part = kind === 'audio' ? { type: 'audio', transcript: '' } : { type: 'text', text: '' }
    const place = { item_id: item.id, output_index: open.index, content_index: 0 }
    this.#send('response.content_part.added', { ...place, part })
    return open
  }

  #closeMessage({ item, index }: OpenItem, kind: 'audio' | 'text', status: string): Item {
    const place = { item_id: item.id, output_index: index, content_index: 0 }
    const { text } = this.#spoken!
    this.#outputTokens.text += textTokens(text)
    if (kind === 'text') {
      this.#send('response.output_text.done', { ...place, text })
      this.#send('response.content_part.done', { ...place, part: { type: 'text', text } })
      return { ...item, status, content: [{ type: 'output_text', text }] }
    }
    this.#outputTokens.audio += audioTokens(this.#spoken!.audio.ms, false)
    this.#send('response.output_audio.done', place)
    this.#send('response.output_audio_transcript.done', { ...place, transcript: text })
    this.#send('response.content_part.done', { ...place, part: { type: 'audio', transcript: text } })
    return { ...item, status, content: [{ type: 'output_audio', transcript: text }] }
  }

  async #call({ name, arguments: given }: ToolCall): Promise<void> {
    const text = typeof given === 'string' ? given : JSON.stringify(given)
    const item: Item = {
      id: newId('item'),
      object: 'realtime.item',
      type: 'function_call',
      status: 'in_progress',
      name,
      call_id: newId('call'),
      arguments: '',
    }
    let told = ''
    const place = { item_id: item.id, call_id: item['call_id'] }
    const open = this.#openItem(item, (status) => {
      const fields = { ...place, output_index: open.index, name, arguments: told }
      this.#send('response.function_call_arguments.done', fields)
      this.#outputTokens.text += textTokens(told)
      return { ...item, status, arguments: told }
    })
    for (const delta of text.match(/[\s\S]{1,12}/g) ?? []) {
      if (!(await pause(0, this.#abort.signal))) return
      told += delta
      this.#send('response.function_call_arguments.delta', { ...place, output_index: open.index, delta })
    }
    this.#closeOpen('completed')
  }

  #openItem(item: Item, close: OpenItem['close']): OpenItem {
    const index = this.#output.length
    const open = { item, index, close }
    this.#open = open
    this.#send('response.output_item.added', { output_index: index, item })
    if (this.outOfBand) return open
    this.#context.conversation.insert(item)
    const previous = this.#context.conversation.previousOf(item.id)
    this.#context.send('conversation.item.added', { previous_item_id: previous, item })
    return open
  }

  #closeOpen(status: 'completed' | 'incomplete'): void {
    const open = this.#open
    if (!open) return
    this.#open = null
    const item = open.close(status)
    this.#output.push(item)
    if (!this.outOfBand) this.#store(item)
    this.#spoken = null
    this.#send('response.output_item.done', { output_index: open.index, item })
  }

  #store(item: Item): void {
    const { conversation } = this.#context
    const previous = conversation.previousOf(item.id)
    // What the client has cut or deleted meanwhile stays as it left it.
    if (conversation.get(item.id) && this.#spoken?.truncatedAtMs == null) this.#storeAudio(item)
    this.#context.send('conversation.item.done', { previous_item_id: previous, item })
  }

  #storeAudio(item: Item): void {
    const { conversation } = this.#context
    const audio = this.#spoken?.audio
    if (!audio || audio.ms === 0) {
      conversation.update(item)
      return
    }
    conversation.update(item, { bytes: audio.bytes(), format: audioFormatOf(this.#config.format) })
  }

  #end(status: AnswerStatus, details: JsonObject | null): void {
    if (this.#finished) return
    this.#finished = true
    this.#abort.abort()
    this.#closeOpen('incomplete')
    const tokens = { input: this.#inputTokens, output: this.#outputTokens, read: this.#context.cachedTokens }
    this.usage = usageOf(tokens)
    this.#context.send('response.done', { response: this.#response(status, details) })
    this.#finish()
  }

  #response(status: AnswerStatus | 'in_progress', details: JsonObject | null): JsonObject {
    const { format, voice, modality, maxTokens } = this.#config
    return {
      object: 'realtime.response',
      id: this.id,
      status,
      status_details: details,
      output: this.#output,
      conversation_id: this.outOfBand ? null : this.#context.conversation.id,
      output_modalities: [modality],
      max_output_tokens: maxTokens,
      audio: { output: { format, voice } },
      usage: this.usage,
      metadata: this.#request.params['metadata'] ?? null,
    }
  }

  #send(type: string, fields: JsonObject): void {
    this.#context.send(type, { response_id: this.id, ...fields })
  }
}
