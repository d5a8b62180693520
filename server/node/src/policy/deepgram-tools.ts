import type { FilterHost } from '../relay/message-filter.ts'
import { isObject, type JsonObject } from './json.ts'
import type { ToolCall, ToolRunner } from './tools.ts'

/** Messages of the Voice Agent that list calls, and where. */
const LISTS: Readonly<Record<string, string>> = {
  FunctionCallRequest: 'functions',
  FunctionCallCancelled: 'functions',
  History: 'function_calls',
}

/** Runs the relay's tools in the Voice Agent's protocol and hides them: the client sees neither calls nor results. */
export class DeepgramTools {
  readonly #runner: ToolRunner
  #host: FilterHost | null = null

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

  /** @returns The message as the client may see it; null where it may not. */
  fromProvider(message: JsonObject): JsonObject | null {
    const { type } = message
    if (type === 'FunctionCallResponse') return this.#runner.has(message['name']) ? null : message
    const list = typeof type === 'string' && Object.hasOwn(LISTS, type) ? LISTS[type]! : null
    const calls = list === null ? undefined : message[list]
    if (list === null || !Array.isArray(calls)) return message
    const ours = calls.filter(isObject).filter((call) => this.#runner.has(call['name']))
    if (ours.length === 0) return message
    if (type === 'FunctionCallRequest') for (const call of ours) void this.#answer(call)
    if (type === 'FunctionCallCancelled') for (const { id } of ours) this.#runner.cancel(String(id))
    const others = calls.filter((call) => !isObject(call) || !this.#runner.has(call['name']))
    return others.length === 0 ? null : { ...message, [list]: others }
  }

  async #answer(request: JsonObject): Promise<void> {
    const { id, name, thought_signature: signature } = request
    const call: ToolCall = {
      id: String(id),
      name: String(name),
      arguments: String(request['arguments'] ?? ''),
    }
    const content = await this.#runner.run(call)
    if (content === null) return
    const answer = { type: 'FunctionCallResponse', id: call.id, name: call.name, content }
    const signed = signature === undefined ? answer : { ...answer, thought_signature: signature }
    this.#host?.toProvider(JSON.stringify(signed))
  }
}
