import { css, html, nothing, type PropertyDeclarations, type TemplateResult } from 'lit'
import { define } from './internal/define.ts'
import { diagnose } from './internal/diagnostics.ts'
import { EventList } from './internal/event-list.ts'
import { redact } from './internal/redact.ts'
import { SessionElement } from './internal/session-element.ts'
import { devicesOf, SessionLog } from './internal/session-log.ts'
import { base } from './internal/styles.ts'

/** Four times a second is as fast as one can read, and slows no session. */
const UPDATE_MS = 250

const FILE = 'voicewire-diagnostics.json'

/** What of a `<voice-agent>` is nobody's business. */
interface Secrets {
  readonly apiKey?: string | null
  readonly instructions?: string | null
}

/**
 * Shows a developer how a session fares: sound, line, latency, cost, and the last events. It stands in a corner of
 * the window, over everything. While it is closed it only keeps the last events; while it is open it shows what is new
 * four times a second. What is copied or downloaded has no keys, tokens, tickets, queries of addresses or
 * instructions in it, and what was said only where the reader asks for it. Its words are English.
 *
 * @attr {boolean} open - Whether it is unfolded.
 * @cssproperty --voicewire-debug-inline-size - Its width; default `30em`.
 * @cssproperty --voicewire-debug-block-size - Its height while it is open; default `70vh`.
 * @csspart debug - All of it.
 * @csspart toggle-button - Opens and closes it.
 * @csspart facts - The figures.
 * @csspart messages - The messages, counted by type.
 * @csspart events - The list of events.
 * @csspart event - One of them.
 * @csspart copy-button - Copies the diagnostics.
 * @csspart download-button - Saves them to a file.
 */
export class VoiceDebug extends SessionElement {
  static override properties: PropertyDeclarations = { open: { type: Boolean, reflect: true } }

  static override styles = [
    base,
    css`
      .root {
        position: fixed;
        inset-block: auto 0.5em;
        inset-inline: 0.5em auto;
        inline-size: fit-content;
        max-inline-size: calc(100vw - 1em);
        overflow: hidden;
        border: 1px solid var(--border);
        border-radius: 0.75em;
        background: var(--surface);
        font-size: 0.75rem;
      }
      /* Of one height, with what is pressed above what grows: nothing moves from under the pointer. */
      :host([open]) .root {
        display: flex;
        flex-direction: column;
        box-sizing: border-box;
        block-size: var(--voicewire-debug-block-size, 70vh);
        inline-size: var(--voicewire-debug-inline-size, 30em);
      }
      .bar {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 0.5em;
        padding: 0.25em;
      }
      .panel {
        padding: 0 0.75em 0.75em;
        overflow: auto;
      }
      button {
        padding: 0.5em 0.75em;
        border: 1px solid var(--border);
        border-radius: 0.5em;
        background: none;
        color: inherit;
        cursor: pointer;
        font: inherit;
      }
      .toggle {
        border: 0;
        font-weight: 600;
      }
      th,
      time {
        color: var(--secondary);
        font-weight: 400;
      }
      th {
        padding-inline-end: 1em;
        text-align: start;
        vertical-align: baseline;
        white-space: nowrap;
      }
      td {
        overflow-wrap: anywhere;
      }
      meter {
        inline-size: 100%;
      }
      summary {
        cursor: pointer;
      }
      ol {
        margin: 0;
        padding: 0;
        list-style: none;
      }
      .warning,
      .error {
        color: var(--danger);
      }
      pre {
        margin: 0;
        overflow-wrap: anywhere;
        white-space: pre-wrap;
      }
      [role='status'] {
        margin: 0;
      }
    `,
  ]

  /** Whether it is unfolded; default false. */
  declare open: boolean
  #log: SessionLog | null = null
  readonly #events = new EventList(() => this.#secrets)
  #timer: ReturnType<typeof setInterval> | undefined
  #drawnAt = Number.NEGATIVE_INFINITY
  #withText = false
  #said = ''

  constructor() {
    super()
    this.open = false
  }

  override connectedCallback(): void {
    super.connectedCallback()
    this.requestUpdate('open', !this.open)
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#watch(null)
  }

  /** Follows the session at once, so that nothing of a new one is missed. */
  override requestUpdate(...args: Parameters<SessionElement['requestUpdate']>): void {
    super.requestUpdate(...args)
    // The first call comes from the constructor of the base class.
    if (#log in this) this.#watch(this.isConnected ? this.session : null)
  }

  protected override shouldUpdate(changed: Map<PropertyKey, unknown>): boolean {
    return this.open || changed.has('open')
  }

  /** A session changes more often than one can read. */
  protected override async scheduleUpdate(): Promise<void> {
    const wait = this.open ? this.#drawnAt + UPDATE_MS - performance.now() : 0
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait))
    await super.scheduleUpdate()
  }

  protected override updated(): void {
    this.#drawnAt = performance.now()
    const root = this.renderRoot.querySelector<HTMLElement>('.root')
    // Browsers without popovers show it where it stands.
    if (this.isConnected && root?.popover && !root.matches(':popover-open')) root.showPopover()
    const list = this.renderRoot.querySelector('ol')
    if (list) this.#events.draw(list, this.#log?.events ?? [])
    const running = this.open && this.isConnected
    if (running) this.#timer ??= setInterval(() => this.requestUpdate(), UPDATE_MS)
    else clearInterval(this.#timer)
    if (!running) this.#timer = undefined
  }

  protected override render(): TemplateResult {
    return html`<section class="root" part="debug" popover="manual" aria-label="Voice diagnostics">
      <div class="bar">
        <button
          class="toggle"
          part="toggle-button"
          type="button"
          aria-expanded=${this.open}
          @click=${this.#toggle}
        >
          Diagnostics
        </button>
        ${this.open ? this.#actions() : nothing}
      </div>
      ${this.open ? this.#panel() : nothing}
    </section>`
  }

  #panel(): TemplateResult {
    return html`<div class="panel">
      ${this.#facts()} ${this.#messages()} ${this.#list()}
    </div>`
  }

  #actions(): TemplateResult {
    return html`<button part="copy-button" type="button" @click=${this.#copy}>Copy</button>
      <button part="download-button" type="button" @click=${this.#download}>Download</button>
      <label><input type="checkbox" .checked=${this.#withText} @change=${this.#ontext} /> with text</label>
      <p role="status">${this.#said}</p>`
  }

  /** By the names that they have in `session.stats`. */
  #facts(): TemplateResult {
    const { session, conversation } = this
    const { inputLevel = 0, outputLevel = 0, microphone = null, ...stats } = session?.stats ?? {}
    const turns = this.#log?.turns.map(({ responseMs }) => shown(responseMs)) ?? []
    const facts = {
      inputLevel: html`<meter aria-label="Loudness of the user" .value=${inputLevel}></meter>`,
      outputLevel: html`<meter aria-label="Loudness of the agent" .value=${outputLevel}></meter>`,
      state: conversation?.state ?? 'no session',
      agentState: session?.agentState,
      provider: session?.provider.name,
      error: conversation?.error && this.#clean(conversation.error.message),
      responseMs: turns.reverse().join(', '),
      ...Object.fromEntries(Object.entries(stats).map(([name, value]) => [name, shown(value)])),
      microphone: shown(devicesOf({ input: microphone, output: '' })['input'] ?? 'none'),
    }
    return html`<table part="facts">
      ${Object.entries(facts).map(([name, value]) =>
        (value ?? '') === '' ? nothing : html`<tr><th scope="row">${name}</th><td>${value}</td></tr>`,
      )}
    </table>`
  }

  #messages(): TemplateResult {
    const messages = [...(this.#log?.messages ?? [])].sort(([, a], [, b]) => b.count - a.count)
    const total = messages.reduce((sum, [, { count }]) => sum + count, 0)
    const lines = messages.map(([type, { count, size }]) => `${count} × ${type}, length ${size}`)
    return html`<details part="messages">
      <summary>${total} messages</summary>
      <pre>${lines.join('\n')}</pre>
    </details>`
  }

  #list(): TemplateResult {
    return html`<details open>
      <summary>${this.#log?.events.length ?? 0} events</summary>
      <ol part="events" aria-label="Events, newest first"></ol>
    </details>`
  }

  #toggle(): void {
    this.open = !this.open
  }

  #ontext({ target }: Event): void {
    this.#withText = (target as HTMLInputElement).checked
  }

  async #copy(): Promise<void> {
    try {
      await navigator.clipboard.writeText(this.#diagnostics)
      this.#say('Copied')
    } catch {
      this.#say('The page may not copy: download it')
    }
  }

  #download(): void {
    const href = URL.createObjectURL(new Blob([this.#diagnostics], { type: 'application/json' }))
    Object.assign(this.ownerDocument.createElement('a'), { href, download: FILE }).click()
    URL.revokeObjectURL(href)
    this.#say('Downloaded')
  }

  #say(text: string): void {
    this.#said = text
    this.requestUpdate()
  }

  #watch(session: SessionElement['session']): void {
    if (session === (this.#log?.session ?? null)) return
    this.#log?.close()
    this.#log = session && new SessionLog(session)
  }

  get #diagnostics(): string {
    return diagnose(this.conversation ?? null, this.#log, {
      withText: this.#withText,
      secrets: this.#secrets,
    })
  }

  #clean(text: string): string {
    return redact(text, this.#secrets)
  }

  /** What the agent around it must not give away, wherever it may turn up. */
  get #secrets(): readonly string[] {
    const root = this.getRootNode()
    const host = root instanceof ShadowRoot ? root.host : null
    const { apiKey, instructions } = (this.closest('voice-agent') ?? host ?? {}) as Secrets
    return [apiKey, instructions].filter((secret) => typeof secret === 'string')
  }
}

/** @returns A figure as one reads it: without fractions, and what belongs together in a row. */
function shown(value: unknown): unknown {
  if (typeof value === 'number') return Math.round(value)
  if (typeof value !== 'object' || value === null) return value
  return Object.entries(value)
    .map(([name, part]) => `${name} ${shown(part) ?? '–'}`)
    .join(', ')
}

define('voice-debug', VoiceDebug)

declare global {
  interface HTMLElementTagNameMap {
    'voice-debug': VoiceDebug
  }
}
