import type { PlaybackProgress } from './worklet-messages.ts'

/** What of one item was heard. Lengths are whole milliseconds of sound. */
export interface HeardItem {
  readonly itemId: string
  /** Heard from the speaker: 0…`receivedMs`. */
  readonly heardMs: number
  /** Given to the speaker. */
  readonly receivedMs: number
}

/** Reports come every 20 ms of sound; where none comes for so long, nothing is known of what goes on. */
const MAX_ELAPSED_SECONDS = 0.5

/** Lengths in samples at the stream's rate. */
interface Item {
  /** With the half of a sample whose other byte is to come. */
  received: number
  /** As of the last report; negative while others are before it, −∞ before the first. */
  rendered: number
  ended: boolean
}

/** The items that were given to a speaker and not yet heard to their end, and how far each has come. */
export class HeardItems {
  readonly #sampleRate: number
  readonly #items = new Map<string, Item>()
  #progress: PlaybackProgress | null = null

  /** @param sampleRate Of the stream, in Hz. */
  constructor(sampleRate: number) {
    this.#sampleRate = sampleRate
  }

  /** Whether nothing is left to be rendered. */
  get drained(): boolean {
    return [...this.#items.values()].every((item) => item.ended && Math.max(0, item.rendered) >= whole(item))
  }

  /** Adds samples, whole or half, to an item; the items before it are complete. */
  receive(itemId: string, length: number): void {
    const item = this.#items.get(itemId) ?? { received: 0, rendered: Number.NEGATIVE_INFINITY, ended: false }
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

  /** The items of which more sound may come. */
  get open(): string[] {
    return [...this.#items].filter(([, { ended }]) => !ended).map(([itemId]) => itemId)
  }

  /** Takes over what the worklet reports. */
  update(progress: PlaybackProgress): void {
    this.#progress = progress
    for (const { itemId, rendered } of progress.items) {
      const item = this.#items.get(itemId)
      if (item) item.rendered = rendered
    }
  }

  /** Drops the items that were heard to their end, `latency` seconds after they were rendered. */
  forget(latency: number): void {
    const offset = this.#offset(latency)
    for (const [itemId, item] of this.#items) if (isHeard(item, offset)) this.#items.delete(itemId)
  }

  /**
   * @param latency From the worklet to the ear, in seconds.
   * @param time The context's, in seconds, to reckon what was rendered since the last report; default: as of then.
   * @returns The items that were not heard to their end; oldest first.
   */
  unheard(latency: number, time?: number): HeardItem[] {
    const offset = this.#offset(latency, time)
    const toMs = (samples: number) => Math.floor((samples * 1000) / this.#sampleRate)
    const unheard = [...this.#items].filter(([, item]) => !isHeard(item, offset))
    return unheard.map(([itemId, item]) => ({
      itemId,
      heardMs: toMs(heard(item, offset)),
      receivedMs: toMs(whole(item)),
    }))
  }

  /**
   * What is heard at `time` less what was rendered at the last report, in samples: sound that waited then has gone
   * on since, and silence since the last sample has let that much of the latency go by.
   */
  #offset(latency: number, time?: number): number {
    if (!this.#progress) return 0
    const { time: reported, running, bufferedSeconds, silentSeconds } = this.#progress
    const elapsed = Math.min(MAX_ELAPSED_SECONDS, Math.max(0, (time ?? reported) - reported))
    const advanced = running ? Math.min(elapsed, bufferedSeconds) : 0
    const silent = silentSeconds + elapsed - advanced
    return (advanced - Math.max(0, latency - silent)) * this.#sampleRate
  }
}

function isHeard(item: Item, offset: number): boolean {
  return item.ended && heard(item, offset) === whole(item)
}

function heard(item: Item, offset: number): number {
  return Math.min(whole(item), Math.max(0, item.rendered + offset))
}

function whole({ received }: Item): number {
  return Math.floor(received)
}
