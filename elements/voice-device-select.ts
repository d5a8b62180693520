import { css, type PropertyDeclarations } from 'lit'
import type { DeviceKind } from './internal/conversation.ts'
import { define } from './internal/define.ts'
import { type BodyModule, LazyElement } from './internal/lazy-element.ts'
import { base } from './internal/styles.ts'

/**
 * Chooses the microphone, or what the agent is played through; for the next start where no session is open. It
 * lists devices once the browser tells their names: when the microphone is allowed. Nothing is kept for the next
 * page.
 *
 * Where the browser lets no page choose the output, `kind="output"` shows nothing and has `:state(unsupported)`.
 *
 * @attr kind - `input` (default) or `output`.
 * @csspart device - All of it.
 * @csspart label - Its name.
 * @csspart select - The native select.
 * @csspart icon - The arrow in it.
 * @csspart problem - Why a device could not be used.
 */
export class VoiceDeviceSelect extends LazyElement {
  static override shadowRootOptions: ShadowRootInit = {
    ...LazyElement.shadowRootOptions,
    delegatesFocus: true,
  }

  static override properties: PropertyDeclarations = {
    kind: { reflect: true, useDefault: true },
  }

  static override styles = [
    base,
    css`
      :host(:state(unsupported)) {
        display: none;
      }
    `,
  ]

  declare kind: DeviceKind

  constructor() {
    super()
    this.kind = 'input'
  }

  protected override load(): Promise<BodyModule<this>> {
    return import('./internal/device-choice.ts')
  }
}

define('voice-device-select', VoiceDeviceSelect)

declare global {
  interface HTMLElementTagNameMap {
    'voice-device-select': VoiceDeviceSelect
  }
}
