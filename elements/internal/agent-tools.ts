import type {
  SessionOptions,
  Tool,
  ToolCallEvent,
  ToolDefinition,
  ToolParameters,
  VoiceSession,
} from '../../src/index.ts'
import type { Context } from './session-context.ts'
import { VoiceToolCallEvent } from './tool-call-event.ts'

export type JsonSchema = Exclude<NonNullable<ToolParameters>, { readonly '~standard': unknown }>

/** A tool that a page answers by the `toolcall` event, so that its definition has neither handler nor endpoint. */
export type ToolDescription = Omit<ToolDefinition<JsonSchema>, 'handler' | 'endpoint'>

/** What an agent takes for a tool. */
export type AgentTool = Tool | ToolDescription | ToolDefinition<JsonSchema>

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

/** The tools of one session, and which of them the page answers. */
export interface ToolSession {
  /** Something may be different from what the session knows. */
  changed(): void
  /** @returns Whether calls of that tool in that session are questions to the page. */
  asks(session: VoiceSession | null, name: string): boolean
}

/** Where elements that describe tools find the agent around them. */
export const toolsContext: Context<AgentTools> = Symbol.for('voicewire.tools')

/** The tools that a page gives an agent, and who is told of what becomes of their calls. */
export class AgentTools {
  readonly owner: ToolOwner
  readonly #elements = new Set<ToolElement>()
  /** Those of the session made with them; one that a page hands in has tools of its own. */
  #current: ToolSession | null = null

  constructor(owner: ToolOwner) {
    this.owner = owner
  }

  /** Those that elements describe. */
  get elements(): ReadonlySet<ToolElement> {
    return this.#elements
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

  /** Tells of all changes from now on, instead of the session before. */
  follow(session: ToolSession): void {
    this.#current = session
  }

  /** To be called when a tool has come, changed or gone. */
  changed(): void {
    this.#current?.changed()
  }

  /** Tells the page what the session says of a call, unless the page is asked about it right away. */
  tell(call: ToolCallEvent): void {
    const { session } = this.owner
    const asks = call.status === 'running' && this.#current?.asks(session, call.name)
    if (!asks) this.owner.dispatchEvent(new VoiceToolCallEvent(call))
  }
}
