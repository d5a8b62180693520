/** Enough for a fade and a few render quanta at any common rate; it grows where that is not so. */
const INITIAL_LENGTH = 2048

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
 * Samples about to be rendered, and whose they are. Grows by doubling; what is read stays counted, so that `position` tells how much of each segment has been rendered.
 */
export class SampleRing {
  #samples = new Float32Array(INITIAL_LENGTH)
  /** Samples read since the ring was made. */
  position = 0
  /** Samples waiting to be read. */
  available = 0
  /** What is being played, what waits, and what was played but not yet forgotten; oldest first. */
  segments: Segment[] = []

  /** Whether the item written last may still get more. */
  get open(): boolean {
    return this.segments.at(-1)?.ended === false
  }

  /** Appends the first `length` samples. */
  write(samples: Float32Array, length: number): void {
    if (this.available + length > this.#samples.length) this.#grow(this.available + length)
    const ring = this.#samples
    let at = (this.position + this.available) % ring.length
    for (let i = 0; i < length; i++) {
      ring[at] = samples[i]!
      if (++at === ring.length) at = 0
    }
    this.available += length
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
   * Notes that sound of an item was, or will be, written: a segment grows, or a new one begins and ends the one before it.
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
    const { segments } = this
    while (segments[0]?.ended && segments[0].start + segments[0].length + margin <= this.position) {
      segments.shift()
    }
  }

  /** Drops all samples and segments; `position` stays. */
  clear(): void {
    this.available = 0
    this.segments = []
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
