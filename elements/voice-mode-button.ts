import { html, type TemplateResult } from 'lit'
import { define } from './internal/define.ts'
import { keyboard, microphone } from './internal/icons.ts'
import { SessionElement } from './internal/session-element.ts'
import { base, button, quietButton } from './internal/styles.ts'

/**
 * Changes between voice and text, in the middle of a conversation too. In text the microphone is let go of and the
 * agent is not heard.
 *
 * @slot text - What the button says instead of its picture while the user speaks.
 * @slot voice - The same while the user types.
 * @csspart button - The button.
 * @csspart icon - The picture in it.
 */
export class VoiceModeButton extends SessionElement {
  static override shadowRootOptions: ShadowRootInit = {
    ...SessionElement.shadowRootOptions,
    delegatesFocus: true,
  }

  static override styles = [base, button, quietButton]

  protected override render(): TemplateResult {
    const { conversation, words } = this
    const other = conversation?.mode === 'text' ? 'voice' : 'text'
    const [picture, label] = other === 'text' ? [keyboard, words.type] : [microphone, words.speak]
    return html`<button
      class="root"
      part="button"
      type="button"
      title=${label}
      ?disabled=${!conversation}
      @click=${() => conversation?.switchTo(other)}
    >
      <slot name=${other}>${picture}<span class="unseen">${label}</span></slot>
    </button>`
  }
}

define('voice-mode-button', VoiceModeButton)

declare global {
  interface HTMLElementTagNameMap {
    'voice-mode-button': VoiceModeButton
  }
}
