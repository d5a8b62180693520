import {
  defineTool,
  type Tool,
  type ToolContext,
  type ToolDefinition,
  VoiceError,
  type VoiceSession,
  type VoiceWarning,
} from '../../src/index.ts'
import type { AgentTools, JsonSchema, ToolDescription, ToolSession } from './agent-tools.ts'
import { VoiceToolCallEvent } from './tool-call-event.ts'

/** The tools of an agent as its session knows them: kept up to date, and the page is asked where they have no handler. */
export class SessionTools implements ToolSession {
  /** All tools that the session is to begin with: those of `sessionOptions`, of the agent, and of elements. */
  readonly initial: readonly Tool[]
  readonly #source: AgentTools
  /** Who answers the tools that have no handler, by their names. */
  #askers: ReadonlyMap<string, EventTarget> = new Map()
  #session: VoiceSession | null = null
  /** What the session was told of them, as JSON. */
  #told: string
  /** Whether something may be different from that. */
  #dirty = false
  #updating = false

  /** @throws {TypeError} If the model could not be told of one. */
  constructor(source: AgentTools) {
    this.#source = source
    this.initial = this.#define()
    this.#told = textOf(this.initial)
  }

  /** Keeps a session up to date that was made with the {@link initial} ones. */
  follow(session: VoiceSession): void {
    this.#session = session
    session.on('statechange', ({ state }) => {
      if (state === 'open') this.changed()
    })
    this.#source.follow(this)
  }

  /** Tells the session of what is different; all changes of one task at once. */
  changed(): void {
    this.#dirty = true
    if (!this.#updating && this.#session?.state === 'open') void this.#update(this.#session)
  }

  asks(session: VoiceSession | null, name: string): boolean {
    return session === this.#session && this.#askers.has(name)
  }

  #define(): readonly Tool[] {
    const { owner, elements } = this.#source
    const askers = new Map<string, EventTarget>()
    const asked = (description: ToolDescription, target: EventTarget): Tool => {
      askers.set(description.name, target)
      const { name } = description
      return defineTool<JsonSchema>({
        ...description,
        handler: (input, context) => ask(this.#askers.get(name), input, context),
      })
    }
    const all = [
      ...(owner.sessionOptions.tools ?? []),
      ...owner.tools.map((tool) => {
        if ('declaration' in tool) return tool
        if ('handler' in tool || 'endpoint' in tool) return defineTool(tool as ToolDefinition<JsonSchema>)
        return asked(tool, owner)
      }),
      ...[...elements].map((element) => asked(element.describe(), element)),
    ]
    this.#askers = askers
    return all
  }

  async #update(session: VoiceSession): Promise<void> {
    const { capabilities } = session.provider
    if (capabilities?.tools === false || capabilities?.update === false) return
    this.#updating = true
    try {
      while (this.#dirty && session.state === 'open') {
        await Promise.resolve()
        this.#dirty = false
        const tools = this.#define()
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
    this.#source.owner.dispatchEvent(new CustomEvent('warning', { detail, bubbles: true, composed: true }))
  }
}

/** @returns The page's answer. @throws If nobody answers. */
function ask(
  target: EventTarget | undefined,
  input: unknown,
  { callId, name, signal }: ToolContext,
): unknown {
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

function textOf(tools: readonly Tool[]): string {
  return JSON.stringify(tools.map(({ declaration }) => declaration))
}
