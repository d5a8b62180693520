import type { DataMessage } from '../relay/message-assembler.ts'
import type { FilterHost, MessageFilter, Verdict } from '../relay/message-filter.ts'
import { totalTokens } from '../relay/usage-reader.ts'
import { isPlainAppend } from './audio-append.ts'
import { isObject, type Json, type JsonObject, without } from './json.ts'
import { OpenAIRedaction } from './openai-redaction.ts'
import { OpenAITools } from './openai-tools.ts'
import { allowsMessage, pickFields, type ResolvedPolicy } from './policy.ts'
import type { ToolRunner } from './tools.ts'
import { Verdicts } from './verdicts.ts'

/** The `event_id` of the template's update, by which its failure is known. */
const TEMPLATE_ID = 'relay_template'
/** Types that hold sound or words of the conversation only, many a second; OpenAI writes the type first. */
const PASSING = [
  'response.output_audio.delta',
  'response.output_audio_transcript.delta',
  'response.output_text.delta',
  'conversation.item.input_audio_transcription.delta',
].map((type) => Buffer.from(`{"type":"${type}"`))
/** What clients may put into the conversation; tools of MCP are the server's matter. */
const ITEM_TYPES = ['message', 'function_call', 'function_call_output', 'mcp_approval_response']

/** OpenAI's protocol under a policy: the template is set first and stays, and nobody can read it. */
export class OpenAIFilter implements MessageFilter {
  readonly maxMessageBytes: number
  readonly #policy: ResolvedPolicy
  readonly #template: JsonObject
  /** What no client can set: all that the template sets, and what it was set for. */
  readonly #locked: JsonObject
  readonly #redaction: OpenAIRedaction
  readonly #verdicts: Verdicts
  readonly #tools: OpenAITools | null
  #host: FilterHost | null = null
  /** Whether the answer to the template's update is still to come. */
  #awaiting = false

  /** @param runner The tools that run here; null where there are none. */
  constructor(policy: ResolvedPolicy, runner: ToolRunner | null) {
    this.#policy = policy
    this.maxMessageBytes = policy.maxMessageBytes
    const set = policy.session['tools']
    const tools = [...(Array.isArray(set) ? set : []), ...functions(runner)]
    this.#template = { ...policy.session, ...(tools.length > 0 && { tools }) }
    const { model } = policy
    const type = Object.keys(this.#template).length > 0 && { type: this.#type }
    this.#locked = { ...this.#template, ...type, ...(model !== undefined && { model }) }
    this.#redaction = new OpenAIRedaction(this.#template)
    this.#verdicts = new Verdicts('openai')
    this.#tools = runner && new OpenAITools(runner)
  }

  start(host: FilterHost): void {
    this.#host = host
    this.#verdicts.start(host)
    this.#tools?.start(host)
    if (Object.keys(this.#template).length === 0) return
    this.#awaiting = true
    const session = { type: this.#type, ...this.#template }
    host.toProvider(JSON.stringify({ type: 'session.update', event_id: TEMPLATE_ID, session }))
  }

  stop(): void {
    this.#tools?.stop()
    this.#host = null
  }

  fromClient({ binary, payload }: DataMessage): Verdict {
    if (!binary && isPlainAppend(payload) && this.#allows('input_audio_buffer.append')) return true
    const message = this.#verdicts.read(binary, payload)
    if (message === null) return false
    const { type } = message
    if (!this.#allows(type))
      return this.#verdicts.forbid(message, `Messages of this type are not allowed here`)
    switch (type) {
      case 'session.update':
        return JSON.stringify({
          ...message,
          session: { type: this.#type, ...this.#unlocked('session', message['session']) },
        })
      case 'response.create':
        return this.#create(message)
      case 'conversation.item.create':
        return this.#item(message)
      default:
        return JSON.stringify(message)
    }
  }

  mayTell(text: string): boolean {
    return this.#redaction.mayTell(text)
  }

  fromProvider({ binary, payload }: DataMessage): Verdict {
    if (binary || PASSING.some((start) => start.equals(payload.subarray(0, start.length)))) return true
    const message = this.#verdicts.trust(payload)
    if (message === null) return this.#redaction.empty // what cannot be read could tell anything
    this.#count(message)
    if (this.#answersTemplate(message)) return false
    const shown = this.#tools === null ? message : this.#tools.fromProvider(message)
    if (shown === null) return false
    const redacted = this.#redaction.redact(shown)
    return redacted === message ? true : JSON.stringify(redacted)
  }

  get #type(): Json {
    return this.#template['type'] ?? 'realtime'
  }

  #allows(type: Json | undefined): boolean {
    return allowsMessage(this.#policy, type)
  }

  #create(message: JsonObject): Verdict {
    const { response, ...rest } = message
    const allowed = this.#unlocked('response', response)
    for (const item of inputOf(allowed)) {
      const objection = this.#objection(item)
      if (objection !== null) return this.#verdicts.forbid(message, objection)
    }
    const text = JSON.stringify(Object.keys(allowed).length === 0 ? rest : { ...rest, response: allowed })
    return this.#tools?.holdCreate(text) === true ? false : text
  }

  /** What of a client's configuration may go on: what it may set, and the template does not. */
  #unlocked(root: 'session' | 'response', asked: Json | undefined): JsonObject {
    const { [root]: picked } = pickFields(this.#policy, { [root]: isObject(asked) ? asked : {} })
    const allowed = isObject(picked) ? picked : {}
    const rest = without(allowed, this.#locked)
    const { tools: added } = allowed
    if (!Array.isArray(added)) return rest
    const set = this.#template['tools'] ?? []
    const locked = Array.isArray(set) ? set : []
    const taken = new Set(locked.map(nameOf))
    const own = added.filter((tool) => isFunction(tool) && !taken.has(nameOf(tool)))
    this.#redaction.show(own.map(nameOf))
    return { ...rest, tools: [...locked, ...own] }
  }

  #item(message: JsonObject): Verdict {
    const objection = this.#objection(message['item'])
    return objection === null ? JSON.stringify(message) : this.#verdicts.forbid(message, objection)
  }

  /** Why a client may not put an item into the conversation; null where it may. */
  #objection(item: Json | undefined): string | null {
    const { type, role, name } = isObject(item) ? item : {}
    const known = typeof type === 'string' && ITEM_TYPES.includes(type)
    // A call that never was, with a result of the client's, would pass for what a tool of the relay has said.
    const forged = type === 'function_call' && this.#tools?.has(name) === true
    if (forged || !(known || this.#allows('*'))) return 'Items of this type are not allowed here'
    if (this.#policy.systemMessages && (role === 'system' || this.#allows('*'))) return null
    const silent = role === undefined && type !== 'message'
    return silent || role === 'user' || role === 'assistant' ? null : 'This role is not allowed here'
  }

  #count(message: JsonObject): void {
    if (message['type'] !== 'response.done') return
    const tokens = totalTokens(message)
    if (tokens > 0) this.#host?.used(tokens)
  }

  #answersTemplate(message: JsonObject): boolean {
    if (!this.#awaiting) return false
    const { type, error } = message
    if (type === 'error' && isObject(error) && error['event_id'] === TEMPLATE_ID) {
      this.#awaiting = false
      this.#host?.end('upstream_refused', 1011, 'The provider did not accept the session of this relay')
      return true
    }
    if (type !== 'session.updated') return false
    this.#awaiting = false
    return true
  }
}

function functions(runner: ToolRunner | null): JsonObject[] {
  return (runner?.declarations ?? []).map((declared) => ({ type: 'function', ...declared }))
}

/** What a response is to be made of in place of the conversation; a reference only names what is in that already. */
function inputOf({ input }: JsonObject): readonly Json[] {
  if (input === undefined || input === null) return []
  const items: readonly Json[] = Array.isArray(input) ? input : [input]
  return items.filter((item) => !isObject(item) || item['type'] !== 'item_reference')
}

function isFunction(tool: Json): boolean {
  return isObject(tool) && tool['type'] === 'function'
}

function nameOf(tool: Json): Json | undefined {
  return isObject(tool) ? tool['name'] : undefined
}
