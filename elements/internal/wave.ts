import { loudness } from './loudness.ts'
import { Spring } from './spring.ts'

/** The box that the lines are drawn in, from −`HALF_HEIGHT` to `HALF_HEIGHT`; it is stretched to the element's. */
const WIDTH = 240
const HALF_HEIGHT = 22

/** Between two points of a line. */
const STEP = 3

/** Frames that a sound takes from the middle to the ends. */
const HISTORY = 40

/** Of the lines: how high, how many waves from end to end, and how many of them pass in a second. */
const LINES = [
  { height: 1, waves: 5.5, speed: 1.5 },
  { height: 0.6, waves: 3.5, speed: -1.1 },
] as const

/** What is to be seen of silence. */
const LEAST = 0.05

export interface WaveFrame {
  /** 0…1. */
  readonly level: number
  /** Whether it is the agent's. */
  readonly agent: boolean
  /** Since the frame before. */
  readonly seconds: number
  /** Whether nothing is to move: then a line is the clearer the louder it is. */
  readonly calm: boolean
}

/** Lines as high as the sound is loud, which moves from the middle outward. */
export class Wave {
  readonly #spring = new Spring(0, 110, 19)
  #levels: number[] = []
  #seconds = 0

  /** Draws the `path`s of a shadow root. */
  draw(root: ParentNode, { level, agent, seconds, calm }: WaveFrame): void {
    const height = this.#spring.follow(loudness(level), seconds)
    this.#levels = calm ? [] : [Math.max(LEAST, height), ...this.#levels.slice(0, HISTORY)]
    this.#seconds = calm ? 0 : this.#seconds + seconds
    root.querySelector('svg')?.style.setProperty('opacity', calm ? `${0.3 + 0.7 * height}` : '')
    for (const [index, path] of root.querySelectorAll('path').entries()) {
      path.setAttribute('d', this.#line(LINES[index] ?? LINES[0], calm ? 0.7 : LEAST))
      path.toggleAttribute('data-agent', agent)
    }
  }

  /** Draws silence. */
  rest(root: ParentNode): void {
    this.#levels = []
    root.querySelector('svg')?.style.setProperty('opacity', '')
    for (const path of root.querySelectorAll('path')) {
      path.setAttribute('d', `M0 0H${WIDTH}`)
      path.removeAttribute('data-agent')
    }
  }

  /** @param missing The level where no sound has come to yet. */
  #line({ height, waves, speed }: (typeof LINES)[number], missing: number): string {
    let path = ''
    for (let x = 0; x <= WIDTH; x += STEP) {
      const distance = Math.abs((2 * x) / WIDTH - 1)
      const level = this.#levels[Math.round(distance * HISTORY)] ?? missing
      const swing = Math.sin(2 * Math.PI * ((waves * x) / WIDTH - speed * this.#seconds))
      const y = HALF_HEIGHT * height * level * (1 - distance ** 2) * swing
      path += `${path ? 'L' : 'M'}${x} ${y.toFixed(1)}`
    }
    return path
  }
}
