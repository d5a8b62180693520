import { css, html, type TemplateResult } from 'lit'
import { define } from './internal/define.ts'
import { SessionElement } from './internal/session-element.ts'
import { base } from './internal/styles.ts'

/** Bars on each side of the middle; the newest sound is in the middle and moves outward. */
const HALF = 14

/** How long one sound stays in a bar, in ms. */
const STEP_MS = 55

/** The same for readers who asked for less motion; then nothing moves outward either. */
const CALM_STEP_MS = 250

interface Sound {
  readonly level: number
  readonly agent: boolean
}

/**
 * Shows how loud the user and the agent are. It draws only while a session is open, and not at all for a
 * screen reader, which has the status.
 *
 * @csspart meter - All of it.
 * @csspart bar - One bar; while it shows the agent it has the attribute `data-agent`.
 */
export class VoiceMeter extends SessionElement {
  static override styles = [
    base,
    css`
      .root {
        display: flex;
        align-items: center;
        justify-content: center;
        gap: 0.25em;
        block-size: 3em;
        direction: ltr;
      }
      i {
        flex: none;
        inline-size: 0.1875em;
        block-size: 100%;
        border-radius: 999px;
        background: var(--border);
        transform: scaleY(0.07);
        transition: transform 0.08s linear, background-color 0.2s;
      }
      .open i {
        background: var(--secondary);
      }
      .open i[data-agent] {
        background: var(--accent);
      }
      @media (forced-colors: active) {
        i {
          forced-color-adjust: none;
          background: CanvasText !important;
        }
      }
    `,
  ]

  #sounds: Sound[] = []
  #request = 0
  #drawnAt = 0

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    this.#rest()
  }

  protected override render(): TemplateResult {
    const open = this.session?.state === 'open'
    return html`<div class="root ${open ? 'open' : ''}" part="meter" aria-hidden="true">
      ${Array.from({ length: 2 * HALF + 1 }, () => html`<i part="bar"></i>`)}
    </div>`
  }

  protected override updated(): void {
    if (this.session?.state !== 'open') this.#rest()
    else if (!this.#request && this.isConnected) this.#request = requestAnimationFrame(this.#draw)
  }

  #draw = (now: number): void => {
    this.#request = requestAnimationFrame(this.#draw)
    const calm = matchMedia('(prefers-reduced-motion: reduce)').matches
    if (now - this.#drawnAt < (calm ? CALM_STEP_MS : STEP_MS)) return
    this.#drawnAt = now
    const { inputLevel = 0, outputLevel = 0 } = this.session ?? {}
    const agent = outputLevel > inputLevel
    const sound = { level: agent ? outputLevel : inputLevel, agent }
    this.#sounds = calm ? Array(HALF + 1).fill(sound) : [sound, ...this.#sounds.slice(0, HALF)]
    this.#paint()
  }

  #rest(): void {
    cancelAnimationFrame(this.#request)
    this.#request = 0
    this.#sounds = []
    this.#paint()
  }

  /** Through the CSSOM, which a strict Content-Security-Policy allows, where it forbids style attributes. */
  #paint(): void {
    for (const [index, bar] of this.renderRoot.querySelectorAll('i').entries()) {
      const distance = Math.abs(index - HALF)
      const { level = 0, agent = false } = this.#sounds[distance] ?? {}
      const height = level * (1 - (distance / HALF) ** 2 * 0.7)
      bar.style.setProperty('transform', `scaleY(${Math.max(0.07, height).toFixed(3)})`)
      bar.toggleAttribute('data-agent', agent)
    }
  }
}

define('voice-meter', VoiceMeter)

declare global {
  interface HTMLElementTagNameMap {
    'voice-meter': VoiceMeter
  }
}
