import { isObject, type Json, type JsonObject, quotes, textsIn } from './json.ts'

/** Short texts are words that occur anyway. */
const LEAST_SECRET_CHARACTERS = 16
/** More tools than any session has, and the longest name a tool may have: a client cannot fill the memory with them. */
const MOST_SHOWN = 1024
const MOST_NAME_CHARACTERS = 64
/** What of a session only its author may read, where the template sets it. */
const PRIVATE = ['instructions', 'prompt', 'tracing', 'tool_choice']

/** Takes out of OpenAI's messages what the template set: instructions, prompt, tools. */
export class OpenAIRedaction {
  readonly #secrets: readonly string[]
  readonly #hidden: ReadonlySet<string>
  readonly #hidesTools: boolean
  readonly #hidesTranscription: boolean
  /** The tools that the client brought itself. */
  readonly #shown = new Set<Json>()

  constructor(template: JsonObject) {
    const texts = ['instructions', 'prompt', 'tools'].flatMap((name) => textsIn(template[name]))
    this.#secrets = texts.filter((text) => text.length >= LEAST_SECRET_CHARACTERS)
    const hasPrompt = Object.hasOwn(template, 'prompt')
    const hidden = PRIVATE.filter((name) => Object.hasOwn(template, name))
    // A prompt that the provider keeps is no more than an id here; what it says comes back as these.
    this.#hidden = new Set(hasPrompt ? [...hidden, 'instructions'] : hidden)
    this.#hidesTools = hasPrompt || Object.hasOwn(template, 'tools')
    this.#hidesTranscription = transcriptionOf(template['audio']) !== null
  }

  /** From now on the client may see its own tools of these names. */
  show(names: readonly (Json | undefined)[]): void {
    for (const name of names) {
      if (typeof name !== 'string' || name.length > MOST_NAME_CHARACTERS) continue
      this.#shown.delete(name)
      this.#shown.add(name) // behind all others: those that were brought first are forgotten first
      if (this.#shown.size > MOST_SHOWN) this.#shown.delete(this.#shown.values().next().value!)
    }
  }

  /** Whether there is nothing that a client may not read. */
  get empty(): boolean {
    return this.#secrets.length === 0
  }

  /** Whether a text of the provider's quotes nothing private. */
  mayTell(text: string): boolean {
    return !quotes(text, this.#secrets)
  }

  /** @returns The same message where there is nothing to take out. */
  redact(message: JsonObject): JsonObject {
    const { session, response, item, error } = message
    if (isObject(session)) return { ...message, session: this.#session(session) }
    if (isObject(error)) return this.#error(message, error)
    if (isObject(item) && item['type'] === 'mcp_list_tools' && this.#hidesTools) {
      return { ...message, item: { ...item, tools: [] } }
    }
    // A response has no such fields as far as is known; where it gets some, they are private too.
    return isObject(response) ? { ...message, response: this.#session(response) } : message
  }

  #session(session: JsonObject): JsonObject {
    const kept = Object.entries(session).filter(([name]) => !this.#hidden.has(name))
    const { tools, audio } = session
    return {
      ...Object.fromEntries(kept),
      ...(this.#hidesTools && Array.isArray(tools) && { tools: tools.filter((tool) => this.#mayShow(tool)) }),
      ...(this.#hidesTranscription && isObject(audio) && { audio: withoutPrompts(audio) }),
    }
  }

  #mayShow(tool: Json): boolean {
    return isObject(tool) && this.#shown.has(tool['name'] ?? null)
  }

  /** An error may quote what was wrong. */
  #error(message: JsonObject, error: JsonObject): JsonObject {
    if (textsIn(error).every((text) => this.mayTell(text))) return message
    const { type, code, event_id: id = null } = error
    const told = { type: type ?? null, code: code ?? null, message: 'The provider reported an error' }
    return { ...message, error: { ...told, param: null, event_id: id } }
  }
}

function transcriptionOf(audio: Json | undefined): JsonObject | null {
  const input = isObject(audio) ? audio['input'] : undefined
  const transcription = isObject(input) ? input['transcription'] : undefined
  return isObject(transcription) ? transcription : null
}

/** What a transcription is told of the words to expect is the author's, too. */
function withoutPrompts(audio: JsonObject): JsonObject {
  const asked = transcriptionOf(audio)
  if (asked === null) return audio
  const { prompt: _prompt, keywords: _keywords, ...transcription } = asked
  return { ...audio, input: { ...(audio['input'] as JsonObject), transcription } }
}
