/** So much may come at once: two seconds that were kept while a client was away, or a picture. */
const BURST_BYTES = 1024 * 1024

/** Bounds how fast one client sends: a bucket that leaks at the highest rate. Times are ms of one clock. */
export class ByteRate {
  readonly #bytesPerMs: number
  readonly #mostSlowedMs: number
  #room = BURST_BYTES
  #at = 0
  #slowedSince: number | null = null

  /**
   * @param bytesPerSecond More than 0.
   * @param mostSlowedMs After so long whoever is still ahead is no microphone.
   */
  constructor(bytesPerSecond: number, mostSlowedMs: number) {
    this.#bytesPerMs = bytesPerSecond / 1000
    this.#mostSlowedMs = mostSlowedMs
  }

  /** Counts bytes that came; gives how long none should be read, in ms; 0: read on. */
  take(bytes: number, now: number): number {
    this.#room = Math.min(BURST_BYTES, this.#room + (now - this.#at) * this.#bytesPerMs)
    this.#at = now
    if (this.#room > BURST_BYTES / 2) this.#slowedSince = null
    this.#room -= bytes
    if (this.#room >= 0) return 0
    this.#slowedSince ??= now
    return -this.#room / this.#bytesPerMs
  }

  /** Whether it has been slowed for longer than anything honest would need. */
  exceeded(now: number): boolean {
    return this.#slowedSince !== null && now - this.#slowedSince > this.#mostSlowedMs
  }
}
