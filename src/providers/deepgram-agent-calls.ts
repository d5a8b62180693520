import { isObject, type JsonObject, stringField } from '../util/json.ts'
import type { DeepgramAgentDetail } from './deepgram-agent-options.ts'
import type { Command, ProviderEvent } from './provider.ts'

/** Signatures kept for the history of a new connection. */
const MAX_SIGNATURES = 200

/** The calls that wait for an answer, and the signatures that some models want back with it. */
export class AgentCalls {
  readonly #waiting = new Set<string>()
  readonly #signatures = new Map<string, string>()

  /** By the call's id. */
  get signatures(): ReadonlyMap<string, string> {
    return this.#signatures
  }

  /** @returns What a `FunctionCallRequest` means. */
  *request(event: JsonObject): Iterable<ProviderEvent<DeepgramAgentDetail>> {
    for (const call of functionsOf(event)) {
      const { callId, name, text } = fieldsOf(call)
      if (call['client_side'] === false) {
        yield { type: 'detail', detail: { name: 'server-call', callId, tool: name, arguments: text } }
        continue
      }
      const signature = stringField(call, 'thought_signature')
      if (signature) this.#sign(callId, signature)
      this.#waiting.add(callId)
      yield { type: 'tool-call', callId, name, arguments: text }
    }
  }

  /** @returns The ids of the calls that a `FunctionCallCancelled` withdraws: they are not answered. */
  cancel(event: JsonObject): readonly string[] {
    const ids = functionsOf(event).map((call) => stringField(call, 'id'))
    return ids.filter((id) => this.#waiting.delete(id))
  }

  /** @returns The answer to a call; nothing where it was withdrawn, is answered, or is not of this connection. */
  *answer({ callId, name, output }: Extract<Command, { type: 'tool-result' }>): Iterable<string> {
    if (!this.#waiting.delete(callId)) return
    const signature = this.#signatures.get(callId)
    yield JSON.stringify({
      type: 'FunctionCallResponse',
      id: callId,
      name,
      content: output,
      ...(signature && { thought_signature: signature }),
    })
  }

  /** The connection is another one. */
  forget(): void {
    this.#waiting.clear()
  }

  #sign(callId: string, signature: string): void {
    this.#signatures.set(callId, signature)
    const [oldest] = this.#signatures.keys()
    if (oldest !== undefined && this.#signatures.size > MAX_SIGNATURES) this.#signatures.delete(oldest)
  }
}

function functionsOf(event: JsonObject): readonly JsonObject[] {
  const { functions } = event as { functions?: unknown }
  return Array.isArray(functions) ? functions.filter(isObject) : []
}

function fieldsOf(call: JsonObject): { callId: string; name: string; text: string } {
  return {
    callId: stringField(call, 'id'),
    name: stringField(call, 'name'),
    text: stringField(call, 'arguments'),
  }
}
