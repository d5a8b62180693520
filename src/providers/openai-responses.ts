import { type JsonObject, stringField } from '../util/json.ts'

/** What a `response` field holds; undefined for an answer to whatever was said. */
type Wish = JsonObject | undefined

/** More than this does not wait: what was wished first is given up. */
const MAX_WAITING = 8

/** An answer that is active although its name has not come. */
const UNNAMED = ''

/**
 * Keeps one answer active at a time, as the API demands: what is wished meanwhile waits, in order. Wishes for a
 * plain answer are one, since it answers all that was said.
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

  isCut(id: string): boolean {
    return this.#cut.has(id)
  }

  isAside(id: string): boolean {
    return this.#aside.has(id)
  }

  /** @returns The request, or nothing where it has to wait. */
  *create(wish?: Wish): Iterable<string> {
    if (wish?.['conversation'] === 'none') {
      yield this.#request(wish).text
    } else {
      this.#wait(wish)
      yield* this.next()
    }
  }

  /** @returns What may be requested now. */
  *next(): Iterable<string> {
    if (this.#active !== null || this.#creating || this.#waiting.length === 0) return
    const wish = this.#waiting.shift()
    const { id, text } = this.#request(wish)
    this.#sent = { id, wish }
    this.#creating = true
    yield text
  }

  /** The server began an answer. @returns Its cancellation, where it is wished no more. */
  *created(response: JsonObject): Iterable<string> {
    const id = stringField(response, 'id')
    if (response['conversation_id'] === null) {
      this.#aside.add(id)
      return
    }
    this.#active = id
    this.#creating = false
    if (!this.#unwanted) return
    this.#unwanted = false
    yield* this.cancel()
  }

  /** The server ended an answer. @returns What may be requested now. */
  *done(id: string, { followUp }: { followUp: boolean }): Iterable<string> {
    if (id === this.#active || this.#active === UNNAMED) this.#active = null
    this.#cut.delete(id)
    if (followUp) this.#wait(undefined)
    yield* this.next()
  }

  /**
   * A request was refused.
   *
   * @param eventId Of the message that the server refuses; empty where it does not say.
   * @returns Whether it only waits again, since the server's own voice detection was faster.
   */
  refused(code: string, eventId: string): boolean {
    const sent = this.#sent
    if (!sent || (eventId && eventId !== sent.id)) return false
    const busy = code === 'conversation_already_has_active_response'
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
    if (id !== null) yield JSON.stringify({ type: 'response.cancel', ...(id && { response_id: id }) })
  }

  #wait(wish: Wish, at = this.#waiting.length): void {
    if (!wish && this.#waiting.includes(wish)) return
    this.#waiting.splice(at, 0, wish)
    if (this.#waiting.length > MAX_WAITING) this.#waiting.splice(this.#waiting.findIndex(Boolean), 1)
  }

  #request(response: Wish): { id: string; text: string } {
    const id = `create_${++this.#count}`
    return { id, text: JSON.stringify({ type: 'response.create', event_id: id, response }) }
  }
}
