/** Collects what arrives and hands it out to whoever waits for it, however late they ask. */
export class Waiter<Entry> {
  readonly entries: Entry[] = []
  readonly #waiting = new Set<() => void>()
  #failure: Error | null = null

  /** Notes an entry. */
  add(entry: Entry): void {
    this.entries.push(entry)
    for (const check of [...this.#waiting]) check()
  }

  /** Nothing more will come: whoever still waits is told so. */
  fail(error: Error): void {
    this.#failure = error
    for (const check of [...this.#waiting]) check()
  }

  /** Resolves with the first entry from index `after` on for which `wanted` holds. */
  first(wanted: (entry: Entry) => boolean, after = 0): Promise<Entry> {
    return new Promise((resolve, reject) => {
      const check = () => {
        const found = this.entries.slice(after).find(wanted)
        if (found === undefined && !this.#failure) return
        this.#waiting.delete(check)
        if (found !== undefined) resolve(found)
        else reject(this.#failure)
      }
      this.#waiting.add(check)
      check()
    })
  }
}
