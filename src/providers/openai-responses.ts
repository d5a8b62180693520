import { isObject, type JsonObject, objectField, stringField } from '../util/json.ts'
import { detail, type OpenAIRealtimeDetail } from './openai-detail.ts'
import { replies } from './openai-events.ts'
import { createItem, outputItem } from './openai-items.ts'
import { isBenign, openAIError } from './openai-realtime-errors.ts'
import { usage } from './openai-usage.ts'
import type { ProviderEvent } from './provider.ts'

type Event = ProviderEvent<OpenAIRealtimeDetail>

/** What a `response` field holds; undefined for an answer to whatever was said. */
type Wish = JsonObject | undefined

/** More than this does not wait: what was wished first is given up. */
const MAX_WAITING = 8

/** An answer that is active although its name has not come. */
const UNNAMED = ''

/**
 * The answers of one connection and the tools that they call. One answer is active at a time, as the API demands:
 * what is wished meanwhile waits, in order. Wishes for a plain answer are one, since it answers all that was said.
 */
export class OpenAIResponses {
  #active: string | null = null
  /** The request sent last, in case that it is refused. */
  #sent: { readonly id: string; readonly wish: Wish } | null = null
  /** It was not answered yet. */
  #creating = false
  /** It is to be cancelled as soon as it has a name: before that the API knows of nothing to cancel. */
  #unwanted = false
  #count = 0
  readonly #waiting: Wish[] = []
  /** What was cut off: what still comes of it is dropped. */
  readonly #cut = new Set<string>()
  /** What stays out of the conversation. */
  readonly #aside = new Set<string>()
  /** Calls that wait for their results, by answer. */
  readonly #calls = new Map<string, Set<string>>()
  /** Answers that are complete but for the results of their calls. */
  readonly #called = new Set<string>()

  isCut(id: string): boolean {
    return this.#cut.has(id)
  }

  isAside(id: string): boolean {
    return this.#aside.has(id)
  }

  /** @returns The request for an answer, or nothing where it has to wait. */
  *create(wish?: Wish): Iterable<string> {
    if (wish?.['conversation'] === 'none') {
      yield this.#request(wish)
    } else {
      this.#wait(wish)
      yield* this.next()
    }
  }

  /** @returns What may be requested now. */
  *next(): Iterable<string> {
    if (this.#active !== null || this.#creating || this.#waiting.length === 0) return
    const wish = this.#waiting.shift()
    const text = this.#request(wish)
    this.#sent = { id: `create_${this.#count}`, wish }
    this.#creating = true
    yield text
  }

  /** @param event `response.created`. */
  *created(event: JsonObject): Iterable<Event> {
    const response = objectField(event, 'response')
    const id = stringField(response, 'id')
    if (response['conversation_id'] === null) {
      this.#aside.add(id)
      yield detail(event)
      return
    }
    yield { type: 'thinking' }
    this.#active = id
    this.#creating = false
    if (this.#unwanted) yield* replies(this.cancel())
  }

  /** @param event `response.output_item.done`. */
  *item(event: JsonObject): Iterable<Event> {
    const { type, status, ...item } = objectField(event, 'item')
    const responseId = stringField(event, 'response_id')
    // The arguments of a call that broke off may be half of what was meant.
    if (type !== 'function_call' || status !== 'completed' || this.isCut(responseId)) return
    const callId = stringField(item, 'call_id')
    this.#calls.set(responseId, (this.#calls.get(responseId) ?? new Set()).add(callId))
    yield {
      type: 'tool-call',
      callId,
      name: stringField(item, 'name'),
      arguments: stringField(item, 'arguments'),
    }
  }

  /** @returns What gives the model the result of a tool; nothing where it waits for none. */
  *output(result: { callId: string; output: string }): Iterable<string> {
    for (const [id, calls] of this.#calls) {
      if (!calls.delete(result.callId) || this.isCut(id)) continue
      yield createItem(outputItem(result))
      if (this.#goesOn(id)) yield* this.create()
    }
  }

  /** @param event `response.done`. */
  *done(event: JsonObject): Iterable<Event> {
    const response = objectField(event, 'response')
    const id = stringField(response, 'id')
    const { status, output } = response
    yield* usage('response', response)
    if (status === 'failed') {
      yield openAIError(objectField(objectField(response, 'status_details'), 'error'), { duringSetup: false })
    }
    if (this.#aside.delete(id)) {
      yield detail(event)
      return
    }
    const broken = status === 'cancelled' || status === 'failed'
    const calls = this.#calls.get(id)
    if (broken || this.#cut.delete(id)) {
      this.#calls.delete(id)
      if (calls?.size) yield { type: 'tool-cancel', callIds: [...calls] }
    } else if (calls) {
      this.#called.add(id)
    }
    for (const item of status !== 'completed' && Array.isArray(output) ? output.filter(isObject) : []) {
      // The text of what broke off may never be called complete.
      if (item['type'] !== 'message') continue
      yield { type: 'transcript', id: stringField(item, 'id'), role: 'assistant', final: true }
    }
    yield { type: 'response-end', status: broken || status === 'incomplete' ? status : 'completed' }
    if (id === this.#active || this.#active === UNNAMED) this.#active = null
    if (this.#goesOn(id)) this.#wait(undefined)
    yield* replies(this.next())
  }

  /**
   * A request was refused.
   *
   * @param eventId Of the message that the server refuses; empty where it does not say.
   * @returns Whether it only waits again, since the server's own voice detection was faster.
   */
  failed(code: string, eventId: string): boolean {
    const sent = this.#sent
    const busy = code === 'conversation_already_has_active_response'
    // Where the server does not say, it may be this request, but not where the code is that of another.
    if (!sent || (eventId ? eventId !== sent.id : isBenign(code) && !busy)) return false
    if (busy) {
      this.#active ??= UNNAMED
      if (!this.#unwanted) this.#wait(sent.wish, 0)
    }
    this.#sent = null
    this.#creating = this.#unwanted = false
    return busy
  }

  /** What still comes of the active answer is not wanted. */
  cut(): void {
    if (this.#active) this.#cut.add(this.#active)
  }

  /** It is to end. @returns What tells the server so; it follows by itself where the answer has no name yet. */
  *cancel(): Iterable<string> {
    this.cut()
    this.#unwanted = this.#creating
    const id = this.#active
    if (id !== null) yield JSON.stringify({ type: 'response.cancel', response_id: id || undefined })
  }

  /** @returns Whether the model is to go on, as an answer is done and all its calls are answered; true once. */
  #goesOn(id: string): boolean {
    return this.#calls.get(id)?.size === 0 && this.#called.delete(id) && this.#calls.delete(id)
  }

  #wait(wish: Wish, at = this.#waiting.length): void {
    if (!wish && this.#waiting.includes(wish)) return
    this.#waiting.splice(at, 0, wish)
    if (this.#waiting.length > MAX_WAITING) this.#waiting.splice(this.#waiting.findIndex(Boolean), 1)
  }

  #request(response: Wish): string {
    return JSON.stringify({ type: 'response.create', event_id: `create_${++this.#count}`, response })
  }
}
