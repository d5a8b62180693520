import { css, LitElement, nothing, type PropertyDeclarations } from 'lit'
import type { TypedEventTarget } from './internal/agent-events.ts'
import {
  type AgentTools,
  type ToolDescription,
  type ToolElement,
  toolsContext,
} from './internal/agent-tools.ts'
import { define } from './internal/define.ts'
import { ContextConsumer } from './internal/session-context.ts'
import type { VoiceToolCallEvent } from './internal/tool-call-event.ts'

/** A JSON Schema, as far as it is looked at here. */
type Schema = Readonly<Record<string, unknown>>

/** The events of `<voice-tool>`. */
export interface VoiceToolEventMap {
  toolcall: VoiceToolCallEvent
}

/**
 * Something that the agent around it may do, described in HTML and answered by the page. It shows nothing, and may
 * stand anywhere inside a `<voice-agent>`. While a session is open the model is told of each change; a session that
 * the page handed to the agent keeps the tools that it came with.
 *
 * ```html
 * <voice-tool name="set_color" description="Changes the colour of the page">
 *   <script type="application/json">
 *     { "type": "object", "properties": { "color": { "type": "string" } }, "required": ["color"] }
 *   </script>
 * </voice-tool>
 * ```
 *
 * @attr {string} parameters - The JSON Schema of what the tool takes, instead of the script inside.
 * @slot - A `<script type="application/json">` with the JSON Schema.
 * @fires toolcall - The model calls the tool: answer by `event.respondWith()`. Bubbles.
 */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: types alone, for methods that every element has
export class VoiceTool extends LitElement implements ToolElement {
  static override properties: PropertyDeclarations = {
    name: { reflect: true },
    description: { reflect: true },
    parameters: {},
  }

  static override styles = css`
    :host {
      display: none !important;
    }
  `

  /** What the model calls it by: 1…64 letters, digits, `_` and `-`. */
  declare name: string
  /** What it does and when to use it; the model reads nothing else. */
  declare description: string
  /** The JSON Schema of the object that it takes, or its text; default the script inside, or no input. */
  declare parameters: Schema | string | null
  #tools: AgentTools | null = null
  #remove: (() => void) | null = null
  #observer: MutationObserver | null = null

  constructor() {
    super()
    new ContextConsumer(this, toolsContext, (tools) => this.#join(tools))
    this.name = ''
    this.description = ''
    this.parameters = null
  }

  override connectedCallback(): void {
    super.connectedCallback()
    this.#observer ??= new MutationObserver(() => this.#tools?.changed())
    this.#observer.observe(this, { childList: true, characterData: true, subtree: true })
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    this.#observer?.disconnect()
  }

  /**
   * @internal The agent asks for it.
   * @throws {TypeError} If the schema is no JSON object.
   */
  describe(): ToolDescription {
    const { name, description } = this
    const parameters = this.#schema()
    return { name, description, ...(parameters && { parameters }) }
  }

  protected override render(): typeof nothing {
    return nothing
  }

  protected override updated(): void {
    this.#tools?.changed()
  }

  #schema(): Schema | null {
    const text = this.parameters ?? this.querySelector('script[type="application/json"]')?.textContent
    if (!text || (typeof text === 'string' && !text.trim())) return null
    const schema = typeof text === 'string' ? parse(text) : text
    if (typeof schema === 'object' && schema !== null && !Array.isArray(schema)) return schema as Schema
    throw new TypeError(
      `Cannot use <voice-tool name="${this.name}"> as its parameters must be a JSON object: current value is ${text}`,
    )
  }

  /** Joins an agent, and leaves the one before. */
  #join(tools: AgentTools | null): void {
    if (tools === this.#tools) return
    this.#remove?.()
    this.#tools = tools
    this.#remove = tools?.add(this) ?? null
  }
}

/** @returns What the text says, or null where it is no JSON. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // Told of as any other text that is not an object.
    return null
  }
}

/** Listeners know what the events carry. */
export interface VoiceTool {
  addEventListener: TypedEventTarget<VoiceTool, VoiceToolEventMap>['addEventListener']
  removeEventListener: TypedEventTarget<VoiceTool, VoiceToolEventMap>['removeEventListener']
}

define('voice-tool', VoiceTool)

declare global {
  interface HTMLElementTagNameMap {
    'voice-tool': VoiceTool
  }
}
