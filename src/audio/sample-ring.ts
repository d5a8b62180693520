/** 1.4 s at 48 kHz: most answers never make the ring grow more than a few times. */
const INITIAL_LENGTH = 65_536

/** Where the sound of one item lies, in samples counted since the ring was made. */
export interface Segment {
  readonly itemId: string
  /** Position of its first sample; a fraction where a filter stands before the ring. */
  readonly start: number
  length: number
  /** Whether no more sound follows for this item. */
  ended: boolean
}

/**
 * Samples waiting to be played, and whose they are. Grows by doubling up to a bound; what is read stays counted,
 * so that `position` tells how much of each segment has been rendered.
 */
export class SampleRing {
  readonly #maxLength: number
  #samples = new Float32Array(INITIAL_LENGTH)
  /** Samples read since the ring was made. */
  position = 0
  /** Samples waiting to be read. */
  available = 0
  /** What is being played, what waits, and what was played but not yet forgotten; oldest first. */
  segments: Segment[] = []

  /** @param maxLength The most samples that may wait; a write beyond it is refused. */
  constructor(maxLength: number) {
    this.#maxLength = maxLength
  }

  /** Whether the item written last may still get more. */
  get open(): boolean {
    return this.segments.at(-1)?.ended === false
  }

  /** @returns Whether this many more samples may be written. */
  hasRoom(length: number): boolean {
    return this.available + length <= this.#maxLength
  }

  /** @throws {RangeError} If there is no room for all of them. */
  write(samples: Float32Array): void {
    if (!this.hasRoom(samples.length)) {
      const total = this.available + samples.length
      throw new RangeError(
        `Cannot write as samples must be at most ${this.#maxLength}: current value is ${total}`,
      )
    }
    if (this.available + samples.length > this.#samples.length) this.#grow(this.available + samples.length)
    const ring = this.#samples
    let at = (this.position + this.available) % ring.length
    for (let i = 0; i < samples.length; i++) {
      ring[at] = samples[i]!
      if (++at === ring.length) at = 0
    }
    this.available += samples.length
  }

  /** Moves `length` samples, no more than are available, to the beginning of `output`. */
  read(output: Float32Array, length: number): void {
    const ring = this.#samples
    let at = this.position % ring.length
    for (let i = 0; i < length; i++) {
      output[i] = ring[at]!
      if (++at === ring.length) at = 0
    }
    this.position += length
    this.available -= length
  }

  /**
   * Notes that sound of an item was written: a segment grows, or a new one begins and ends the one before it.
   *
   * @param start Where the sound begins, should the segment be new.
   */
  mark(itemId: string, start: number, length: number): void {
    const last = this.segments.at(-1)
    if (last?.itemId === itemId) {
      last.length += length
      last.ended = false
      return
    }
    if (last) last.ended = true
    this.segments.push({ itemId, start, length, ended: false })
  }

  /** Notes that an item is complete. An item that is not the last one is complete already. */
  end(itemId: string): void {
    const last = this.segments.at(-1)
    if (last?.itemId === itemId) last.ended = true
  }

  /** Drops the segments that ended at least `margin` samples before `position`. */
  forget(margin: number): void {
    this.segments = this.segments.filter(
      ({ start, length, ended }) => !ended || start + length + margin > this.position,
    )
  }

  /** Drops all samples and segments, and the memory that a long answer took; `position` stays. */
  clear(): void {
    this.available = 0
    this.segments = []
    if (this.#samples.length > INITIAL_LENGTH) this.#samples = new Float32Array(INITIAL_LENGTH)
  }

  #grow(needed: number): void {
    let length = this.#samples.length
    while (length < needed) length *= 2
    const samples = new Float32Array(length)
    const { position, available } = this
    for (let i = 0; i < available; i++) {
      samples[(position + i) % length] = this.#samples[(position + i) % this.#samples.length]!
    }
    this.#samples = samples
  }
}
