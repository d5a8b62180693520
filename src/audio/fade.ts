/** A gain that goes from silence to full and back along a raised cosine, from wherever it is. */
export class Fade {
  /** From silence (0) to full (the last index). */
  readonly #curve: Float32Array
  /** Samples until silence: 0…`length`. */
  at: number

  /** @param length From full to silence, in samples. It begins full. */
  constructor(length: number) {
    this.#curve = Float32Array.from(
      { length: length + 1 },
      (_, i) => (1 - Math.cos((Math.PI * i) / length)) / 2,
    )
    this.at = length
  }

  get length(): number {
    return this.#curve.length - 1
  }

  /** Applies it to the first `count` samples, upwards (1) or downwards (−1). */
  apply(samples: Float32Array, count: number, step: 1 | -1): void {
    if (step === 1 && this.at === this.length) return
    for (let i = 0; i < count; i++) {
      this.at = Math.min(this.length, this.at + step)
      samples[i] = samples[i]! * this.#curve[this.at]!
    }
  }
}
