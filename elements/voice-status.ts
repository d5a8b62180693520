import { css, html, nothing, type TemplateResult } from 'lit'
import { define } from './internal/define.ts'
import { type ContextRequestEvent, conversationContext } from './internal/session-context.ts'
import { SessionElement } from './internal/session-element.ts'
import { base } from './internal/styles.ts'

/**
 * Says how the conversation stands, and what to do where it failed. A screen reader hears of connection and
 * failure; what the agent does changes every second and can be heard anyway, so that is for the eye alone.
 *
 * @csspart status - All of it.
 * @csspart indicator - The dot.
 * @csspart message - The state, or what went wrong.
 * @csspart hint - What to do about it.
 * @csspart activity - What the agent does.
 * @csspart recovery - What to do about the microphone, with the parts of `<voice-recovery>`.
 */
export class VoiceStatus extends SessionElement {
  static override styles = [
    base,
    css`
      .root {
        display: flex;
        align-items: baseline;
        gap: 0.625em;
        min-block-size: 1.5em;
        overflow-wrap: break-word;
      }
      [role='status'] {
        min-inline-size: 0;
      }
      .indicator {
        flex: none;
        inline-size: 0.5em;
        block-size: 0.5em;
        border-radius: 50%;
        background: var(--secondary);
        translate: 0 -0.0625em;
      }
      .open .indicator {
        background: var(--success);
      }
      .connecting .indicator,
      .reconnecting .indicator {
        animation: pulse 1.5s infinite;
      }
      .failed .indicator {
        background: var(--danger);
      }
      .message,
      .activity {
        font-weight: 600;
      }
      .failed .message {
        color: var(--danger);
      }
      .hint {
        display: block;
        color: var(--secondary);
        font-size: 0.875em;
      }
      @media (forced-colors: active) {
        .indicator {
          forced-color-adjust: none;
          background: CanvasText;
        }
      }
    `,
  ]

  protected override render(): TemplateResult {
    const { conversation, words } = this
    const state = conversation?.state ?? 'closed'
    const error = conversation?.error
    const recovery = error && this.#recovery(error)
    const activity = error || state !== 'open' ? null : this.#activity()
    return html`<div class="root ${error ? 'failed' : state}" part="status">
      <span class="indicator" part="indicator"></span>
      <div class=${activity ? 'unseen' : ''} role="status">
        <span class="message" part="message">${error ? this.#sentence(error) : words[state]}</span>
        ${
          error && 'hint' in error && error.hint && !recovery
            ? html`<span class="hint" part="hint">${error.hint}</span>`
            : nothing
        }
      </div>
      ${activity ? html`<span class="activity" part="activity" aria-hidden="true">${activity}</span>` : nothing}
    </div>
    ${recovery ?? nothing}`
  }

  /** Where a user can do something about the microphone. It is loaded then; until it is there the hint stands alone. */
  #recovery({ code = '' }: Error & { code?: string }): TemplateResult | null {
    if (!/^(microphone-(?!rate)|insecure-)/.test(code)) return null
    if (!globalThis.customElements.get('voice-recovery')) {
      import('./voice-recovery.ts').then(
        () => this.requestUpdate(),
        () => {
          // The hint says the most of it.
        },
      )
      return null
    }
    return html`<voice-recovery
      exportparts="recovery, recovery-title, steps, step, solved, retry-button, type-button"
      @context-request=${this.#answer}
    ></voice-recovery>`
  }

  /** What is inside shows the same conversation, also where that is not the one of the agent around. */
  #answer(event: ContextRequestEvent<unknown>): void {
    if (event.context !== conversationContext || !this.conversation) return
    event.stopPropagation()
    event.callback(this.conversation)
  }

  #activity(): string | null {
    const { session, conversation, words } = this
    const state = session?.agentState ?? 'idle'
    if (state === 'idle') return null
    // Who types is not listened to, and the answer is not to be heard.
    if (conversation?.mode === 'text') return state === 'listening' ? null : words.thinking
    return conversation?.muted && state === 'listening' ? words.muted : words[state]
  }

  #sentence(error: Error & { code?: string }): string {
    const { errors, misconfigured } = this.words
    if (!('hint' in error)) return misconfigured
    return (errors as Readonly<Record<string, string>>)[error.code ?? ''] ?? error.message
  }
}

define('voice-status', VoiceStatus)

declare global {
  interface HTMLElementTagNameMap {
    'voice-status': VoiceStatus
  }
}
