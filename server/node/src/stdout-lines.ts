import { write, writeSync } from 'node:fs'

const STDOUT = 1
/** Waiting lines beyond this are dropped: a full disk must not fill the memory, too. */
const MOST_WAITING_CHARACTERS = 1024 * 1024
/** How soon a pipe whose reader is slow is tried again. */
const RETRY_MS = 50

/**
 * Lines on standard output that never wait for it: what cannot be written is dropped, and the next lines are tried
 * again, so a full disk ends neither sessions nor the end of the process, and lines are back when there is room.
 */
export class StdoutLines {
  #waiting = ''
  /** What the system has been given; null: nothing. */
  #writing: Buffer | null = null

  constructor() {
    process.once('exit', () => this.#flush())
  }

  write(line: string): void {
    if (this.#waiting.length + line.length > MOST_WAITING_CHARACTERS) return
    this.#waiting += line
    if (this.#writing === null) this.#next()
  }

  #next(): void {
    if (this.#waiting === '') return
    const bytes = Buffer.from(this.#waiting)
    this.#waiting = ''
    this.#send(bytes)
  }

  #send(bytes: Buffer): void {
    this.#writing = bytes
    write(STDOUT, bytes, (error, written) => {
      if (error?.code === 'EAGAIN') {
        setTimeout(() => this.#send(bytes), RETRY_MS).unref()
        return
      }
      const rest = error ? bytes.subarray(bytes.length) : bytes.subarray(written)
      if (rest.length > 0) return this.#send(rest)
      this.#writing = null
      this.#next()
    })
  }

  /** The last lines, when the event loop has ended; what the system has been given it writes by itself. */
  #flush(): void {
    try {
      if (this.#waiting !== '') writeSync(STDOUT, this.#waiting)
    } catch {
      // There is nowhere left to say so.
    }
  }
}
