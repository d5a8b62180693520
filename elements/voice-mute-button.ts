import { css, html, type TemplateResult } from 'lit'
import { define } from './internal/define.ts'
import { microphone, microphoneOff } from './internal/icons.ts'
import { SessionElement } from './internal/session-element.ts'
import { base, button, quietButton } from './internal/styles.ts'

/**
 * Mutes the microphone, also before there is a conversation.
 *
 * @slot - What the button says instead of its picture; it needs words that do not change with the state.
 * @csspart button - The button.
 * @csspart icon - The picture in it.
 */
export class VoiceMuteButton extends SessionElement {
  static override shadowRootOptions: ShadowRootInit = {
    ...SessionElement.shadowRootOptions,
    delegatesFocus: true,
  }

  static override styles = [
    base,
    button,
    quietButton,
    css`
      .root[aria-pressed='true'] {
        border-color: transparent;
        background: var(--text);
        color: var(--surface);
      }
      @media (forced-colors: active) {
        .root[aria-pressed='true'] {
          forced-color-adjust: none;
          background: Highlight;
          color: HighlightText;
        }
      }
    `,
  ]

  protected override render(): TemplateResult {
    const { conversation, words } = this
    const muted = conversation?.muted ?? false
    return html`<button
      class="root"
      part="button"
      type="button"
      aria-pressed=${muted}
      ?disabled=${!conversation}
      @click=${this.#toggle}
    >
      <slot>${muted ? microphoneOff : microphone}<span class="unseen">${words.mute}</span></slot>
    </button>`
  }

  #toggle(): void {
    const { conversation } = this
    if (conversation) conversation.muted = !conversation.muted
  }
}

define('voice-mute-button', VoiceMuteButton)

declare global {
  interface HTMLElementTagNameMap {
    'voice-mute-button': VoiceMuteButton
  }
}
