/**
 * Tells speech from other sound, chunk by chunk, before the provider has answered.
 *
 * One of your own, such as a neural one in a worker, copies the chunk and answers later:
 *
 * ```ts
 * const detector: SpeechDetector = {
 *   process: (chunk, sampleRate) => ask(worker, { chunk: chunk.slice(), sampleRate }),
 *   reset: () => worker.postMessage('reset'),
 * }
 * ```
 */
export interface SpeechDetector {
  /**
   * @param chunk 10…100 ms of one channel; only for the length of the call.
   * @param sampleRate In Hz.
   * @returns Whether somebody is speaking, after this chunk; a promise where the work is done elsewhere.
   */
  process(chunk: Int16Array, sampleRate: number): boolean | Promise<boolean>
  /** Forgets all that was heard. */
  reset(): void
}
