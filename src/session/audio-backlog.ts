/** Microphone audio that cannot leave yet: the newest is kept, the oldest dropped and counted. */
export class AudioBacklog {
  readonly #maxSamples: number
  readonly #sampleRate: number
  #chunks: Int16Array<ArrayBuffer>[] = []
  #samples = 0
  #droppedSamples = 0

  /**
   * @param sampleRate In Hz.
   * @param maxMs How much to keep, in ms.
   */
  constructor(sampleRate: number, maxMs: number) {
    this.#sampleRate = sampleRate
    this.#maxSamples = (maxMs / 1000) * sampleRate
  }

  /** Sound that was given up so far, in ms. */
  get droppedMs(): number {
    return (this.#droppedSamples / this.#sampleRate) * 1000
  }

  /** Whether nothing waits. */
  get empty(): boolean {
    return this.#chunks.length === 0
  }

  /** @param chunk Is copied. */
  push(chunk: Int16Array<ArrayBuffer>): void {
    this.#chunks.push(chunk.slice())
    this.#samples += chunk.length
    while (this.#samples > this.#maxSamples && this.#chunks.length > 1) {
      this.#droppedSamples += this.shift()?.length ?? 0
    }
  }

  /** @returns The oldest chunk, or undefined where there is none. */
  shift(): Int16Array<ArrayBuffer> | undefined {
    const chunk = this.#chunks.shift()
    this.#samples -= chunk?.length ?? 0
    return chunk
  }
}
