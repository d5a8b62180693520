/** No sender's jitter: it has paused, and what it goes on with is measured anew. */
const PAUSE_SECONDS = 1
/** Long enough that a line that stutters now and then is remembered, short enough that a calm one is trusted. */
const HALF_LIFE_SECONDS = 30

export interface JitterBufferOptions {
  /** The least delay, and the first, in ms. */
  minMs: number
  /** The most, in ms. */
  maxMs: number
  /** What the buffer needs beyond the lateness of a chunk, in samples. */
  margin: number
  /** Of the samples that all lengths are counted in, in Hz. */
  sampleRate: number
}

/**
 * How long sound is held back before it is played. Each chunk is compared with the first of its item: how much
 * later it came than the sound between them lasts is the delay that would have carried it. The delay grows to that
 * at once, whether sound ran dry or enough was waiting, and falls back by half in 30 s of sound without such a chunk.
 */
export class JitterBuffer {
  readonly #min: number
  readonly #max: number
  readonly #margin: number
  readonly #pause: number
  readonly #decay: number
  #delay: number
  #itemId: string | null = null
  /** When the item's first chunk came, and how much of the item came since. */
  #begun = 0
  #received = 0

  constructor({ minMs, maxMs, margin, sampleRate }: JitterBufferOptions) {
    this.#min = (minMs / 1000) * sampleRate
    this.#max = (maxMs / 1000) * sampleRate
    this.#margin = margin
    this.#pause = PAUSE_SECONDS * sampleRate
    this.#decay = Math.LN2 / (HALF_LIFE_SECONDS * sampleRate)
    this.#delay = this.#min
  }

  /** For the next sound that starts, in samples. */
  get delay(): number {
    return this.#delay
  }

  /** Notes that a chunk of `length` samples came, `now` samples after any fixed moment. */
  arrive(itemId: string, now: number, length: number): void {
    const late = now - this.#begun - this.#received
    if (itemId !== this.#itemId || late > this.#pause) this.#begin(itemId, now)
    else this.#delay = Math.max(this.#delay, Math.min(this.#max, late + this.#margin))
    this.#received += length
  }

  /** Notes that `length` samples of sound were rendered. */
  elapse(length: number): void {
    this.#delay -= (this.#delay - this.#min) * this.#decay * length
  }

  /** Notes that what comes next has nothing to do with what came before, should it be of the same item. */
  restart(): void {
    this.#itemId = null
  }

  #begin(itemId: string, now: number): void {
    this.#itemId = itemId
    this.#begun = now
    this.#received = 0
  }
}
