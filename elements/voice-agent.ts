import { css, html, nothing, type PropertyDeclarations, type TemplateResult } from 'lit'
import type {
  GetToken,
  Provider,
  SessionOptions,
  VoiceEventMap,
  VoiceEventName,
  VoiceSession,
} from '../src/index.ts'
import { BUBBLES, Conversation } from './internal/conversation.ts'
import { define } from './internal/define.ts'
import { ENGLISH, type Strings } from './internal/localization.ts'
import { PageElement } from './internal/page-element.ts'
import { ContextProvider, conversationContext, sessionContext } from './internal/session-context.ts'
import { type AgentSettings, createSession } from './internal/session-options.ts'
import { base } from './internal/styles.ts'
import './voice-meter.ts'
import './voice-mute-button.ts'
import './voice-start-button.ts'
import './voice-status.ts'
import './voice-transcript.ts'

/** The events of `<voice-agent>`: those of a session, with its payload as `detail`. */
export type VoiceAgentEventMap = {
  [K in Exclude<VoiceEventName, 'error'>]: CustomEvent<VoiceEventMap[K]>
} & {
  /** Also why a start failed; a `TypeError` where the element is not set up. */
  error: CustomEvent<Error>
}

/**
 * A voice agent: one tag with everything to talk to it, or a home for controls of your own.
 *
 * Settings take effect at the next start. Exactly one way to connect is needed: `proxy-endpoint` (with
 * `token-endpoint` or `getToken` where the relay asks for tickets), `token-endpoint` or `getToken` alone for a
 * direct connection, or `api-key` for development.
 *
 * It has `:state()`s for CSS: the session's (`closed` `connecting` `open` `reconnecting` `closing`), the
 * agent's (`idle` `listening` `thinking` `speaking`), `muted` and `error`.
 *
 * @slot - Controls that replace the default ones.
 * @cssproperty --voicewire-accent - The primary button, the user's side, focus; default a blue.
 * @cssproperty --voicewire-on-accent - Text on the accent.
 * @cssproperty --voicewire-surface - The card.
 * @cssproperty --voicewire-text - Text on it.
 * @cssproperty --voicewire-secondary-text - Labels and hints.
 * @cssproperty --voicewire-border - Lines, and the agent's side.
 * @cssproperty --voicewire-danger - Failures, and the button that ends a conversation.
 * @cssproperty --voicewire-success - The dot while a session is open.
 * @cssproperty --voicewire-font - Default `system-ui, sans-serif`.
 * @cssproperty --voicewire-font-size - What all sizes follow; default the reader's own.
 * @cssproperty --voicewire-radius - Roundness of the card; default `20px`.
 * @cssproperty --voicewire-max-inline-size - Greatest width of the card; default `23em`.
 * @cssproperty --voicewire-transcript-size - Greatest height of the transcript; default `19em`.
 * @fires statechange - The session's state changed.
 * @fires agentstatechange - The agent began to listen, think or speak.
 * @fires transcript - An utterance is new or has changed.
 * @fires interrupt - The agent was cut off.
 * @fires turn - A turn is finished; how long it took.
 * @fires speechchange - The local detector noticed that the user began or ceased to speak.
 * @fires devicechange - Another device is used, or devices were plugged in or out.
 * @fires warning - Something for a developer that does not end the session.
 * @fires error - Something failed, a start too. Does not bubble.
 * @fires message - A message went over the wire. Does not bubble.
 * @csspart panel - The card.
 * @csspart problem - What the page's author has to correct.
 * @csspart controls - The row of buttons.
 * @csspart status - With `indicator` `message` `hint` `activity`: what `<voice-status>` shows.
 * @csspart meter - With `bar`: what `<voice-meter>` shows.
 * @csspart transcript - With `empty` `entry` `user` `assistant` `speaker` `text` `interrupted`.
 * @csspart start-button - The primary button; its picture is `icon`.
 * @csspart mute-button - The other one.
 */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: types alone, for methods that every element has
export class VoiceAgent extends PageElement implements AgentSettings {
  static override properties: PropertyDeclarations = {
    provider: { reflect: true, useDefault: true, converter: { toAttribute: providerName } },
    model: { reflect: true },
    voice: { reflect: true },
    instructions: {},
    greeting: {},
    proxyEndpoint: { attribute: 'proxy-endpoint', reflect: true },
    tokenEndpoint: { attribute: 'token-endpoint', reflect: true },
    tokenTransport: { attribute: 'token-transport', reflect: true },
    // Never reflected, so that a key set by a script does not show in the page's source.
    apiKey: { attribute: 'api-key' },
    getToken: { attribute: false },
    sessionOptions: { attribute: false },
    session: { attribute: false, noAccessor: true },
    keepAlive: { type: Boolean, attribute: 'keep-alive', reflect: true },
    muted: { type: Boolean, noAccessor: true },
    volume: { attribute: false, noAccessor: true },
    strings: { attribute: false, noAccessor: true },
  }

  static override styles = [
    base,
    css`
      .card {
        /* Not on the host: children that a page fixes to its window would be fixed to the host. */
        contain: layout style;
        display: flex;
        flex-direction: column;
        gap: 1em;
        max-inline-size: var(--voicewire-max-inline-size, 23em);
        padding: 1.25em;
        border: 1px solid var(--border);
        border-radius: var(--voicewire-radius, 20px);
        background: var(--surface);
        box-shadow: 0 1px 2px rgb(0 0 0 / 4%), 0 12px 32px -12px rgb(0 0 0 / 16%);
      }
      .controls {
        display: flex;
        gap: 0.625em;
      }
      voice-start-button {
        flex: 1;
      }
      .problem {
        margin: 0;
        padding: 0.75em 1em;
        border: 1px solid color-mix(in srgb, var(--danger), transparent 60%);
        border-radius: 0.75em;
        color: var(--text);
        font-size: 0.875em;
        overflow-wrap: anywhere;
      }
    `,
  ]

  /** `openai-realtime` (or `openai`), `deepgram-agent` (or `deepgram`), or a provider of your own. */
  declare provider: string | Provider
  /** The provider's language model; default the provider's. */
  declare model: string | null
  /** The agent's voice, by the provider's name for it; default the provider's. */
  declare voice: string | null
  /** What the agent is and how it behaves. */
  declare instructions: string | null
  /** What the agent says first; without it the agent waits to be spoken to. */
  declare greeting: string | null
  /** The relay, absolute or relative to the page. */
  declare proxyEndpoint: string | URL | null
  /** Where tokens or tickets are fetched, absolute or relative to the page. */
  declare tokenEndpoint: string | URL | null
  /** How the ticket travels to the relay; default `subprotocol`. */
  declare tokenTransport: 'subprotocol' | 'query' | null
  /** The provider's own key, for development: every visitor can read it. */
  declare apiKey: string | null
  /** Gets a token or ticket, instead of `tokenEndpoint`. */
  declare getToken: GetToken | null
  /** Whether the conversation goes on while the element is out of the page, until `stop()`; default false. */
  declare keepAlive: boolean
  /** Further options for the sessions made here, such as `microphone` or `workletUrls`. */
  declare sessionOptions: Partial<SessionOptions>

  readonly #conversation = new Conversation({
    createSession: () => createSession(this),
    onevent: (name, detail) => {
      this.dispatchEvent(new CustomEvent(name, { detail, bubbles: BUBBLES[name], composed: BUBBLES[name] }))
    },
  })
  readonly #sessionProvider = new ContextProvider<VoiceSession | null>(this, sessionContext, null)
  readonly #internals: ElementInternals | null = this.attachInternals?.() ?? null
  #strings: Partial<Strings> = {}

  constructor() {
    super()
    new ContextProvider(this, conversationContext, this.#conversation)
    this.#conversation.subscribe(() => this.#changed())
    this.provider = 'openai-realtime'
    this.model = null
    this.voice = null
    this.instructions = null
    this.greeting = null
    this.proxyEndpoint = null
    this.tokenEndpoint = null
    this.tokenTransport = null
    this.apiKey = null
    this.getToken = null
    this.keepAlive = false
    this.sessionOptions = {}
    this.#showStates()
  }

  /**
   * The session: null before the first start, then that of the last one. Set one of your own and the element
   * starts, shows and ends that, whatever its own settings are; null takes it away.
   */
  get session(): VoiceSession | null {
    return this.#conversation.session
  }

  set session(session: VoiceSession | null) {
    this.#conversation.session = session
  }

  /** Whether the provider hears silence. The attribute follows the property, as a user may mute. */
  get muted(): boolean {
    return this.#conversation.muted
  }

  set muted(muted: boolean) {
    this.#conversation.muted = muted
  }

  /**
   * Loudness of the agent, 0…1; default 1.
   *
   * @throws {RangeError} Outside 0…1.
   */
  get volume(): number {
    return this.#conversation.volume
  }

  set volume(volume: number) {
    this.#conversation.volume = volume
  }

  /** Words that replace the English ones, in all controls inside. */
  get strings(): Partial<Strings> {
    return this.#strings
  }

  set strings(strings: Partial<Strings>) {
    this.#strings = strings
    this.#conversation.strings = { ...ENGLISH, ...strings }
  }

  /**
   * Starts a conversation, as the button does. Call it from a user's gesture, since a browser lets sound begin
   * only there.
   *
   * @returns Resolved when the agent is ready to listen. Rejected as well as told by an `error` event where it
   * fails, and with an `AbortError` where it is stopped before; a caller who does not wait need not catch it.
   */
  start(): Promise<void> {
    const started = this.#conversation.start()
    started.catch(() => {
      // Told by the `error` event.
    })
    return started
  }

  /** Ends the conversation: microphone off, connection closed. Safe at any time. */
  stop(): Promise<void> {
    return this.#conversation.stop()
  }

  /** Ends the conversation, whoever made the session, unless the element only moves, or is to be kept alive. */
  override disconnectedCallback(): void {
    super.disconnectedCallback()
    queueMicrotask(() => {
      if (!this.isConnected && !this.keepAlive) void this.stop()
    })
  }

  protected override render(): TemplateResult {
    // White space between the tags counts as content for a slot, so its own fallback would not show.
    const alone = !this.childElementCount && !this.textContent?.trim()
    // A server does not know the children.
    const empty = alone || this.isHydrating
    const slot = html`<slot @slotchange=${this.#onslotchange}></slot>`
    const problem = this.#problem()
    return empty
      ? html`<div class="root card" part="panel">${slot}${problem}${controls}</div>`
      : // No root around what is the page's own, which keeps the page's looks.
        html`<div part="panel">${slot}${problem}</div>`
  }

  #problem(): TemplateResult | typeof nothing {
    const { error } = this.#conversation
    if (!error || 'hint' in error) return nothing
    return html`<p class="root problem" part="problem" role="alert">${error.message}</p>`
  }

  #onslotchange(): void {
    this.requestUpdate()
  }

  #changed(): void {
    this.#sessionProvider.value = this.session
    this.toggleAttribute('muted', this.muted)
    this.#showStates()
    this.requestUpdate()
  }

  #showStates(): void {
    const states = this.#internals?.states
    const { session, muted, error } = this.#conversation
    try {
      states?.clear()
      states?.add(session?.state ?? 'closed')
      states?.add(session?.agentState ?? 'idle')
      if (muted) states?.add('muted')
      if (error) states?.add('error')
    } catch {
      // Chromium before 125 takes only names that begin with two hyphens: it goes without.
    }
  }
}

const controls = html`
  <voice-status exportparts="status, indicator, message, hint, activity"></voice-status>
  <voice-meter exportparts="meter, bar"></voice-meter>
  <voice-transcript
    exportparts="transcript, empty, entry, user, assistant, speaker, text, interrupted"
  ></voice-transcript>
  <div class="controls" part="controls">
    <voice-start-button exportparts="button: start-button, icon"></voice-start-button>
    <voice-mute-button exportparts="button: mute-button, icon"></voice-mute-button>
  </div>
`

function providerName(provider: unknown): string | null {
  return typeof provider === 'string' ? provider : null
}

type Listener<E> = ((this: VoiceAgent, event: E) => unknown) | { handleEvent(event: E): unknown } | null

/** Listeners know what the events carry. */
export interface VoiceAgent {
  addEventListener<K extends keyof VoiceAgentEventMap>(
    type: K,
    listener: Listener<VoiceAgentEventMap[K]>,
    options?: boolean | AddEventListenerOptions,
  ): void
  addEventListener<K extends keyof HTMLElementEventMap>(
    type: K,
    listener: Listener<HTMLElementEventMap[K]>,
    options?: boolean | AddEventListenerOptions,
  ): void
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | AddEventListenerOptions,
  ): void
  removeEventListener<K extends keyof VoiceAgentEventMap>(
    type: K,
    listener: Listener<VoiceAgentEventMap[K]>,
    options?: boolean | EventListenerOptions,
  ): void
  removeEventListener<K extends keyof HTMLElementEventMap>(
    type: K,
    listener: Listener<HTMLElementEventMap[K]>,
    options?: boolean | EventListenerOptions,
  ): void
  removeEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | EventListenerOptions,
  ): void
}

define('voice-agent', VoiceAgent)

declare global {
  interface HTMLElementTagNameMap {
    'voice-agent': VoiceAgent
  }
}
