import { css } from 'lit'
import type { Conversation } from './internal/conversation.ts'
import { define } from './internal/define.ts'
import { type BodyModule, LazyElement } from './internal/lazy-element.ts'
import { base, button } from './internal/styles.ts'

/**
 * Hold to talk: the microphone is open while the button, Space or Enter is held, and muted otherwise. A press cuts
 * the agent off; where there is no conversation it starts one. Assistive technology that can only click switches it
 * on and off.
 *
 * It has `:state(pressed)` while the microphone is open.
 *
 * @slot talk - What the button says; this is its name all the time.
 * @slot talking - What it shows while it is held.
 * @csspart button - The button.
 * @csspart icon - The picture in it.
 */
export class VoiceTalkButton extends LazyElement {
  static override shadowRootOptions: ShadowRootInit = {
    ...LazyElement.shadowRootOptions,
    delegatesFocus: true,
  }

  static override styles = [
    base,
    button,
    css`
      :host {
        min-block-size: 2.875em;
      }
    `,
  ]

  /** What was muted here already; it may be unmuted by other controls since. */
  #muted: Conversation | null = null

  protected override load(): Promise<BodyModule<this>> {
    return import('./internal/hold-to-talk.ts')
  }

  /** Before the first press nothing is to be heard. */
  protected override updated(): void {
    const { conversation } = this
    if (conversation === this.#muted) return
    this.#muted = conversation
    if (conversation) conversation.muted = true
  }
}

define('voice-talk-button', VoiceTalkButton)

declare global {
  interface HTMLElementTagNameMap {
    'voice-talk-button': VoiceTalkButton
  }
}
