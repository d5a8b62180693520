import { css, html, nothing, type PropertyDeclarations, type TemplateResult } from 'lit'
import { type Browser, type BrowserTraits, browserOf } from './internal/browser.ts'
import type { ConversationMode } from './internal/conversation.ts'
import { define } from './internal/define.ts'
import { ENGLISH_RECOVERY, type RecoverableCode, type RecoveryStrings } from './internal/recovery-strings.ts'
import { SessionElement } from './internal/session-element.ts'
import { base } from './internal/styles.ts'

/** Another try can only fail while the page stays where it is. */
const FINAL: ReadonlySet<string> = new Set(['microphone-blocked', 'insecure-context'])

/** What a reader may be writing in. */
const FIELDS = 'input, textarea, select, [contenteditable]'

/**
 * Says what a user can do about a microphone that cannot be had, in the browser at hand, and notices when it is
 * allowed. It shows nothing while all is well. `<voice-status>` loads and shows it where it is needed.
 *
 * @csspart recovery - All of it.
 * @csspart recovery-title - What stands above the steps.
 * @csspart steps - The list.
 * @csspart step - One of its steps.
 * @csspart solved - That the microphone is allowed now.
 * @csspart retry-button - Starts again.
 * @csspart type-button - Goes on in text.
 */
export class VoiceRecovery extends SessionElement {
  static override properties: PropertyDeclarations = { browser: {} }

  static override styles = [
    base,
    css`
      .root {
        margin-block-start: 0.75em;
        font-size: 0.9375em;
      }
      p,
      ol {
        margin: 0 0 0.5em;
      }
      p {
        font-weight: 600;
      }
      p:empty {
        margin: 0;
      }
      ol {
        padding-inline-start: 1.5em;
      }
      .single {
        padding: 0;
        list-style: none;
      }
      button {
        margin-inline-end: 0.5em;
        background: none;
        color: inherit;
        cursor: pointer;
        font: inherit;
        padding: 0.5em 1.25em;
        border: 1px solid var(--border);
        border-radius: 999px;
        font-weight: 600;
      }
      button:hover {
        background: var(--quiet-hover);
      }
    `,
  ]

  /** Whose steps are shown; default those of the browser in use. */
  declare browser: Browser | null
  #code: string | null = null
  #solved = false
  #permission: PermissionStatus | null = null

  constructor() {
    super()
    this.browser = null
  }

  override connectedCallback(): void {
    super.connectedCallback()
    void this.#watch()
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    this.#permission?.removeEventListener('change', this.#onpermission)
    this.#permission = null
  }

  protected override willUpdate(): void {
    const { code = null } = (this.conversation?.error ?? {}) as { code?: string }
    if (code === this.#code) return
    this.#code = code
    this.#solved = false
  }

  protected override render(): TemplateResult | typeof nothing {
    const code = this.#code
    const { title, again, type, solved, steps } = this.#words
    if (!code || !(code in steps)) return nothing
    const browser = this.browser ?? browserOf(navigator as Navigator & BrowserTraits)
    const { [browser]: own, other } = steps[code as RecoverableCode]
    const list = own ?? other
    return html`<div class="root" part="recovery" role="group" aria-label=${title}>
      <p part="solved" role="status">${this.#solved ? solved : nothing}</p>
      ${
        this.#solved
          ? nothing
          : html`<p part="recovery-title">${title}</p>
              <ol class=${list[1] ? '' : 'single'} part="steps">
                ${list.map((step) => html`<li part="step">${step}</li>`)}
              </ol>`
      }
      ${
        FINAL.has(code)
          ? nothing
          : html`<button
              class=${this.#solved ? 'primary' : ''}
              part="retry-button"
              type="button"
              @click=${this.#retry}
            >
              ${again}
            </button>`
      }
      ${
        this.conversation?.mode === 'voice'
          ? html`<button part="type-button" type="button" @click=${this.#type}>${type}</button>`
          : nothing
      }
    </div>`
  }

  get #words(): RecoveryStrings {
    const { recovery } = this.words
    return {
      ...ENGLISH_RECOVERY,
      ...recovery,
      steps: { ...ENGLISH_RECOVERY.steps, ...recovery?.steps },
    }
  }

  /** A conversation that goes on in text asks for the microphone by that. */
  #retry(): void {
    this.#go('voice')
  }

  #type(): void {
    this.#go('text')
  }

  #go(mode: ConversationMode): void {
    const { conversation } = this
    if (!conversation) return
    conversation.mode = mode
    conversation.start().catch(() => {
      // The conversation told it: as an `error` event, and to the status.
    })
  }

  async #watch(): Promise<void> {
    try {
      const permission = await navigator.permissions.query({ name: 'microphone' as PermissionName })
      if (!this.isConnected || this.#permission) return
      this.#permission = permission
      permission.addEventListener('change', this.#onpermission)
    } catch {
      // Not every browser tells: the user presses the button all the same.
    }
  }

  #onpermission = async (): Promise<void> => {
    this.#solved = this.#permission?.state === 'granted'
    this.requestUpdate()
    await this.updateComplete
    const retry = this.renderRoot.querySelector<HTMLElement>('.primary')
    if (!deepActive(this.ownerDocument)?.matches(FIELDS)) retry?.focus()
  }
}

/** @returns What has the focus, in shadow roots too. */
function deepActive(root: DocumentOrShadowRoot): Element | null {
  const { activeElement } = root
  return activeElement?.shadowRoot ? deepActive(activeElement.shadowRoot) : activeElement
}

define('voice-recovery', VoiceRecovery)

declare global {
  interface HTMLElementTagNameMap {
    'voice-recovery': VoiceRecovery
  }
}
