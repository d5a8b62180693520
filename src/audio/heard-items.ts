import type { PlaybackProgress } from './worklet-messages.ts'

/** What of one item was heard when playback was cut off. Lengths are whole milliseconds of sound. */
export interface HeardItem {
  readonly itemId: string
  /** Heard from the speaker: 0…`receivedMs`. */
  readonly heardMs: number
  /** Given to the speaker. */
  readonly receivedMs: number
}

/** Lengths in samples at the stream's rate. */
interface Item {
  /** With the half of a sample whose other byte is to come. */
  received: number
  rendered: number
  ended: boolean
}

/** The items that were given to a speaker and not yet heard to their end, and how far each has come. */
export class HeardItems {
  readonly #sampleRate: number
  readonly #items = new Map<string, Item>()
  #silentSeconds = 0

  /** @param sampleRate Of the stream, in Hz. */
  constructor(sampleRate: number) {
    this.#sampleRate = sampleRate
  }

  /** Whether nothing is left to be rendered. */
  get drained(): boolean {
    return [...this.#items.values()].every((item) => item.ended && item.rendered >= whole(item))
  }

  /** Adds samples, whole or half, to an item; the items before it are complete. */
  receive(itemId: string, length: number): void {
    const item = this.#items.get(itemId) ?? { received: 0, rendered: 0, ended: false }
    for (const other of this.#items.values()) other.ended = true
    item.received += length
    item.ended = false
    this.#items.set(itemId, item)
  }

  /** Takes samples back that will never be rendered. */
  refuse(itemId: string, length: number): void {
    const item = this.#items.get(itemId)
    if (item) item.received -= length
  }

  /** @returns Whether the item is known. */
  end(itemId: string): boolean {
    const item = this.#items.get(itemId)
    if (item) item.ended = true
    return item !== undefined
  }

  /** Takes over what the worklet reports. */
  update({ items, silentSeconds }: PlaybackProgress): void {
    this.#silentSeconds = silentSeconds
    for (const { itemId, rendered } of items) {
      const item = this.#items.get(itemId)
      if (item) item.rendered = rendered
    }
  }

  /** Drops the items that were heard to their end, `latency` seconds after they were rendered. */
  forget(latency: number): void {
    for (const [itemId, item] of this.#items) if (this.#isHeard(item, latency)) this.#items.delete(itemId)
  }

  /**
   * @param latency From the worklet to the ear, in seconds.
   * @returns The items that were not heard to their end; oldest first.
   */
  unheard(latency: number): HeardItem[] {
    this.forget(latency)
    const toMs = (samples: number) => Math.floor((samples * 1000) / this.#sampleRate)
    return [...this.#items].map(([itemId, item]) => ({
      itemId,
      heardMs: toMs(this.#heard(item, latency)),
      receivedMs: toMs(whole(item)),
    }))
  }

  #isHeard(item: Item, latency: number): boolean {
    return item.ended && this.#heard(item, latency) === whole(item)
  }

  /** Silence since the last sample has let that much of the latency go by. */
  #heard(item: Item, latency: number): number {
    const lag = Math.max(0, latency - this.#silentSeconds) * this.#sampleRate
    return Math.min(whole(item), Math.max(0, item.rendered - lag))
  }
}

function whole({ received }: Item): number {
  return Math.floor(received)
}
