import { isObject, type JsonObject, objectField, stringField } from '../util/json.ts'
import { detail, type OpenAIRealtimeDetail } from './openai-detail.ts'
import { replies } from './openai-events.ts'
import { createItem, outputItem } from './openai-items.ts'
import { openAIError } from './openai-realtime-errors.ts'
import { OpenAIResponses } from './openai-responses.ts'
import { OpenAIToolCalls } from './openai-tool-calls.ts'
import { usage } from './openai-usage.ts'
import type { Command, ProviderEvent } from './provider.ts'

type Event = ProviderEvent<OpenAIRealtimeDetail>

/** The life of answers on one connection, with the tools that they call. */
export class OpenAIAnswers {
  readonly responses = new OpenAIResponses()
  readonly #calls = new OpenAIToolCalls();

  /** @param event `response.created`. */
  *created(event: JsonObject): Iterable<Event> {
    const response = objectField(event, 'response')
    const cancel = [...this.responses.created(response)]
    yield this.responses.isAside(stringField(response, 'id')) ? detail(event) : { type: 'thinking' }
    yield* replies(cancel)
  }

  /** @param event `response.output_item.done`. */
  *itemDone(event: JsonObject): Iterable<Event> {
    const { type, status, ...item } = objectField(event, 'item')
    // The arguments of a call that broke off may be half of what was meant.
    if (type !== 'function_call' || status !== 'completed') return
    const callId = stringField(item, 'call_id')
    this.#calls.add(stringField(event, 'response_id'), callId)
    yield {
      type: 'tool-call',
      callId,
      name: stringField(item, 'name'),
      arguments: stringField(item, 'arguments'),
    }
  }

  /** @param event `response.done`. */
  *done(event: JsonObject): Iterable<Event> {
    const response = objectField(event, 'response')
    const id = stringField(response, 'id')
    const { status, output } = response
    const broken = status === 'cancelled' || status === 'failed'
    yield* usage('response', response)
    if (status === 'failed') {
      yield openAIError(objectField(objectField(response, 'status_details'), 'error'), { duringSetup: false })
    }
    if (this.responses.isAside(id)) {
      yield detail(event)
      return
    }
    const withdrawn = broken || this.responses.isCut(id) ? this.#calls.withdraw(id) : []
    if (withdrawn.length > 0) yield { type: 'tool-cancel', callIds: withdrawn }
    for (const item of status !== 'completed' && Array.isArray(output) ? output.filter(isObject) : []) {
      // The text of what broke off may never be called complete.
      if (item['type'] !== 'message') continue
      yield { type: 'transcript', id: stringField(item, 'id'), role: 'assistant', final: true }
    }
    yield { type: 'response-end', status: broken || status === 'incomplete' ? status : 'completed' }
    yield* replies(this.responses.done(id, { followUp: this.#calls.done(id) }))
  }

  /** @returns What gives the model the result of a tool; nothing where it waits for none. */
  *answer(result: Extract<Command, { type: 'tool-result' }>): Iterable<string> {
    const responseId = this.#calls.answer(result.callId)
    if (responseId === null || this.responses.isCut(responseId)) return
    yield createItem(outputItem(result))
    if (this.#calls.isComplete(responseId)) yield* this.responses.create()
  }
}
