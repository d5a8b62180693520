import { css, html, type TemplateResult } from 'lit'
import type { SessionState } from '../src/index.ts'
import { define } from './internal/define.ts'
import { stop, voice } from './internal/icons.ts'
import { SessionElement } from './internal/session-element.ts'
import { base, button } from './internal/styles.ts'

/** What a press does: it ends what has begun, also what is still connecting. */
const ACTIONS: Readonly<Record<SessionState, 'start' | 'stop' | 'cancel'>> = {
  closed: 'start',
  connecting: 'cancel',
  open: 'stop',
  reconnecting: 'stop',
  closing: 'start',
}

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
    const action = ACTIONS[state]
    return html`<button
      class="root ${action}"
      part="button"
      type="button"
      aria-busy=${state === 'connecting' || state === 'reconnecting'}
      ?disabled=${!conversation}
      @click=${this.#toggle}
    >
      ${action === 'start' ? voice : stop}<slot name=${action}>${words[action]}</slot>
    </button>`
  }

  #toggle(): void {
    const { conversation } = this
    if (!conversation) return
    const action = ACTIONS[conversation.state]
    const done = action === 'start' ? conversation.start() : conversation.stop()
    done.catch(() => {
      // The conversation told it: as an `error` event, and to the status.
    })
  }
}

define('voice-start-button', VoiceStartButton)

declare global {
  interface HTMLElementTagNameMap {
    'voice-start-button': VoiceStartButton
  }
}
