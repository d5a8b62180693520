import { css, html, type TemplateResult } from 'lit'
import { define } from './internal/define.ts'
import { FrameLoop } from './internal/frame-loop.ts'
import type { Orb } from './internal/orb.ts'
import { SessionElement } from './internal/session-element.ts'
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
export class VoiceOrb extends SessionElement {
  static override styles = [
    base,
    css`
      :host {
        inline-size: 9em;
      }
      .root {
        aspect-ratio: 1;
        container-type: inline-size;
        --cool: oklch(from var(--accent) l c calc(h - 45));
        --warm: oklch(from var(--accent) l c calc(h + 55));
      }
      .root * {
        position: absolute;
        border-radius: 50%;
      }
      .halo {
        inset: 0;
        background: radial-gradient(closest-side, var(--accent) 62%, color-mix(in srgb, var(--accent), transparent 70%) 80%, transparent);
        opacity: 0;
      }
      .ring {
        inset: 7%;
        background: conic-gradient(transparent 30%, var(--cool), var(--accent), var(--warm) 96%, transparent 97%);
        mask: radial-gradient(closest-side, transparent 95%, #000 96%);
        opacity: 0;
      }
      .ball {
        inset: 15%;
        overflow: clip;
        background: var(--accent);
      }
      .closed .ball,
      .closing .ball {
        filter: saturate(0.55);
        opacity: 0.75;
      }
      .connecting .ball,
      .reconnecting .ball {
        animation: breathe 1.6s ease-in-out infinite;
      }
      .ball,
      .halo,
      .ring {
        transition: filter 0.4s;
      }
      .cloud {
        inset: -12%;
        filter: blur(5cqi);
      }
      .cool {
        background: radial-gradient(circle at 22% 30%, var(--cool) 12%, transparent 56%);
      }
      .warm {
        background: radial-gradient(circle at 76% 74%, var(--warm) 12%, transparent 58%);
      }
      .light {
        background: radial-gradient(circle at 66% 26%, #fff 6%, transparent 38%);
        opacity: 0.55;
      }
      .gloss {
        inset: 0;
        background: radial-gradient(circle at 34% 18%, rgb(255 255 255 / 50%), transparent 42%);
        box-shadow: inset 0 -2cqi 7cqi rgb(0 0 0 / 12%), inset 0 0.6cqi 2.5cqi rgb(255 255 255 / 45%);
      }
      @keyframes breathe {
        50% {
          opacity: 0.55;
        }
      }
      @media (forced-colors: active) {
        .root {
          border: 3px solid CanvasText;
          border-radius: 50%;
        }
        .root * {
          display: none;
        }
      }
    `,
  ]

  #orb: Orb | null = null

  constructor() {
    super()
    new FrameLoop(this, {
      onframe: (session, seconds) => this.#orb?.draw(this.renderRoot, session, seconds),
      onrest: () => this.#orb?.rest(this.renderRoot),
    })
  }

  protected override render(): TemplateResult {
    const { session } = this
    const state = session?.state === 'open' ? session.agentState : (session?.state ?? 'closed')
    return html`<div class="root ${state}" part="orb" aria-hidden="true">
      <i class="halo" part="halo"></i><i class="ring"></i>
      <div class="ball" part="ball">
        <i class="cloud cool"></i><i class="cloud warm"></i><i class="cloud light"></i><i class="gloss"></i>
      </div>
    </div>`
  }

  protected override firstUpdated(): void {
    void this.#load()
  }

  async #load(): Promise<void> {
    try {
      const { Orb } = await import('./internal/orb.ts')
      this.#orb = new Orb()
    } catch {
      // Without it the ball rests.
    }
  }
}

define('voice-orb', VoiceOrb)

declare global {
  interface HTMLElementTagNameMap {
    'voice-orb': VoiceOrb
  }
}
