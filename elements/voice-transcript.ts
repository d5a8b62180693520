import { css, html, nothing, type TemplateResult } from 'lit'
import type { TranscriptEntry } from '../src/index.ts'
import { define } from './internal/define.ts'
import { SessionElement } from './internal/session-element.ts'
import { base } from './internal/styles.ts'

/** This close to the end counts as being there, in CSS pixels. */
const END_MARGIN = 24

/**
 * The conversation in words. It follows its end unless the reader scrolled up. A screen reader hears of an
 * entry once, when it is complete.
 *
 * @csspart transcript - The scrolled box.
 * @csspart empty - What stands there before anything was said.
 * @csspart entry - One utterance; also `user` or `assistant`.
 * @csspart user - One of the user's.
 * @csspart assistant - One of the agent's.
 * @csspart speaker - Who said it.
 * @csspart text - What was said.
 * @csspart interrupted - The mark on an answer that was cut off.
 */
export class VoiceTranscript extends SessionElement {
  static override styles = [
    base,
    css`
      .root {
        display: flex;
        flex-direction: column;
        gap: 0.875em;
        min-block-size: 5em;
        max-block-size: var(--voicewire-transcript-size, 19em);
        padding: 1em 0.125em 0.125em;
        overflow-y: auto;
        overscroll-behavior: contain;
        scrollbar-width: thin;
        scrollbar-color: var(--border) transparent;
        border-radius: 0.5em;
      }
      .root:not(:focus-visible) {
        mask-image: linear-gradient(transparent, #000 1em);
      }
      .empty {
        margin: auto;
        color: var(--secondary);
        font-size: 0.9375em;
        text-align: center;
      }
      .entry {
        align-self: flex-start;
        max-inline-size: 85%;
        margin: 0;
        font-size: 0.9375em;
      }
      .user {
        align-self: flex-end;
      }
      .speaker,
      .interrupted {
        display: block;
        color: var(--secondary);
        font-size: 0.8em;
      }
      .user .speaker {
        text-align: end;
      }
      .text {
        display: block;
        padding: 0.4375em 0.8125em;
        border-radius: 1.125em;
        border-start-start-radius: 0.3125em;
        background: color-mix(in oklab, var(--border), transparent 30%);
        overflow-wrap: anywhere;
        white-space: pre-line;
      }
      .user .text {
        border-start-start-radius: 1.125em;
        border-start-end-radius: 0.3125em;
        background: color-mix(in oklab, var(--accent), transparent 84%);
      }
      .waiting .text {
        color: var(--secondary);
      }
      @media (forced-colors: active) {
        .text {
          border: 1px solid CanvasText;
        }
      }
    `,
  ]

  #atEnd = true

  protected override render(): TemplateResult {
    const { session, words } = this
    const entries = (session?.transcript ?? []).filter(({ text, final }) => text || !final)
    return html`<div
      class="root"
      part="transcript"
      role="log"
      tabindex="0"
      aria-label=${words.transcript}
      @scroll=${this.#onscroll}
    >
      ${entries.length ? nothing : html`<p class="empty" part="empty">${words.empty}</p>`}
      ${entries.map((entry) => this.#entry(entry))}
    </div>`
  }

  protected override updated(): void {
    // Asking for a height has the whole page laid out here and now.
    if (!this.#atEnd || !this.session?.transcript.length) return
    const box = this.#box
    if (box) box.scrollTop = box.scrollHeight
  }

  get #box(): HTMLElement | null {
    return this.renderRoot.querySelector('.root')
  }

  #onscroll(): void {
    const box = this.#box
    if (box) this.#atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < END_MARGIN
  }

  /** A provider may call each sentence final: an answer is complete when the agent has stopped speaking it. */
  #isComplete(entry: TranscriptEntry): boolean {
    const { session } = this
    const spoken = session?.agentState === 'speaking' && entry === session.transcript.at(-1)
    return entry.final && !(spoken && entry.role === 'assistant')
  }

  /** A completed entry has a template of its own, so it is a new node: that is what a screen reader is told of. */
  #entry(entry: TranscriptEntry): TemplateResult {
    const { words } = this
    const { role, text, interrupted } = entry
    const content = html`<span class="speaker" part="speaker">${words[role]}</span>
      <span class="text" part="text" dir="auto">${text || '…'}</span>
      ${interrupted ? html`<span class="interrupted" part="interrupted">${words.interrupted}</span>` : nothing}`
    return this.#isComplete(entry)
      ? html`<p class="entry ${role}" part="entry ${role}">${content}</p>`
      : html`<p class="entry ${role} ${text ? '' : 'waiting'}" part="entry ${role}" aria-hidden="true">${content}</p>`
  }
}

define('voice-transcript', VoiceTranscript)

declare global {
  interface HTMLElementTagNameMap {
    'voice-transcript': VoiceTranscript
  }
}
