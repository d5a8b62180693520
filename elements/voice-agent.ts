import type { PropertyDeclarations, PropertyValues, TemplateResult } from 'lit'
import type { GetToken, Provider, SessionOptions, ToolCallEvent, VoiceSession } from '../src/index.ts'
import type { TypedEventTarget, VoiceAgentEventMap } from './internal/agent-events.ts'
import { AgentFocus } from './internal/agent-focus.ts'
import { AgentGate } from './internal/agent-gate.ts'
import { type AgentLayout, renderAgent } from './internal/agent-layouts.ts'
import type { AgentSettings } from './internal/agent-settings.ts'
import { agentStyles } from './internal/agent-styles.ts'
import { type AgentTool, AgentTools, toolsContext } from './internal/agent-tools.ts'
import { BUBBLES, Conversation, type ConversationMode } from './internal/conversation.ts'
import { define } from './internal/define.ts'
import { LocaleController } from './internal/locale.ts'
import { ENGLISH, type Strings } from './internal/localization.ts'
import { PageElement } from './internal/page-element.ts'
import { ContextProvider, conversationContext, sessionContext } from './internal/session-context.ts'
import { createSession, loadMakings } from './internal/session-makings.ts'
import { base } from './internal/styles.ts'
import './voice-meter.ts'
import './voice-mode-button.ts'
import './voice-mute-button.ts'
import './voice-orb.ts'
import './voice-start-button.ts'
import './voice-status.ts'
import './voice-talk-button.ts'
import './voice-text-input.ts'
import './voice-tool.ts'
import './voice-transcript.ts'

/** Where a `floating` agent or a `bar` is in the window. */
export type AgentPlacement = 'bottom-end' | 'bottom-start' | 'top-end' | 'top-start' | 'bottom' | 'top'

/**
 * A voice agent: one tag with everything to talk to it, or a home for controls of your own.
 *
 * Settings take effect at the next start. Exactly one way to connect is needed: `proxy-endpoint` (with
 * `token-endpoint` or `getToken` where the relay asks for tickets), `token-endpoint` or `getToken` alone for a
 * direct connection, or `api-key` for development.
 *
 * Its words are those of the nearest `lang`, where it knows the language; its own `lang` is what the user speaks, too.
 *
 * @slot - Controls that replace the default ones; a `<voice-tool>` is none.
 * @slot consent - What the user has to agree to before anything begins: no microphone, no network until then.
 * @slot pre-prompt - What is said before the browser asks for the microphone, with `pre-prompt`.
 * @slot launcher - What the launcher of `floating` shows instead of its picture.
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
 * @cssproperty --voicewire-z-index - Of what stands in the window: launcher and bar; default `999`.
 * @cssproperty --voicewire-transcript-size - Greatest height of the transcript; default `19em`.
 * @fires {Event} open - The dialog of `floating`, or the transcript of `bar`, is shown. Does not bubble.
 * @fires {Event} close - It is hidden again. Does not bubble.
 * @fires {Event} consent - The user has agreed to what is in the slot `consent`.
 * @fires {Event} modechange - The user, or the page, changed between voice and text.
 * @fires {CustomEvent<VoiceEventMap['statechange']>} statechange - The session's state changed.
 * @fires {CustomEvent<VoiceEventMap['agentstatechange']>} agentstatechange - The agent began to listen,
 *   think or speak.
 * @fires {CustomEvent<VoiceEventMap['transcript']>} transcript - An utterance is new or has changed.
 * @fires {CustomEvent<VoiceEventMap['interrupt']>} interrupt - The agent was cut off.
 * @fires {CustomEvent<VoiceEventMap['turn']>} turn - A turn is finished; how long it took.
 * @fires {VoiceToolCallEvent} toolcall - The model calls a tool, to be answered by `event.respondWith()` where the tool
 *   has no handler; or a call is over.
 * @fires {CustomEvent<VoiceEventMap['usage']>} usage - What a step cost, and all together.
 * @fires {CustomEvent<VoiceEventMap['detail']>} detail - What this provider tells and others do not.
 * @fires {CustomEvent<VoiceEventMap['speechchange']>} speechchange - The local detector noticed that
 *   the user began or ceased to speak.
 * @fires {CustomEvent<VoiceEventMap['devicechange']>} devicechange - Another device is used, or
 *   devices were plugged in or out.
 * @fires {CustomEvent<VoiceEventMap['warning']>} warning - Something for a developer that does not
 *   end the session.
 * @fires {CustomEvent<Error>} error - Something failed, a start too. Does not bubble.
 * @fires {CustomEvent<VoiceEventMap['message']>} message - A message went over the wire. Does not bubble.
 * @cssstate closed - There is no session, or it has ended.
 * @cssstate connecting - A session is being opened.
 * @cssstate open - The conversation goes on.
 * @cssstate reconnecting - The line dropped and is being opened anew.
 * @cssstate closing - The session is being ended.
 * @cssstate idle - The agent does nothing.
 * @cssstate listening - It listens.
 * @cssstate thinking - It prepares an answer.
 * @cssstate speaking - It can be heard.
 * @cssstate muted - The provider hears silence.
 * @cssstate text - The user types.
 * @cssstate error - Something failed, and the conversation has not gone on since.
 * @csspart panel - The card; the dialog of `floating`.
 * @csspart header - Its first line, in `floating`.
 * @csspart launcher - The button that opens it, in `floating`.
 * @csspart close-button - The button that closes it, on a small window.
 * @csspart sheet - The card with the transcript, in `bar`.
 * @csspart transcript-button - The button that shows and hides it.
 * @csspart orb - What `<voice-orb>` shows.
 * @csspart halo - The light around it.
 * @csspart ball - The ball itself.
 * @csspart gate - What the user is asked before anything begins.
 * @csspart agree-button - The button that goes on.
 * @csspart decline-button - The button that does not.
 * @csspart problem - What the page's author has to correct.
 * @csspart controls - The row of buttons.
 * @csspart status - What `<voice-status>` shows.
 * @csspart indicator - The dot in it.
 * @csspart message - The state, or what went wrong.
 * @csspart hint - What to do about it.
 * @csspart activity - What the agent does.
 * @csspart recovery - What to do about the microphone, of which the next ones are parts.
 * @csspart recovery-title - What it is about.
 * @csspart steps - The list of what to do.
 * @csspart step - One of it.
 * @csspart solved - That the microphone is allowed now.
 * @csspart retry-button - The button that tries again.
 * @csspart type-button - The button that goes on in text.
 * @csspart meter - What `<voice-meter>` shows.
 * @csspart bar - One bar of it; while it shows the agent it has the attribute `data-agent`.
 * @csspart transcript - The scrolled box of `<voice-transcript>`.
 * @csspart empty - What stands there before anything was said.
 * @csspart entry - One utterance; also `user` or `assistant`.
 * @csspart user - One of the user's.
 * @csspart assistant - One of the agent's.
 * @csspart speaker - Who said it.
 * @csspart text - What was said.
 * @csspart interrupted - The mark on an answer that was cut off.
 * @csspart start-button - The primary button.
 * @csspart mute-button - The one for the microphone.
 * @csspart talk-button - The one in its place with `push-to-talk`.
 * @csspart mode-button - The one that changes between voice and text.
 * @csspart input - What `<voice-text-input>` shows.
 * @csspart field - The text field in it.
 * @csspart send-button - The button beside it.
 * @csspart icon - The picture in any button.
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
    tools: { attribute: false },
    session: { attribute: false, noAccessor: true },
    layout: { reflect: true, useDefault: true },
    placement: { reflect: true },
    open: { type: Boolean, reflect: true },
    mode: { noAccessor: true },
    pushToTalk: { type: Boolean, attribute: 'push-to-talk', reflect: true },
    prePrompt: { type: Boolean, attribute: 'pre-prompt', reflect: true },
    consented: { type: Boolean, reflect: true },
    debug: { type: Boolean, reflect: true },
    keepAlive: { type: Boolean, attribute: 'keep-alive', reflect: true },
    muted: { type: Boolean, noAccessor: true },
    volume: { attribute: false, noAccessor: true },
    strings: { attribute: false, noAccessor: true },
  }

  static override styles = [base, agentStyles]

  /**
   * `openai-realtime` (or `openai`), `deepgram-agent` (or `deepgram`), or a provider of your own. `deepgram-listen` and
   * `deepgram-flux` write down what the user says and answer nothing: `voice`, `instructions`, `greeting` and tools do
   * not apply.
   */
  declare provider:
    | 'openai-realtime'
    | 'openai'
    | 'deepgram-agent'
    | 'deepgram'
    | 'deepgram-listen'
    | 'deepgram-flux'
    | Provider
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
  /**
   * What the agent may call, besides `sessionOptions.tools` and each `<voice-tool>` inside: made by `defineTool()`, or
   * plain definitions, of which those without `handler` and `endpoint` are answered by `toolcall`. The model is told
   * of a new array at once.
   */
  declare tools: readonly AgentTool[]

  /**
   * How it stands on the page: `inline`, a card where the tag is; `panel`, which fills what is around it;
   * `floating`, a launcher in a corner of the window with a dialog; `bar`, along an edge of the window; `orb`, a round
   * picture of the sound that is the button as well. Default `inline`.
   */
  declare layout: AgentLayout
  /** The corner of `floating` (`bottom-end`, `bottom-start`, `top-end`, `top-start`), the edge of `bar` (`bottom`, `top`). */
  declare placement: AgentPlacement | null
  /** Whether the dialog of `floating`, or the transcript of `bar`, is shown. */
  declare open: boolean
  /** Whether the user holds a button down to talk, instead of muting. */
  declare pushToTalk: boolean
  /** Whether the user is told why before the browser asks for the microphone. */
  declare prePrompt: boolean
  /** Whether the user has agreed to what is in the slot `consent`; a page that remembers it sets it. */
  declare consented: boolean
  /** Whether developers see how the session fares: loads `<voice-debug>`. */
  declare debug: boolean

  readonly #gate = new AgentGate(this)
  readonly #focus = new AgentFocus(this, this.#gate)
  readonly #tools = new AgentTools(this)
  readonly #conversation = new Conversation({
    gate: () => {
      const passed = this.#gate.pass()
      if (passed) this.show()
      return passed
    },
    createSession: (signal) => createSession(this, this.#tools, signal),
    onevent: (name, detail) => {
      if (name === 'toolcall') this.#tools.tell(detail as ToolCallEvent)
      else
        this.dispatchEvent(new CustomEvent(name, { detail, bubbles: BUBBLES[name], composed: BUBBLES[name] }))
    },
  })
  readonly #sessionProvider = new ContextProvider<VoiceSession | null>(this, sessionContext, null)
  readonly #internals: ElementInternals | null = this.attachInternals?.() ?? null
  #strings: Partial<Strings> = {}
  #locale: Partial<Strings> = {}
  /** The provider whose sessions can be made, or soon. */
  #awaited: string | Provider | null = null
  /** Whether a start is likely: a pointer or the focus has come to it. */
  #approached = false

  constructor() {
    super()
    new ContextProvider(this, conversationContext, this.#conversation)
    new LocaleController(this, (words) => {
      this.#locale = words
      this.#speak()
    })
    new ContextProvider(this, toolsContext, this.#tools)
    this.#conversation.subscribe(() => this.#changed())
    for (const type of ['pointerover', 'focusin']) this.addEventListener(type, this.#approach)
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
    this.layout = 'inline'
    this.placement = null
    this.open = false
    this.pushToTalk = false
    this.prePrompt = false
    this.consented = false
    this.debug = false
    this.tools = []
    this.#showStates()
  }

  /**
   * The session: null before the first start, then that of the last one; it is there when `statechange` first tells of
   * it, as a start may have to load what it is made of. Set one of your own and the element starts, shows and ends
   * that, whatever its own settings are; null takes it away.
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
   * Whether the user speaks or types; default `voice`. In `text` nobody is asked for the microphone and the agent is
   * not heard. It may be changed at any time, and the conversation goes on. The attribute follows it.
   */
  get mode(): ConversationMode {
    return this.#conversation.mode
  }

  set mode(mode: ConversationMode) {
    this.#conversation.mode = mode === 'text' ? 'text' : 'voice'
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

  /** Words that replace those of the page's language, in all controls inside. */
  get strings(): Partial<Strings> {
    return this.#strings
  }

  set strings(strings: Partial<Strings>) {
    this.#strings = strings
    this.#speak()
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
    this.#gate.decline()
    return this.#conversation.stop()
  }

  /** Shows the dialog of `floating`, or the transcript of `bar`. */
  show(): void {
    this.open = true
  }

  /** Hides it again; a conversation goes on. */
  close(): void {
    this.open = false
  }

  /** Ends the conversation, whoever made the session, unless the element only moves, or is to be kept alive. */
  override disconnectedCallback(): void {
    super.disconnectedCallback()
    queueMicrotask(() => {
      if (!this.isConnected && !this.keepAlive) void this.stop()
    })
  }

  protected override render(): TemplateResult {
    const { error, strings: words, action } = this.#conversation
    return renderAgent({
      agent: this,
      gate: this.#gate,
      words,
      active: action !== 'start',
      composed: !this.isHydrating && this.#composed,
      problem: error && !('hint' in error) ? error.message : '',
    })
  }

  protected override updated(changed: PropertyValues): void {
    if (changed.has('tools')) this.#tools.changed()
    if (changed.has('prePrompt') && this.prePrompt) void this.#gate.prepare()
    // What is held no longer cannot be let go of, either.
    if (changed.get('pushToTalk') && !this.pushToTalk) this.muted = false
    if (changed.has('debug') && this.debug) {
      import('./voice-debug.ts').catch(() => {
        // The page goes on without it.
      })
    }
    this.#preload()
    this.#focus.follow(changed)
  }

  #approach = (): void => {
    this.#approached = true
    this.#preload()
  }

  /**
   * What makes sessions is loaded when somebody comes near, so that a click need not wait, and a page on which nobody
   * does has none of it; but not before a consent.
   */
  #preload(): void {
    const { provider, session } = this
    if (!this.#approached || session || provider === this.#awaited || this.#gate.asksConsent) return
    this.#awaited = provider
    loadMakings(provider).catch(() => {
      // The start says so, if there is one.
    })
  }

  /** White space between the tags counts as content for a slot, so its own fallback would not show. */
  get #composed(): boolean {
    // A server does not know them.
    return [...(this.childNodes ?? [])].some((node) =>
      node instanceof Element
        ? !node.slot && node.localName !== 'voice-tool'
        : node.nodeType === Node.TEXT_NODE && node.nodeValue?.trim(),
    )
  }

  #speak(): void {
    this.#conversation.strings = { ...ENGLISH, ...this.#locale, ...this.#strings }
  }

  #changed(): void {
    this.#sessionProvider.value = this.session
    this.toggleAttribute('muted', this.muted)
    if ((this.getAttribute('mode') ?? 'voice') !== this.mode) {
      this.setAttribute('mode', this.mode)
      this.dispatchEvent(new Event('modechange', { bubbles: true, composed: true }))
    }
    this.#showStates()
    this.requestUpdate()
  }

  #showStates(): void {
    const states = this.#internals?.states
    const { session, muted, mode, error } = this.#conversation
    try {
      states?.clear()
      states?.add(session?.state ?? 'closed')
      states?.add(session?.agentState ?? 'idle')
      if (muted) states?.add('muted')
      if (mode === 'text') states?.add('text')
      if (error) states?.add('error')
    } catch {
      // Chromium before 125 takes only names that begin with two hyphens: it goes without.
    }
  }
}

function providerName(provider: unknown): string | null {
  return typeof provider === 'string' ? provider : null
}

/** Listeners know what the events carry. */
export interface VoiceAgent {
  addEventListener: TypedEventTarget<VoiceAgent, VoiceAgentEventMap>['addEventListener']
  removeEventListener: TypedEventTarget<VoiceAgent, VoiceAgentEventMap>['removeEventListener']
}

define('voice-agent', VoiceAgent)

declare global {
  interface HTMLElementTagNameMap {
    'voice-agent': VoiceAgent
  }
}
