import { setImmediate, setTimeout } from 'node:timers/promises'

/** Lets sound go out at a multiple of real time. */
export class Pacer {
  readonly #speed: number
  readonly #signal: AbortSignal
  #startedAt: number | null = null

  /** @param speed Times real time; `Infinity` waits only for its turn in the event loop. */
  constructor(speed: number, signal: AbortSignal) {
    this.#speed = speed
    this.#signal = signal
  }

  /**
   * Waits until `ms` milliseconds of sound may have been sent since the first call.
   *
   * @returns `false` if the signal was aborted instead.
   */
  async until(ms: number): Promise<boolean> {
    this.#startedAt ??= performance.now()
    const wait = this.#startedAt + ms / this.#speed - performance.now()
    return pause(wait, this.#signal)
  }
}

/** Waits; returns `false` if the signal was aborted before or meanwhile. */
export async function pause(ms: number, signal: AbortSignal): Promise<boolean> {
  try {
    if (ms > 0) await setTimeout(ms, undefined, { signal })
    else await setImmediate(undefined, { signal })
    return true
  } catch {
    // The only failure of these timers is the abort that the caller asked to be told of.
    return false
  }
}

const SENTENCES = new Intl.Segmenter('en', { granularity: 'sentence' })

/** Splits a text into its sentences, so that the first can be heard while the next is being made. */
export function sentences(text: string): string[] {
  return [...SENTENCES.segment(text)].map(({ segment }) => segment.trim()).filter((part) => part !== '')
}

/** Splits a text into words that keep the space before them, so that they can be joined again. */
export function words(text: string): string[] {
  return text.match(/\s*\S+/g) ?? []
}
