import { randomBytes } from 'node:crypto'
import { type AudioFormat, byteLengthOf, durationMs } from './audio-format.ts'
import { OpenAIError } from './openai-error.ts'
import type { PastCall, ToolOutput, Utterance } from './reply.ts'
import { isObject, type JsonObject } from './schema.ts'

/** One item as it stands on the wire. */
export interface Item extends JsonObject {
  readonly id: string
  readonly type: string
}

/** The sound of one item. */
export interface ItemAudio {
  readonly bytes: Uint8Array
  readonly format: AudioFormat
}

interface Entry {
  item: Item
  audio: ItemAudio | null
}

/** Makes an id of OpenAI's kind, such as `item_3f2a…`. */
export function newId(prefix: string): string {
  return `${prefix}_${randomBytes(12).toString('hex')}`
}

/** The items of a conversation, in order, with their sound beside them. */
export class OpenAIConversation {
  readonly id = newId('conv')
  readonly #entries: Entry[] = []

  /** Ids in order. */
  get ids(): string[] {
    return this.#entries.map(({ item }) => item.id)
  }

  /** The last item's id, or `null`. */
  get lastId(): string | null {
    return this.#entries.at(-1)?.item.id ?? null
  }

  /** The item with this id, or `undefined`. */
  get(id: string): Item | undefined {
    return this.#find(id)?.item
  }

  /** The id before an item, or `null` where it is the first. */
  previousOf(id: string): string | null {
    const at = this.#entries.findIndex(({ item }) => item.id === id)
    return this.#entries[at - 1]?.item.id ?? null
  }

  /**
   * Inserts an item: at the end, at the front after `'root'`, or after the item with that id.
   *
   * @throws {OpenAIError} If the id is taken, or there is no item to follow.
   */
  insert(
    item: Item,
    { after, audio = null }: { after?: string | null; audio?: ItemAudio | null } = {},
  ): void {
    if (this.#find(item.id)) {
      const message = `Error adding item: an item with id '${item.id}' already exists.`
      throw new OpenAIError('item_create_duplicate_item_id', message, 'item.id')
    }
    this.#entries.splice(this.#position(after), 0, { item, audio })
  }

  /** Replaces what an item says. Without `audio` its sound stays. */
  update(item: Item, audio?: ItemAudio): void {
    const entry = this.#find(item.id)
    if (!entry) return
    entry.item = item
    if (audio) entry.audio = audio
  }

  /** @throws {OpenAIError} If there is no such item. */
  delete(id: string): void {
    const at = this.#entries.findIndex(({ item }) => item.id === id)
    if (at < 0) throw missing('item_delete_invalid_item_id', 'deleting', id)
    this.#entries.splice(at, 1)
  }

  /**
   * The item with its sound as base64.
   *
   * @throws {OpenAIError} If there is no such item.
   */
  retrieve(id: string): Item {
    const entry = this.#find(id)
    if (!entry) throw missing('item_retrieve_invalid_item_id', 'retrieving', id)
    const { item, audio } = entry
    if (!audio || !Array.isArray(item['content'])) return item
    const base64 = Buffer.from(audio.bytes).toString('base64')
    const content = item['content'].map((part) =>
      String(part.type).endsWith('_audio') ? { ...part, audio: base64 } : part,
    )
    return { ...item, content }
  }

  /**
   * Cuts an answer's sound to what was heard and removes its transcript.
   *
   * @throws {OpenAIError} If there is no such item, it was not spoken by the agent, or is shorter already.
   */
  truncate(id: string, audioEndMs: number): void {
    const entry = this.#find(id)
    if (!entry) throw missing('item_truncate_invalid_item_id', 'truncating', id)
    const { item, audio } = entry
    if (item['role'] !== 'assistant' || !audio) {
      const message = 'Only model output audio messages can be truncated.'
      throw new OpenAIError('item_truncate_invalid_item_id', message, 'item_id')
    }
    const lengthMs = Math.floor(durationMs(audio.bytes.length, audio.format))
    if (audioEndMs > lengthMs) {
      const message = `Audio content of ${lengthMs}ms is already shorter than ${audioEndMs}ms`
      throw new OpenAIError('invalid_value', message, 'audio_end_ms')
    }
    entry.audio = { ...audio, bytes: audio.bytes.slice(0, byteLengthOf(audioEndMs, audio.format)) }
    entry.item = { ...item, content: [{ type: 'output_audio' }] }
  }

  /** Whether a tool was called under this id. */
  hasCall(callId: string): boolean {
    return this.#entries.some(({ item }) => item.type === 'function_call' && item['call_id'] === callId)
  }

  /** What has been said so far, in words. */
  history(): Utterance[] {
    return this.#entries.flatMap(({ item }) => utteranceOf(item))
  }

  /** Every call that was answered. */
  pastCalls(): PastCall[] {
    const outputs = this.#entries.filter(({ item }) => item.type === 'function_call_output')
    return outputs.flatMap(({ item: { call_id: id, output } }) => {
      const call = this.#entries.find(({ item }) => item.type === 'function_call' && item['call_id'] === id)
      if (!call) return []
      const { name, arguments: given } = call.item
      return [{ name: String(name), arguments: String(given), output: String(output) }]
    })
  }

  /** What tools have answered since the agent or the user last spoke. */
  freshToolOutputs(): ToolOutput[] {
    const lastMessage = this.#entries.findLastIndex(({ item }) => item.type === 'message')
    return this.#entries
      .slice(lastMessage + 1)
      .filter(({ item }) => item.type === 'function_call_output')
      .map(({ item }) => ({ name: this.#nameOf(item['call_id']), output: String(item['output']) }))
  }

  /** Tokens of everything said so far, by kind, as the next answer would be charged for. */
  tokens(): { text: number; audio: number; image: number } {
    const total = { text: 0, audio: 0, image: 0 }
    for (const { item, audio } of this.#entries) {
      const content = item['content'] ?? item['output'] ?? item['arguments'] ?? ''
      const parts = Array.isArray(content) ? content.filter(isObject) : []
      const images = parts.filter(({ type }) => type === 'input_image')
      total.image += images.length * IMAGE_TOKENS
      const words = parts.length > 0 ? parts.filter((part) => !images.includes(part)) : content
      total.text += textTokens(JSON.stringify(words))
      if (audio)
        total.audio += audioTokens(durationMs(audio.bytes.length, audio.format), item['role'] === 'user')
    }
    return total
  }

  #nameOf(callId: unknown): string {
    const call = this.#entries.find(({ item }) => item.type === 'function_call' && item['call_id'] === callId)
    return String(call?.item['name'] ?? 'tool')
  }

  #find(id: string): Entry | undefined {
    return this.#entries.find(({ item }) => item.id === id)
  }

  #position(after: string | null | undefined): number {
    if (after === undefined || after === null) return this.#entries.length
    if (after === 'root') return 0
    const at = this.#entries.findIndex(({ item }) => item.id === after)
    if (at >= 0) return at + 1
    const message = `Error inserting item: the previous item with id '${after}' does not exist.`
    throw new OpenAIError('item_create_invalid_previous_item_id', message, 'previous_item_id')
  }
}

/** What an image costs; the provider's figure depends on its size. */
const IMAGE_TOKENS = 400

/** About four characters make a token. */
export function textTokens(text: string): number {
  return Math.ceil(text.length / 4)
}

/** Sound costs ten tokens a second when the user speaks and twenty when the agent does. */
export function audioTokens(ms: number, fromUser: boolean): number {
  return Math.ceil((ms / 1000) * (fromUser ? 10 : 20))
}

function missing(code: string, doing: string, id: string): OpenAIError {
  return new OpenAIError(code, `Error ${doing} item: the item with id '${id}' does not exist.`, 'item_id')
}

function utteranceOf(item: Item): Utterance[] {
  if (item.type !== 'message' || !Array.isArray(item['content'])) return []
  const text = item['content']
    .filter(isObject)
    .map((part) => part['text'] ?? part['transcript'] ?? '')
    .join(' ')
    .trim()
  return text === '' ? [] : [{ role: item['role'] as Utterance['role'], text }]
}
