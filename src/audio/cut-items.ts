/** More turns than can be late at the same time; what is older is forgotten. */
const CAPACITY = 32

/** The items that were cut off before all their sound had come. */
export class CutItems {
  readonly #itemIds = new Set<string>()

  has(itemId: string): boolean {
    return this.#itemIds.has(itemId)
  }

  add(itemId: string): void {
    this.#itemIds.add(itemId)
    if (this.#itemIds.size <= CAPACITY) return
    const [oldest] = this.#itemIds
    this.#itemIds.delete(oldest!)
  }

  delete(itemId: string): void {
    this.#itemIds.delete(itemId)
  }

  clear(): void {
    this.#itemIds.clear()
  }
}
