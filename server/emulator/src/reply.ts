import { isObject, type JsonObject } from './schema.ts'

/** A tool that the client offers. */
export interface Tool {
  readonly name: string
  readonly description: string
  /** JSON Schema of the arguments. */
  readonly parameters: JsonObject
}

/** A tool that the agent wants called. */
export interface ToolCall {
  readonly name: string
  /** An object is written as JSON; a string goes out as it is, valid or not. */
  readonly arguments: JsonObject | string
  /** What a thinking model wants back with the answer; Deepgram only. */
  readonly thoughtSignature?: string
}

/** What a client's tool answered. */
export interface ToolOutput {
  readonly name: string
  readonly output: string
}

/** A call that was answered earlier in the conversation. */
export interface PastCall {
  readonly name: string
  /** As it went out: JSON, unless the agent wrote something else. */
  readonly arguments: string
  readonly output: string
}

/** One utterance of the conversation so far. */
export interface Utterance {
  readonly role: 'user' | 'assistant' | 'system'
  readonly text: string
}

/** What the agent knows when it thinks of an answer. */
export interface ReplyContext {
  readonly protocol: 'openai-realtime' | 'deepgram-agent'
  /** How many answers this connection was given before. */
  readonly turn: number
  /** Instructions of the session, or the prompt. */
  readonly instructions: string
  /** Instructions of this one answer, where the client gave some; else `null`. */
  readonly asked: string | null
  /** Milliseconds the user spoke; `null` when the text was typed. */
  readonly speechMs: number | null
  /** Whether the text is what was said rather than a description of it. */
  readonly transcribed: boolean
  readonly tools: readonly Tool[]
  /** What tools answered since the agent spoke last; empty in an ordinary turn. */
  readonly toolOutputs: readonly ToolOutput[]
  readonly history: readonly Utterance[]
  /** Every call that was answered, those of a conversation that the client brought along too. */
  readonly pastCalls: readonly PastCall[]
}

/** An answer: words to speak, tools to call, or words and then tools. */
export type Reply = string | { readonly text?: string; readonly calls?: readonly ToolCall[] }

/** Thinks of an answer to `text`, which is empty when there is nothing new from the user. */
export type Respond = (text: string, context: ReplyContext) => Reply | Promise<Reply>

const ENCOURAGEMENTS = [
  'Go on, I am listening.',
  'Tell me more.',
  'What would you like to do next?',
  'I am still here.',
  'You can interrupt me at any time.',
]

const QUOTED = /["“](.+?)["”]/s
const ORDER = /^\s*(?:please\s+)?(?:say|speak|repeat|greet|read)\b(?:[^:\n]*:\s*|\s+)(.+)$/is

/**
 * The emulator's own answers. They are deterministic: what a tool said is passed on; a text that names a tool
 * calls it; instructions of the kind *Say "…"* are followed; otherwise the answer tells what was heard.
 */
export const defaultReply: Respond = (text, context) => {
  if (context.toolOutputs.length > 0) return context.toolOutputs.map(tell).join(' ')
  const tool = context.tools.find(({ name }) => mentions(text, name))
  if (tool) return { calls: [{ name: tool.name, arguments: argumentsFor(tool.parameters, text) }] }
  const ordered = context.asked === null ? null : sentenceOrdered(context.asked)
  if (ordered) return ordered
  const encouragement = ENCOURAGEMENTS[context.turn % ENCOURAGEMENTS.length]!
  return `${echo(text, context)} ${encouragement}`
}

/** A call's arguments that satisfy the required part of a JSON Schema, drawn from the text where possible. */
export function argumentsFor(schema: JsonObject, text: string): JsonObject {
  const properties = isObject(schema['properties']) ? schema['properties'] : {}
  const required = Array.isArray(schema['required']) ? schema['required'] : Object.keys(properties)
  return Object.fromEntries(required.map((name) => [name, example(properties[name], text)]))
}

function example(schema: unknown, text: string): unknown {
  if (!isObject(schema)) return text
  if (Array.isArray(schema['enum'])) return schema['enum'][0]
  switch (schema['type']) {
    case 'number':
    case 'integer':
      return Number(/-?\d+/.exec(text)?.[0] ?? 1)
    case 'boolean':
      return true
    case 'array':
      return []
    case 'object':
      return argumentsFor(schema, text)
    default:
      return placeIn(text) ?? text
  }
}

/** The name that follows "in", "for" or "to" at the end of a sentence. */
function placeIn(text: string): string | null {
  return /\b(?:in|for|to)\s+([^.?!]+?)\s*[.?!]?\s*$/i.exec(text)?.[1] ?? null
}

/** Whether a text names a tool, as `get_weather` or as "get weather". */
function mentions(text: string, name: string): boolean {
  const plain = (value: string) => value.toLowerCase().replaceAll(/[_-]+/g, ' ')
  return plain(text).includes(plain(name))
}

function sentenceOrdered(instructions: string): string | null {
  const order = ORDER.exec(instructions)
  if (!order) return null
  return (QUOTED.exec(instructions)?.[1] ?? order[1]!).trim()
}

function tell({ name, output }: ToolOutput): string {
  return `The tool ${name.replaceAll('_', ' ')} says: ${output.slice(0, 200)}.`
}

function echo(text: string, { speechMs, transcribed }: ReplyContext): string {
  if (speechMs !== null && !transcribed) {
    return `I heard you speak for ${(speechMs / 1000).toFixed(1)} seconds.`
  }
  if (text === '') return 'Hello, I am the emulator.'
  return `${speechMs === null ? 'You wrote' : 'You said'}: ${text.slice(0, 300)}${/[.?!]$/.test(text) ? '' : '.'}`
}
