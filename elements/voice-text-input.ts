import { css, type PropertyDeclarations } from 'lit'
import { define } from './internal/define.ts'
import { type BodyModule, LazyElement } from './internal/lazy-element.ts'
import { base, button } from './internal/styles.ts'

/**
 * Says something in text. Enter sends, Shift and Enter make a line; where no session is open, sending starts one
 * first. The text stays in the field until it is sent, so nothing is lost where that fails. What was said is
 * announced by the transcript.
 *
 * @attr placeholder - What the empty field shows, which is also its name; default `Type a message`.
 * @csspart input - All of it.
 * @csspart field - The field.
 * @csspart send-button - The button.
 * @csspart icon - The picture in it.
 */
export class VoiceTextInput extends LazyElement {
  static override shadowRootOptions: ShadowRootInit = {
    ...LazyElement.shadowRootOptions,
    delegatesFocus: true,
  }

  static override properties: PropertyDeclarations = {
    placeholder: { reflect: true },
  }

  static override styles = [
    base,
    button,
    css`
      :host {
        display: block;
        min-block-size: 2.875em;
      }
    `,
  ]

  declare placeholder: string | null

  constructor() {
    super()
    this.placeholder = null
  }

  protected override load(): Promise<BodyModule<this>> {
    return import('./internal/text-field.ts')
  }
}

define('voice-text-input', VoiceTextInput)

declare global {
  interface HTMLElementTagNameMap {
    'voice-text-input': VoiceTextInput
  }
}
