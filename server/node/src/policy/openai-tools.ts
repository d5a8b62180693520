import type { FilterHost } from '../relay/message-filter.ts'
import { isObject, type Json, type JsonObject } from './json.ts'
import type { ToolCall, ToolRunner } from './tools.ts'

/** The `event_id` of the relay's own requests for a response, by which their failure is known. */
const CREATE_ID = 'relay_response'
/** The `event_id` of the results, whose failure would tell the client of calls it does not know. */
const RESULT_ID = 'relay_result'
/** Requests for a response that a client may have waiting behind tools; more are no conversation. */
const MOST_HELD = 8

/**
 * Runs the relay's tools in OpenAI's protocol and hides them: the client sees neither the calls nor their
 * results, only the response that comes of them.
 */
export class OpenAITools {
  readonly #runner: ToolRunner
  #host: FilterHost | null = null
  /** The items that the client does not see, and what came before each. */
  readonly #before = new Map<Json, Json>()
  readonly #calls = new Set<string>()
  /** Whether a response is being made: another one cannot be asked for. */
  #active = false
  /** How many responses have calls of tools that are still running. */
  #running = 0
  /** Whether a response must be asked for as soon as none is being made. */
  #owed = false
  #held: string[] = []

  constructor(runner: ToolRunner) {
    this.#runner = runner
  }

  start(host: FilterHost): void {
    this.#host = host
  }

  stop(): void {
    this.#host = null
    this.#runner.stop()
  }

  /** Whether a tool of this name runs here. */
  has(name: Json | undefined): boolean {
    return this.#runner.has(name)
  }

  /** Keeps a client's request for a response until the tools' results are in. @returns Whether it is kept. */
  holdCreate(text: string): boolean {
    if (this.#running === 0 || this.#held.length >= MOST_HELD) return false
    this.#held.push(text)
    return true
  }

  /** @returns The message as the client may see it; null where it may not. */
  fromProvider(message: JsonObject): JsonObject | null {
    switch (message['type']) {
      case 'response.created':
        this.#active = true
        return message
      case 'response.done':
        return this.#done(message)
      case 'error':
        return this.#failed(message)
      default:
        return this.#shown(message)
    }
  }

  #shown(message: JsonObject): JsonObject | null {
    const { item, item_id: itemId, previous_item_id: previous } = message
    if (isObject(item) && this.#isOurs(item)) {
      const { id } = item
      if (typeof id === 'string' && previous !== undefined) this.#before.set(id, this.#visible(previous))
      else if (typeof id === 'string' && !this.#before.has(id)) this.#before.set(id, null)
      return null
    }
    if (itemId !== undefined && this.#before.has(itemId)) return null
    if (previous === undefined || !this.#before.has(previous)) return message
    return { ...message, previous_item_id: this.#visible(previous) }
  }

  #isOurs(item: JsonObject): boolean {
    if (item['type'] === 'function_call') return this.#runner.has(item['name'])
    return item['type'] === 'function_call_output' && this.#calls.has(String(item['call_id']))
  }

  /** The last item before, or at, this one that the client knows. */
  #visible(id: Json): Json {
    return this.#before.get(id) ?? (this.#before.has(id) ? null : id)
  }

  #done(message: JsonObject): JsonObject {
    this.#active = false
    const response = isObject(message['response']) ? message['response'] : {}
    const output = Array.isArray(response['output']) ? response['output'].filter(isObject) : []
    const ours = output.filter((item) => this.#isOurs(item))
    const others = output.filter((item) => !this.#isOurs(item))
    const completed = response['status'] === 'completed'
    const calls = ours.filter((item) => completed && item['status'] !== 'incomplete').map(callOf)
    if (calls.length > 0) {
      const clientCalls = others.some((item) => item['type'] === 'function_call')
      void this.#run(calls, clientCalls)
    } else this.#createIfOwed()
    return ours.length === 0 ? message : { ...message, response: { ...response, output: others } }
  }

  /** @param clientCalls Whether the client has calls of the same response to answer: then it asks for the next. */
  async #run(calls: readonly ToolCall[], clientCalls: boolean): Promise<void> {
    this.#running += 1
    for (const { id } of calls) this.#calls.add(id)
    await Promise.all(calls.map((call) => this.#answer(call)))
    this.#running -= 1
    if (this.#running > 0) return
    if (this.#held.length > 0 || !clientCalls) this.#owed = true
    this.#createIfOwed()
  }

  async #answer(call: ToolCall): Promise<void> {
    const output = await this.#runner.run(call)
    if (output === null) return
    const item = { type: 'function_call_output', call_id: call.id, output }
    this.#host?.toProvider(JSON.stringify({ type: 'conversation.item.create', event_id: RESULT_ID, item }))
  }

  #createIfOwed(): void {
    if (!this.#owed || this.#active || this.#running > 0) return
    this.#owed = false
    // One response takes in all results; a client's own request is as good as ours.
    const held = this.#held.splice(0)
    const own = JSON.stringify({ type: 'response.create', event_id: CREATE_ID })
    for (const text of held.length > 0 ? held : [own]) this.#host?.toProvider(text)
  }

  #failed(message: JsonObject): JsonObject | null {
    const error = isObject(message['error']) ? message['error'] : {}
    const { event_id: id, code } = error
    if (id === RESULT_ID) return null
    if (id !== CREATE_ID) return message
    // No response will come: whoever waits for one must hear why.
    if (code !== 'conversation_already_has_active_response') {
      return { ...message, error: { ...error, event_id: null } }
    }
    // Our request met a response that had begun in the same moment: it is made again when that one is done.
    this.#active = true
    this.#owed = true
    return null
  }
}

function callOf(item: JsonObject): ToolCall {
  return {
    id: String(item['call_id']),
    name: String(item['name']),
    arguments: String(item['arguments'] ?? ''),
  }
}
