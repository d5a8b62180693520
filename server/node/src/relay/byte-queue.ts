/** More pieces than this are joined: a thousand one-byte pieces cost a hundred times their bytes. */
const MOST_PIECES = 64

/** Bytes that wait for their turn, in order. */
export class ByteQueue {
  #pieces: Buffer[] = []
  /** How many of the last pieces were not joined yet. */
  #loose = 0
  #bytes = 0

  /** How many bytes wait. */
  get bytes(): number {
    return this.#bytes
  }

  /** Appends a piece, which the queue then owns. */
  push(piece: Buffer): void {
    this.#pieces.push(piece)
    this.#bytes += piece.length
    this.#loose += 1
    if (this.#loose <= MOST_PIECES) return
    // Only these, and seldom everything: otherwise a piece would cost a copy of all that came before it.
    this.#pieces.push(Buffer.concat(this.#pieces.splice(-this.#loose)))
    this.#loose = 0
    if (this.#pieces.length > MOST_PIECES) this.#pieces = [Buffer.concat(this.#pieces)]
  }

  /** Empties the queue; the pieces come in the order in which they went in. */
  take(): Buffer[] {
    const pieces = this.#pieces
    this.#pieces = []
    this.#loose = 0
    this.#bytes = 0
    return pieces
  }
}
