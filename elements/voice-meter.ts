import { css, html, type PropertyDeclarations, type TemplateResult } from 'lit'
import type { VoiceSession } from '../src/index.ts'
import { define } from './internal/define.ts'
import { FrameLoop, isCalm } from './internal/frame-loop.ts'
import { SessionElement } from './internal/session-element.ts'
import { base } from './internal/styles.ts'
import type { Wave } from './internal/wave.ts'

/** Bars on each side of the middle; the newest sound is in the middle and moves outward. */
const HALF = 14

/** How long one sound stays in a bar, in s. */
const STEP_SECONDS = 0.055

/** The same for readers who asked for less motion; then nothing moves outward either. */
const CALM_STEP_SECONDS = 0.25

/** Twice {@link HALF} and the middle one, written out: a template for each would take longer than all the rest. */
const BARS = html`
  <i part="bar"></i><i part="bar"></i><i part="bar"></i><i part="bar"></i><i part="bar"></i><i part="bar"></i>
  <i part="bar"></i><i part="bar"></i><i part="bar"></i><i part="bar"></i><i part="bar"></i><i part="bar"></i>
  <i part="bar"></i><i part="bar"></i><i part="bar"></i><i part="bar"></i><i part="bar"></i><i part="bar"></i>
  <i part="bar"></i><i part="bar"></i><i part="bar"></i><i part="bar"></i><i part="bar"></i><i part="bar"></i>
  <i part="bar"></i><i part="bar"></i><i part="bar"></i><i part="bar"></i><i part="bar"></i>`

interface Sound {
  readonly level: number
  readonly agent: boolean
}

/**
 * Shows how loud the user and the agent are. It draws only while a session is open and the element can be seen,
 * and not at all for a screen reader, which has the status.
 *
 * @attr variant - `bars` (default), or `wave`: a line.
 * @csspart meter - All of it.
 * @csspart bar - One bar; while it shows the agent it has the attribute `data-agent`.
 * @csspart line - One of the lines of the wave; the same.
 */
export class VoiceMeter extends SessionElement {
  static override properties: PropertyDeclarations = {
    variant: { reflect: true, useDefault: true },
  }

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
      svg {
        inline-size: min(100%, 15em);
        block-size: 100%;
        overflow: visible;
      }
      path {
        fill: none;
        stroke: var(--border);
        stroke-width: 2.25;
        stroke-linecap: round;
        stroke-linejoin: round;
        vector-effect: non-scaling-stroke;
        transition: stroke 0.2s;
      }
      path + path {
        opacity: 0.35;
      }
      .open path {
        stroke: var(--secondary);
      }
      .open path[data-agent] {
        stroke: var(--accent);
      }
      @media (forced-colors: active) {
        i {
          forced-color-adjust: none;
          background: CanvasText !important;
        }
        path {
          stroke: CanvasText !important;
        }
      }
    `,
  ]

  declare variant: 'bars' | 'wave'
  #sounds: Sound[] = []
  #sinceSound = 0
  #wave: Wave | null = null

  constructor() {
    super()
    this.variant = 'bars'
    new FrameLoop(this, {
      onframe: (session, seconds) => this.#draw(session, seconds),
      onrest: () => this.#rest(),
    })
  }

  protected override render(): TemplateResult {
    const open = this.session?.state === 'open'
    return html`<div class="root ${open ? 'open' : ''}" part="meter" aria-hidden="true">
      ${
        this.variant === 'wave'
          ? html`<svg viewBox="0 -24 240 48" preserveAspectRatio="none"
              ><path part="line" d="M0 0H240" /><path part="line" d="M0 0H240"
            /></svg>`
          : BARS
      }
    </div>`
  }

  protected override updated(): void {
    if (this.variant === 'wave' && !this.#wave) void this.#load()
  }

  async #load(): Promise<void> {
    try {
      const { Wave } = await import('./internal/wave.ts')
      this.#wave ??= new Wave()
    } catch {
      // Without it the line lies still.
    }
  }

  #draw({ inputLevel, outputLevel }: VoiceSession, seconds: number): void {
    const agent = outputLevel > inputLevel
    const sound = { level: agent ? outputLevel : inputLevel, agent }
    if (this.variant === 'wave') this.#wave?.draw(this.renderRoot, { ...sound, seconds, calm: isCalm() })
    else this.#step(sound, seconds)
  }

  #step(sound: Sound, seconds: number): void {
    const calm = isCalm()
    this.#sinceSound += seconds
    if (this.#sinceSound < (calm ? CALM_STEP_SECONDS : STEP_SECONDS)) return
    this.#sinceSound = 0
    this.#sounds = calm ? Array(HALF + 1).fill(sound) : [sound, ...this.#sounds.slice(0, HALF)]
    this.#paint()
  }

  #rest(): void {
    this.#wave?.rest(this.renderRoot)
    if (this.#sounds.length === 0) return
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
