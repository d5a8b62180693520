/** Who was dialled, and who waits for the next. */
export class Dials<Socket> {
  readonly #ondial: (socket: Socket) => void
  #dialled: Socket[] = []
  #waiting: ((socket: Socket) => void)[] = []

  /** @param ondial Called for each socket as soon as the code that made it has had time to listen. */
  constructor(ondial: (socket: Socket) => void = () => {}) {
    this.#ondial = ondial
  }

  /** Oldest first. */
  get dialled(): readonly Socket[] {
    return this.#dialled
  }

  /** Forgets all. */
  reset(): void {
    this.#dialled = []
    this.#waiting = []
  }

  /** @returns The next socket that is dialled. */
  next(): Promise<Socket> {
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  add(socket: Socket): void {
    this.#dialled.push(socket)
    this.#waiting.shift()?.(socket)
    queueMicrotask(() => this.#ondial(socket))
  }
}
