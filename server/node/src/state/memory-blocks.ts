import { SlidingWindow } from '../limits.ts'
import type { BlockList, BlockOptions } from './shared-state.ts'

/** Beyond this many blocked keys the oldest is let go, so that invented addresses cannot fill the memory. */
const MOST_BLOCKED = 100_000

/** Blocked keys in memory. */
export class MemoryBlocks implements BlockList {
  readonly #now: () => number
  readonly #violations = new Map<string, SlidingWindow>()
  readonly #until = new Map<string, number>()

  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  async remainingMs(key: string): Promise<number> {
    const rest = (this.#until.get(key) ?? 0) - this.#now()
    if (rest <= 0) this.#until.delete(key)
    return Math.max(0, rest)
  }

  async violate(key: string, options: BlockOptions): Promise<boolean> {
    const { suspiciousActivityThreshold: threshold, blockDuration } = options
    if (threshold === 0 || blockDuration === 0) return false
    if (this.#window(options).take(key).remaining > 0) return false
    this.#until.delete(key) // behind all others: the map is in order of the last block
    this.#until.set(key, this.#now() + blockDuration)
    if (this.#until.size > MOST_BLOCKED) this.#until.delete(this.#until.keys().next().value!)
    return true
  }

  #window({
    suspiciousActivityThreshold: maxRequests,
    blockDuration: windowMs,
  }: BlockOptions): SlidingWindow {
    const name = `${maxRequests} in ${windowMs}`
    const known = this.#violations.get(name)
    if (known !== undefined) return known
    const window = new SlidingWindow({ windowMs, maxRequests }, this.#now)
    this.#violations.set(name, window)
    return window
  }
}
