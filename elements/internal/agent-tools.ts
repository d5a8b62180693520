import {
  defineTool,
  type SessionOptions,
  type Tool,
  type ToolCallEvent,
  type ToolContext,
  type ToolDefinition,
  type ToolParameters,
  VoiceError,
  type VoiceSession,
  type VoiceWarning,
} from '../../src/index.ts'
import type { Context } from './session-context.ts'
import { VoiceToolCallEvent } from './tool-call-event.ts'

type JsonSchema = Exclude<NonNullable<ToolParameters>, { readonly '~standard': unknown }>

/** A tool that a page answers by the `toolcall` event, so that its definition has neither handler nor endpoint. */
export type ToolDescription = Omit<ToolDefinition<JsonSchema>, 'handler' | 'endpoint'>

/** What an agent takes for a tool. */
export type AgentTool = Tool | ToolDescription | ToolDefinition | ToolDefinition<JsonSchema>

/** An element that describes a tool, and is asked for the answers. */
export interface ToolElement extends EventTarget {
  /** @throws {TypeError} If its schema is no JSON object. */
  describe(): ToolDescription
}

/** Whose tools they are, and who is told. */
export interface ToolOwner extends EventTarget {
  readonly session: VoiceSession | null
  readonly tools: readonly AgentTool[]
  readonly sessionOptions: Partial<SessionOptions>
}

/** Where elements that describe tools find the agent around them. */
export const toolsContext: Context<AgentTools> = Symbol.for('voicewire.tools')

/** The tools of an agent: it brings the session up to date with them, and asks the page where they have no handler. */
export class AgentTools {
  readonly #owner: ToolOwner
  readonly #elements = new Set<ToolElement>()
  /** Who answers the tools that have no handler, by their names. */
  #askers: ReadonlyMap<string, EventTarget> = new Map()
  /** The session made with them; one that a page hands in has tools of its own. */
  #session: VoiceSession | null = null
  /** What that session was told of them, as JSON. */
  #told = ''
  /** Whether something may be different from that. */
  #dirty = false
  #updating = false

  constructor(owner: ToolOwner) {
    this.#owner = owner
  }

  /** @returns A function that takes the element's tool away. */
  add(element: ToolElement): () => void {
    this.#elements.add(element)
    this.changed()
    return () => {
      this.#elements.delete(element)
      this.changed()
    }
  }

  /**
   * @returns All tools: those of `sessionOptions`, of the agent, and of elements.
   * @throws {TypeError} If the model could not be told of one.
   */
  define(): readonly Tool[] {
    const { sessionOptions, tools } = this.#owner
    const askers = new Map<string, EventTarget>()
    const asked = (description: ToolDescription, target: EventTarget): Tool => {
      askers.set(description.name, target)
      const { name } = description
      return defineTool<JsonSchema>({
        ...description,
        handler: (input, context) => this.#ask(this.#askers.get(name), input, context),
      })
    }
    const all = [
      ...(sessionOptions.tools ?? []),
      ...tools.map((tool) => {
        if ('declaration' in tool) return tool
        if ('handler' in tool || 'endpoint' in tool) return defineTool(tool as ToolDefinition)
        return asked(tool, this.#owner)
      }),
      ...[...this.#elements].map((element) => asked(element.describe(), element)),
    ]
    this.#askers = askers
    return all
  }

  /** Keeps a session up to date that was made with {@link define}'s tools, instead of the one before. */
  follow(session: VoiceSession, tools: readonly Tool[]): VoiceSession {
    this.#session = session
    this.#told = textOf(tools)
    session.on('statechange', ({ state }) => {
      if (state === 'open') this.changed()
    })
    return session
  }

  /** Tells the session of what is different; all changes of one task at once. */
  changed(): void {
    this.#dirty = true
    if (!this.#updating && this.#session?.state === 'open') void this.#update(this.#session)
  }

  /** Tells the page what the session says of a call, unless the page is asked about it right away. */
  tell(call: ToolCallEvent): void {
    const { session } = this.#owner
    const asks = call.status === 'running' && session === this.#session && this.#askers.has(call.name)
    if (!asks) this.#owner.dispatchEvent(new VoiceToolCallEvent(call))
  }

  async #update(session: VoiceSession): Promise<void> {
    const { capabilities } = session.provider
    if (capabilities?.tools === false || capabilities?.update === false) return
    this.#updating = true
    try {
      while (this.#dirty && session === this.#session && session.state === 'open') {
        await Promise.resolve()
        this.#dirty = false
        const tools = this.define()
        const text = textOf(tools)
        if (text === this.#told) continue
        this.#told = text
        await session.update({ tools })
      }
    } catch (error) {
      this.#failed(error)
    }
    this.#updating = false
    if (this.#dirty) this.changed()
  }

  /** A line that is lost is told of all when it is open again; what was refused is not told twice. */
  #failed(error: unknown): void {
    const { name, message } = error as Error
    if (name === 'AbortError') return
    const { code, hint } =
      error instanceof VoiceError
        ? error
        : ({ code: 'configuration-rejected', hint: 'Correct what the message names' } as const)
    if (code === 'connection-lost') {
      this.#told = ''
      return
    }
    const detail: VoiceWarning = { code, message, hint }
    this.#owner.dispatchEvent(new CustomEvent('warning', { detail, bubbles: true, composed: true }))
  }

  /** @returns The page's answer. @throws If nobody answers. */
  #ask(target: EventTarget | undefined, input: unknown, { callId, name, signal }: ToolContext): unknown {
    let answer: { readonly value: unknown } | undefined
    const onanswer = (value: unknown): void => {
      answer = { value }
    }
    target?.dispatchEvent(
      new VoiceToolCallEvent({ callId, name, status: 'running', input }, { signal, onanswer }),
    )
    if (!answer) throw new Error('No listener of toolcall called respondWith()')
    return (answer as { readonly value: unknown }).value
  }
}

function textOf(tools: readonly Tool[]): string {
  return JSON.stringify(tools.map(({ declaration }) => declaration))
}
