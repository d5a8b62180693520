import { css } from 'lit'
import { define } from './internal/define.ts'
import { type BodyModule, LazyElement } from './internal/lazy-element.ts'
import { base } from './internal/styles.ts'

/**
 * The agent as a ball of light that listens, thinks and speaks with the sound of the session. It is drawn only while
 * a session is open and it can be seen, and is nothing to a screen reader, which has the status. With less motion
 * asked for it grows brighter instead of moving; with forced colours it is a ring.
 *
 * Its size is the host's `inline-size`, by default `9em`; its colours come from `--voicewire-accent`.
 *
 * @csspart orb - All of it.
 * @csspart halo - The light around the ball.
 * @csspart ball - The ball.
 */
export class VoiceOrb extends LazyElement {
  static override styles = [
    base,
    css`
      :host {
        inline-size: 9em;
        aspect-ratio: 1;
      }
    `,
  ]

  protected override load(): Promise<BodyModule<this>> {
    return import('./internal/orb.ts')
  }
}

define('voice-orb', VoiceOrb)

declare global {
  interface HTMLElementTagNameMap {
    'voice-orb': VoiceOrb
  }
}
