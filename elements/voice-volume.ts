import { css, html, type TemplateResult } from 'lit'
import { define } from './internal/define.ts'
import { speaker, speakerOff } from './internal/icons.ts'
import { SessionElement } from './internal/session-element.ts'
import { base, pictures } from './internal/styles.ts'

/**
 * How loud the agent is, also before there is a conversation.
 *
 * @csspart volume - All of it.
 * @csspart icon - The picture.
 * @csspart slider - The native range.
 */
export class VoiceVolume extends SessionElement {
  static override shadowRootOptions: ShadowRootInit = {
    ...SessionElement.shadowRootOptions,
    delegatesFocus: true,
  }

  static override styles = [
    base,
    pictures,
    css`
      .root {
        display: flex;
        align-items: center;
        gap: 0.5em;
        min-block-size: 2.875em;
      }
      svg {
        color: var(--secondary);
      }
      :dir(rtl) > svg {
        transform: scaleX(-1);
      }
      input {
        flex: 1;
        min-inline-size: 5em;
        block-size: 1.5em;
        margin: 0;
        accent-color: var(--accent);
        border-radius: 0.5em;
        cursor: pointer;
      }
      input:disabled {
        cursor: default;
      }
    `,
  ]

  protected override render(): TemplateResult {
    const { conversation, words } = this
    const volume = conversation?.volume ?? 1
    return html`<label class="root" part="volume">
      ${volume ? speaker : speakerOff}<span class="unseen">${words.volume}</span>
      <input
        part="slider"
        type="range"
        min="0"
        max="1"
        step="0.05"
        .value=${String(volume)}
        aria-valuetext=${`${Math.round(volume * 100)}%`}
        ?disabled=${!conversation}
        @input=${this.#oninput}
      >
    </label>`
  }

  #oninput(event: Event): void {
    const { conversation } = this
    if (conversation) conversation.volume = (event.target as HTMLInputElement).valueAsNumber
  }
}

define('voice-volume', VoiceVolume)

declare global {
  interface HTMLElementTagNameMap {
    'voice-volume': VoiceVolume
  }
}
