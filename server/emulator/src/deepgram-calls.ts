import { randomUUID } from 'node:crypto'
import type { ToolCall, ToolOutput } from './reply.ts'
import type { JsonObject } from './schema.ts'

/** What calls need of the turn around them. */
export interface CallsContext {
  readonly signal: AbortSignal
  /** Ids of all calls that the session asked its client for. */
  readonly issued: Set<string>
  send(type: string, fields: JsonObject): void
  warn(code: string, description: string): void
}

interface PendingCall {
  readonly wire: JsonObject & { readonly id: string; readonly name: string }
  readonly clientSide: boolean
  resolve(output: string): void
}

/** A call and what it came to, as the history tells it. */
export interface AnsweredCalls {
  readonly outputs: ToolOutput[]
  readonly history: JsonObject[]
}

/** The function calls of one turn that wait for their answers. */
export class DeepgramCalls {
  readonly #context: CallsContext
  readonly #pending = new Map<string, PendingCall>()

  constructor(context: CallsContext) {
    this.#context = context
  }

  /** Asks for every call at once and waits for every answer; `null` if the turn was cut off first. */
  async ask(calls: readonly { call: ToolCall; clientSide: boolean }[]): Promise<AnsweredCalls | null> {
    const entries = calls.map(({ call, clientSide }) => this.#expect(call, clientSide))
    this.#context.send('FunctionCallRequest', { functions: entries.map(({ wire }) => wire) })
    const all = Promise.all(entries.map(({ output }) => output))
    const answers = await Promise.race([all, this.#aborted()])
    if (!answers) return null
    return {
      outputs: calls.map(({ call }, i) => ({ name: call.name, output: answers[i]! })),
      history: entries.map(({ wire }, i) => ({ ...wire, response: answers[i]! })),
    }
  }

  /** Takes a FunctionCallResponse; returns whether a call waited for it. */
  take({ id, name, content, thought_signature: signature }: JsonObject): boolean {
    const waiting = [...this.#pending.values()].filter(({ clientSide }) => clientSide)
    const pending = waiting.find(({ wire }) => (id === undefined ? wire.name === name : wire.id === id))
    if (!pending) return false
    this.#pending.delete(pending.wire.id)
    if ((pending.wire['thought_signature'] ?? null) !== (signature ?? null)) {
      this.#context.warn('FUNCTION_CALL_FAILED', 'The response must repeat the thought_signature of its call')
    }
    pending.resolve(String(content))
    return true
  }

  /** Takes back every call that the client has not answered. */
  withdraw(): void {
    const functions = [...this.#pending.values()]
      .filter(({ clientSide }) => clientSide)
      .map(({ wire: { id, name } }) => ({ id, name }))
    this.#pending.clear()
    if (functions.length > 0) this.#context.send('FunctionCallCancelled', { functions })
  }

  #expect(call: ToolCall, clientSide: boolean): { wire: JsonObject; output: Promise<string> } {
    const id = randomUUID()
    const wire = {
      id,
      name: call.name,
      arguments: typeof call.arguments === 'string' ? call.arguments : JSON.stringify(call.arguments),
      client_side: clientSide,
      ...(call.thoughtSignature === undefined ? {} : { thought_signature: call.thoughtSignature }),
    }
    if (clientSide) this.#context.issued.add(id)
    const output = new Promise<string>((resolve) => {
      this.#pending.set(id, { wire, clientSide, resolve })
    })
    // An endpoint belongs to somebody else: the emulator says that it was called and calls nobody.
    if (!clientSide) queueMicrotask(() => this.#answerForServer(id))
    return { wire, output }
  }

  #answerForServer(id: string): void {
    const content = '{"ok":true}'
    const pending = this.#pending.get(id)
    if (!pending) return
    this.#pending.delete(id)
    this.#context.send('FunctionCallResponse', { id, name: pending.wire.name, content })
    pending.resolve(content)
  }

  #aborted(): Promise<null> {
    const { signal } = this.#context
    return new Promise((resolve) => {
      if (signal.aborted) resolve(null)
      signal.addEventListener('abort', () => resolve(null), { once: true })
    })
  }
}
