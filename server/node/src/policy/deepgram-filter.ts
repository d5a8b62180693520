import type { DataMessage } from '../relay/message-assembler.ts'
import type { FilterHost, MessageFilter, Verdict } from '../relay/message-filter.ts'
import { DeepgramTools } from './deepgram-tools.ts'
import { isObject, type Json, type JsonObject, merge, quotes, textsIn } from './json.ts'
import { allowsMessage, pickFields, type ResolvedPolicy } from './policy.ts'
import type { ToolRunner } from './tools.ts'
import { Verdicts } from './verdicts.ts'

/** Short texts are words that occur anyway. */
const LEAST_SECRET_CHARACTERS = 16

/** Messages that replace a part of the agent, which is locked there as in `Settings`. */
const UPDATES: Readonly<Record<string, 'listen' | 'think' | 'speak'>> = {
  UpdateListen: 'listen',
  UpdateThink: 'think',
  UpdateSpeak: 'speak',
}

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
    const texts = textsIn([policy.session, ...(runner?.declarations ?? [])])
    this.#secrets = texts.filter((text) => text.length >= LEAST_SECRET_CHARACTERS)
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
    if (!allowsMessage(this.#policy, type) || this.#isLocked(message)) {
      return this.#verdicts.forbid(message, 'Messages of this type are not allowed here')
    }
    return JSON.stringify(this.#rewritten(message))
  }

  mayTell(text: string): boolean {
    return !quotes(text, this.#secrets)
  }

  fromProvider({ binary, payload }: DataMessage): Verdict {
    const message = binary ? null : this.#verdicts.trust(payload)
    if (message === null) return binary || this.#secrets.length === 0 // what cannot be read could tell anything
    const shown = this.#tools === null ? message : this.#tools.fromProvider(message)
    if (shown === null) return false
    const redacted = this.#redact(shown)
    return redacted === message ? true : JSON.stringify(redacted)
  }

  /** Whether a message says what only the server may: more of its prompt, or what a tool of the relay has found out. */
  #isLocked({ type, name }: JsonObject): boolean {
    if (type === 'FunctionCallResponse') return this.#runner?.has(name) === true
    return type === 'UpdatePrompt' && this.#setsThink && !this.#policy.messages.includes('UpdatePrompt')
  }

  #rewritten(message: JsonObject): JsonObject {
    const { type } = message
    if (type === 'Settings') return this.#settings(message)
    const part = typeof type === 'string' && Object.hasOwn(UPDATES, type) ? UPDATES[type]! : null
    if (part === null) return message
    const { agent } = this.#locked({ agent: { [part]: message[part] ?? {} } })
    return { ...message, [part]: (agent as JsonObject)[part]! }
  }

  /** What of the client's settings may stay, under the server's own, with the tools that run here. */
  #settings(message: JsonObject): JsonObject {
    const asked = withHistory(pickFields(this.#policy, message), (entry) => this.#mayRemember(entry))
    return this.#locked({ type: 'Settings', ...asked })
  }

  /** Nobody but the two who talk has said anything before, and no tool of the relay. */
  #mayRemember(entry: Json): boolean {
    const { role, function_calls: calls } = isObject(entry) ? entry : {}
    const forged =
      Array.isArray(calls) && calls.some((call) => isObject(call) && this.#runner?.has(call['name']))
    if (forged) return false
    return this.#policy.systemMessages || role === undefined || role === 'user' || role === 'assistant'
  }

  #locked(asked: JsonObject): JsonObject {
    const settings = merge(this.#withoutEndpoint(asked), this.#policy.session)
    const functions = this.#runner?.declarations ?? []
    // An agent that the provider keeps is an id, and has the functions that it has there.
    if (functions.length === 0 || typeof settings['agent'] === 'string') return settings
    const agent = isObject(settings['agent']) ? settings['agent'] : {}
    const { think } = agent
    // A list is a chain of models, each with functions of its own.
    const chain = Array.isArray(think)
      ? think.map((one) => withFunctions(one, functions))
      : withFunctions(think, functions)
    return { ...settings, agent: { ...agent, think: chain } }
  }

  /** Whoever says where the model is gets to read its prompt there. */
  #withoutEndpoint(asked: JsonObject): JsonObject {
    const { agent } = asked
    if (!isObject(agent) || !isObject(agent['think']) || !this.#setsThink) return asked
    if (this.#policy.fields.includes('agent.think.endpoint')) return asked
    const { endpoint: _endpoint, ...think } = agent['think']
    return { ...asked, agent: { ...agent, think } }
  }

  get #setsThink(): boolean {
    const { agent } = this.#policy.session
    return isObject(agent) ? agent['think'] !== undefined : agent !== undefined // an id stands for all of it
  }

  /** An error may quote what was wrong. */
  #redact(message: JsonObject): JsonObject {
    if (message['type'] !== 'Error' && message['type'] !== 'Warning') return message
    if (textsIn(message).every((text) => this.mayTell(text))) return message
    const { type, code } = message
    const safe = typeof code === 'string' && /^[A-Z\d_-]{1,64}$/.test(code)
    return { type, ...(safe && { code }), description: 'The provider reported a fault' }
  }
}

/** Leaves out of what the client says was said before whatever may not be kept. */
function withHistory(settings: JsonObject, keep: (entry: Json) => boolean): JsonObject {
  const { agent } = settings
  const context = isObject(agent) ? agent['context'] : undefined
  if (!isObject(agent) || !isObject(context) || context['messages'] === undefined) return settings
  const messages = Array.isArray(context['messages']) ? context['messages'].filter(keep) : []
  return { ...settings, agent: { ...agent, context: { ...context, messages } } }
}

function withFunctions(think: Json | undefined, functions: readonly JsonObject[]): JsonObject {
  const settings = isObject(think) ? think : {}
  const own = Array.isArray(settings['functions']) ? settings['functions'] : []
  const names = new Set(functions.map(({ name }) => name))
  const others = own.filter((one) => !isObject(one) || !names.has(one['name'] as string))
  return { ...settings, functions: [...others, ...functions] }
}
