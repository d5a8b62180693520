import type { AgentState, VoiceSession } from '../../src/index.ts'
import { isCalm } from './frame-loop.ts'
import { loudness } from './loudness.ts'
import { Spring } from './spring.ts'

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
  speaking: { size: 1, swell: 0.2, glow: 0.3, flare: 0.45, ring: 0, speed: 0.12 },
}

/** Turns of the ring per second. */
const RING_SPEED = 0.7

/** Moves the parts of an orb by transforms and opacity, which cost a browser least. */
export class Orb {
  readonly #size = new Spring(0.94, 140, 15)
  readonly #halo = new Spring(0.94, 60, 13)
  readonly #glow = new Spring(0.12, 90, 19)
  readonly #ring = new Spring(0, 90, 19)
  readonly #speed = new Spring(0.02, 20, 9)
  #turns = 0
  #ringTurns = 0

  /** Draws the parts of a shadow root as the session sounds now. */
  draw(root: ParentNode, session: VoiceSession, seconds: number): void {
    const { agentState, inputLevel, outputLevel } = session
    const look = LOOKS[agentState]
    const loud = loudness(agentState === 'speaking' ? outputLevel : inputLevel)
    const size = this.#size.follow(look.size + look.swell * loud, seconds)
    const halo = this.#halo.follow(look.size + look.swell * loud * 1.2, seconds)
    const glow = this.#glow.follow(look.glow + look.flare * loud, seconds)
    const ring = this.#ring.follow(look.ring, seconds)
    this.#turns += this.#speed.follow(look.speed, seconds) * seconds
    this.#ringTurns += RING_SPEED * seconds
    const calm = isCalm()
    show(root, '.ball', calm ? '' : `scale(${size.toFixed(4)})`)
    show(root, '.halo', calm ? '' : `scale(${halo.toFixed(4)})`, glow)
    show(root, '.ring', calm ? '' : turned(this.#ringTurns), ring)
    show(root, '.cool', calm ? '' : turned(this.#turns))
    show(root, '.warm', calm ? '' : turned(-0.7 * this.#turns))
    show(root, '.light', calm ? '' : turned(1.6 * this.#turns))
  }

  /** Leaves the parts to the style sheet. */
  rest(root: ParentNode): void {
    for (const part of root.querySelectorAll<HTMLElement>('.root *')) {
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
