import { css, html, type TemplateResult } from 'lit'
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

  static override styles = [
    base,
    button,
    css`
      .root {
        background: var(--accent);
        color: var(--on-accent);
      }
      .root:enabled:hover {
        background: color-mix(in oklab, var(--accent), var(--text) 14%);
      }
      .root.stop {
        border-color: color-mix(in srgb, var(--danger), transparent 55%);
        background: color-mix(in srgb, var(--danger), transparent 92%);
        color: var(--danger);
      }
      .root.stop:enabled:hover {
        background: color-mix(in srgb, var(--danger), transparent 84%);
      }
      .root.cancel {
        border-color: var(--border);
        background: none;
        color: var(--text);
      }
      @media (forced-colors: active) {
        .root {
          border-color: ButtonBorder;
        }
      }
    `,
  ]

  protected override render(): TemplateResult {
    const { conversation, words } = this
    const state = conversation?.state ?? 'closed'
    const action = conversation?.action ?? 'start'
    return html`<button
      class="root ${action}"
      part="button"
      type="button"
      aria-busy=${state === 'connecting' || state === 'reconnecting'}
      ?disabled=${!conversation}
      @click=${() => conversation?.toggle()}
    >
      ${action === 'start' ? voice : stop}<slot name=${action}>${words[action]}</slot>
    </button>`
  }
}

define('voice-start-button', VoiceStartButton)

declare global {
  interface HTMLElementTagNameMap {
    'voice-start-button': VoiceStartButton
  }
}
