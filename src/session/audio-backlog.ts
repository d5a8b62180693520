/** Sound in the provider's format; its length is its number of samples either way. */
export type Chunk = Int16Array<ArrayBuffer> | Uint8Array<ArrayBuffer>

/** Microphone audio that cannot leave yet: the newest is kept, the oldest dropped and counted. */
export class AudioBacklog {
  readonly #samplesPerMs: number
  #maxMs: number
  #chunks: Chunk[] = []
  #samples = 0
  #droppedSamples = 0

  /**
   * @param sampleRate In Hz.
   * @param maxMs How much to keep, in ms.
   */
  constructor(sampleRate: number, maxMs: number) {
    this.#samplesPerMs = sampleRate / 1000
    this.#maxMs = maxMs
  }

  /** How much to keep, in ms; what is more is dropped with the next chunk. */
  set maxMs(maxMs: number) {
    this.#maxMs = maxMs
  }

  get empty(): boolean {
    return this.#chunks.length === 0
  }

  /** Sound that was given up so far, in ms. */
  get droppedMs(): number {
    return this.#droppedSamples / this.#samplesPerMs
  }

  /** @param chunk Is copied. */
  push(chunk: Chunk): void {
    this.#chunks.push(chunk.slice())
    this.#samples += chunk.length
    while (this.#samples > this.#maxMs * this.#samplesPerMs && this.#chunks.length > 1) {
      this.#droppedSamples += this.shift()?.length ?? 0
    }
  }

  /** @returns The oldest chunk, or undefined where there is none. */
  shift(): Chunk | undefined {
    const chunk = this.#chunks.shift()
    this.#samples -= chunk?.length ?? 0
    return chunk
  }
}
