import { css, html, type TemplateResult } from 'lit'
import type { AgentState, VoiceSession } from '../../src/index.ts'
import { FrameLoop, isCalm } from './frame-loop.ts'
import type { Body } from './lazy-element.ts'
import { loudness } from './loudness.ts'
import type { SessionElement } from './session-element.ts'
import { Spring } from './spring.ts'

const styles = css`
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
    inset: 7%;
    background: radial-gradient(closest-side, var(--accent) 62%, color-mix(in srgb, var(--accent), transparent 70%) 80%, transparent);
    opacity: 0;
  }
  .ring {
    inset: 9%;
    background: conic-gradient(transparent 30%, var(--cool), var(--accent), var(--warm) 96%, transparent 97%);
    mask: radial-gradient(closest-side, transparent 95%, #000 96%);
    opacity: 0;
  }
  .ball {
    inset: 17%;
    overflow: clip;
    background: var(--accent);
    transition: filter 0.4s;
  }
  .closed .ball,
  .closing .ball {
    filter: saturate(0.55);
    opacity: 0.75;
  }
  .connecting .ball,
  .reconnecting .ball {
    animation: pulse 1.5s infinite;
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
  .gloss {
    inset: 0;
    background: radial-gradient(circle at 34% 18%, rgb(255 255 255 / 50%), transparent 42%);
    box-shadow: inset 0 -2cqi 7cqi rgb(0 0 0 / 12%), inset 0 0.6cqi 2.5cqi rgb(255 255 255 / 45%);
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
`

/** How the ball looks in silence, and how much of it follows the sound. */
interface Look {
  /** Scale of the ball, and what full loudness adds. */
  readonly size: number
  readonly swell: number
  /** Opacity of the light around it, and what full loudness adds. */
  readonly glow: number
  readonly flare: number
  /** Opacity of the ring. */
  readonly ring: number
  /** Turns of the clouds per second. */
  readonly speed: number
}

const LOOKS: Readonly<Record<AgentState, Look>> = {
  idle: { size: 0.94, swell: 0, glow: 0.12, flare: 0, ring: 0, speed: 0.02 },
  listening: { size: 0.96, swell: 0.1, glow: 0.2, flare: 0.25, ring: 0, speed: 0.05 },
  thinking: { size: 0.88, swell: 0, glow: 0.15, flare: 0, ring: 1, speed: 0.35 },
  speaking: { size: 1, swell: 0.2, glow: 0.38, flare: 0.45, ring: 0, speed: 0.12 },
}

/** Turns of the ring per second. */
const RING_SPEED = 0.7

/** The parts of an orb, moved by transforms and opacity, which cost a browser least. */
class Orb implements Body {
  static readonly styles = styles
  readonly #host: SessionElement
  readonly #size = new Spring(0.94, 140, 15)
  readonly #halo = new Spring(0.94, 60, 13)
  readonly #glow = new Spring(0.12, 90, 19)
  readonly #ring = new Spring(0, 90, 19)
  readonly #speed = new Spring(0.02, 20, 9)
  #turns = 0
  #ringTurns = 0

  constructor(host: SessionElement) {
    this.#host = host
    new FrameLoop(host, {
      onframe: (session, seconds) => this.#draw(session, seconds),
      onrest: () => this.#rest(),
    })
  }

  render(): TemplateResult {
    const { session } = this.#host
    const state = session?.state === 'open' ? session.agentState : (session?.state ?? 'closed')
    return html`<div class="root ${state}" part="orb" aria-hidden="true">
      <i class="halo" part="halo"></i><i class="ring"></i>
      <div class="ball" part="ball">
        <i class="cloud cool"></i><i class="cloud warm"></i><i class="gloss"></i>
      </div>
    </div>`
  }

  #draw({ agentState, inputLevel, outputLevel }: VoiceSession, seconds: number): void {
    const look = LOOKS[agentState]
    const loud = loudness(agentState === 'speaking' ? outputLevel : inputLevel)
    const size = this.#size.follow(look.size + look.swell * loud, seconds)
    const halo = this.#halo.follow(look.size + look.swell * loud * 1.2, seconds)
    const glow = this.#glow.follow(look.glow + look.flare * loud, seconds)
    const ring = this.#ring.follow(look.ring, seconds)
    this.#turns += this.#speed.follow(look.speed, seconds) * seconds
    this.#ringTurns += RING_SPEED * seconds
    const root = this.#host.renderRoot
    const calm = isCalm()
    show(root, '.ball', calm ? '' : `scale(${size.toFixed(4)})`)
    show(root, '.halo', calm ? '' : `scale(${halo.toFixed(4)})`, glow)
    show(root, '.ring', calm ? '' : turned(this.#ringTurns), ring)
    show(root, '.cool', calm ? '' : turned(this.#turns))
    show(root, '.warm', calm ? '' : turned(-0.7 * this.#turns))
  }

  /** Leaves the parts to the style sheet. */
  #rest(): void {
    for (const part of this.#host.renderRoot.querySelectorAll<HTMLElement>('.root *')) {
      part.style.removeProperty('transform')
      part.style.removeProperty('opacity')
    }
  }
}

function show(root: ParentNode, selector: string, transform: string, opacity?: number): void {
  const style = root.querySelector<HTMLElement>(selector)?.style
  style?.setProperty('transform', transform)
  if (opacity !== undefined) style?.setProperty('opacity', Math.max(0, opacity).toFixed(3))
}

function turned(turns: number): string {
  return `rotate(${(turns % 1).toFixed(4)}turn)`
}

export { Orb as Body }
