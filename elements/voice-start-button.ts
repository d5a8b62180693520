import { css, html, type PropertyDeclarations, type TemplateResult } from 'lit'
import { define } from './internal/define.ts'
import { stop, voice } from './internal/icons.ts'
import { SessionElement } from './internal/session-element.ts'
import { base, button } from './internal/styles.ts'

/**
 * Starts the conversation, and ends it.
 *
 * @slot start - What the button says while there is no conversation.
 * @slot cancel - What it says while one is being connected.
 * @slot stop - What it says while there is one.
 * @csspart button - The button.
 * @csspart icon - The picture in it.
 */
export class VoiceStartButton extends SessionElement {
  static override shadowRootOptions: ShadowRootInit = {
    ...SessionElement.shadowRootOptions,
    delegatesFocus: true,
  }

  static override properties: PropertyDeclarations = { compact: { type: Boolean, reflect: true } }

  static override styles = [
    base,
    button,
    css`
      .root.stop {
        border-color: color-mix(in srgb, var(--danger), transparent 55%);
        background: color-mix(in srgb, var(--danger), transparent 92%);
        color: var(--danger);
      }
      .root.stop:enabled:hover {
        background: color-mix(in srgb, var(--danger), transparent 84%);
      }
      :host([compact]) .root {
        min-inline-size: 2.875em;
        padding: 0 0.75em;
      }
      .root.cancel {
        border-color: var(--border);
        background: none;
        color: var(--text);
      }
      .root.cancel:enabled:hover {
        background: var(--quiet-hover);
      }
    `,
  ]

  /** Whether it shows its picture alone; its words are still its name. */
  declare compact: boolean

  constructor() {
    super()
    this.compact = false
  }

  protected override render(): TemplateResult {
    const { conversation, words } = this
    const state = conversation?.state ?? 'closed'
    const action = conversation?.action ?? 'start'
    return html`<button
      class="root primary ${action}"
      part="button"
      type="button"
      aria-busy=${state === 'connecting' || state === 'reconnecting'}
      ?disabled=${!conversation}
      @click=${() => conversation?.toggle()}
    >
      ${action === 'start' ? voice : stop}<span class=${this.compact ? 'unseen' : ''}><slot name=${action}>${words[action]}</slot></span>
    </button>`
  }
}

define('voice-start-button', VoiceStartButton)

declare global {
  interface HTMLElementTagNameMap {
    'voice-start-button': VoiceStartButton
  }
}
