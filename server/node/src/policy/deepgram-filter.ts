import type { DataMessage } from '../relay/message-assembler.ts'
import type { FilterHost, MessageFilter, Verdict } from '../relay/message-filter.ts'
import { DeepgramTools } from './deepgram-tools.ts'
import { isObject, type Json, type JsonObject, merge, textsIn } from './json.ts'
import { allowsMessage, pickFields, type ResolvedPolicy } from './policy.ts'
import type { ToolRunner } from './tools.ts'
import { Verdicts } from './verdicts.ts'

/** Short texts are words that occur anyway. */
const LEAST_SECRET_CHARACTERS = 8

/** Deepgram's protocols under a policy: the Voice Agent's `Settings` are the server's, and sound passes untouched. */
export class DeepgramFilter implements MessageFilter {
  readonly maxMessageBytes: number
  readonly #policy: ResolvedPolicy
  readonly #secrets: readonly string[]
  readonly #verdicts = new Verdicts('deepgram')
  readonly #runner: ToolRunner | null
  readonly #tools: DeepgramTools | null

  /** @param runner The tools that run here; null where there are none. */
  constructor(policy: ResolvedPolicy, runner: ToolRunner | null) {
    this.#policy = policy
    this.maxMessageBytes = policy.maxMessageBytes
    this.#secrets = textsIn(policy.session).filter((text) => text.length >= LEAST_SECRET_CHARACTERS)
    this.#runner = runner
    this.#tools = runner && new DeepgramTools(runner)
  }

  start(host: FilterHost): void {
    this.#verdicts.start(host)
    this.#tools?.start(host)
  }

  stop(): void {
    this.#tools?.stop()
  }

  fromClient({ binary, payload }: DataMessage): Verdict {
    if (binary) return true
    const message = this.#verdicts.read(binary, payload)
    if (message === null) return false
    const { type } = message
    if (!allowsMessage(this.#policy, type)) {
      return this.#verdicts.forbid(message, 'Messages of this type are not allowed here')
    }
    return JSON.stringify(type === 'Settings' ? this.#settings(message) : message)
  }

  fromProvider({ binary, payload }: DataMessage): Verdict {
    const message = binary ? null : this.#verdicts.trust(payload)
    if (message === null) return true
    const shown = this.#tools === null ? message : this.#tools.fromProvider(message)
    if (shown === null) return false
    const redacted = this.#redact(shown)
    return redacted === message ? true : JSON.stringify(redacted)
  }

  /** What of the client's settings may stay, under the server's own, with the tools that run here. */
  #settings(message: JsonObject): JsonObject {
    const settings = merge({ type: 'Settings', ...pickFields(this.#policy, message) }, this.#policy.session)
    const functions = this.#runner?.declarations ?? []
    if (functions.length === 0) return settings
    const agent = isObject(settings['agent']) ? settings['agent'] : {}
    const { think } = agent
    // A list is a chain of models, each with functions of its own.
    const chain = Array.isArray(think)
      ? think.map((one) => withFunctions(one, functions))
      : withFunctions(think, functions)
    return { ...settings, agent: { ...agent, think: chain } }
  }

  /** An error may quote what was wrong. */
  #redact(message: JsonObject): JsonObject {
    if (message['type'] !== 'Error' && message['type'] !== 'Warning') return message
    const texts = textsIn(message)
    const tells = this.#secrets.some((secret) => texts.some((text) => text.includes(secret)))
    return tells ? { ...message, description: 'The provider reported a fault' } : message
  }
}

function withFunctions(think: Json | undefined, functions: readonly JsonObject[]): JsonObject {
  const settings = isObject(think) ? think : {}
  const own = Array.isArray(settings['functions']) ? settings['functions'] : []
  const names = new Set(functions.map(({ name }) => name))
  const others = own.filter((one) => !isObject(one) || !names.has(one['name'] as string))
  return { ...settings, functions: [...others, ...functions] }
}
