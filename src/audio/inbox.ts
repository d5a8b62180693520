/** Chunks of 16-bit samples that wait, in the order in which they came. */
export class Inbox {
  #chunks: Int16Array[] = []
  /** How much of the first chunk was taken. */
  #taken = 0
  /** Samples that wait. */
  length = 0

  /** Keeps a chunk; it is not copied. */
  push(chunk: Int16Array): void {
    this.#chunks.push(chunk)
    this.length += chunk.length
  }

  /**
   * Moves samples, as numbers in −1…1, to the beginning of `output` until it is full or none is left.
   *
   * @returns How many were moved.
   */
  take(output: Float32Array): number {
    let count = 0
    while (count < output.length && this.length > 0) count = this.#takeChunk(output, count)
    return count
  }

  clear(): void {
    this.#chunks = []
    this.#taken = this.length = 0
  }

  #takeChunk(output: Float32Array, at: number): number {
    const chunk = this.#chunks[0]!
    const end = Math.min(output.length, at + chunk.length - this.#taken)
    this.length -= end - at
    for (let i = at; i < end; i++) output[i] = chunk[this.#taken++]! / 32768
    if (this.#taken === chunk.length) {
      this.#chunks.shift()
      this.#taken = 0
    }
    return end
  }
}
