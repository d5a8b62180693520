import type { WindowOptions, WindowVerdict } from '../limits.ts'
import { MemoryBlocks } from './memory-blocks.ts'
import { MemoryWindows } from './memory-state.ts'
import type { RedisLink } from './redis-link.ts'
import type { BlockList, BlockOptions, Windows } from './shared-state.ts'

/** Windows on Redis; in memory what this instance allowed itself, which holds while Redis is away and afterwards. */
export class RedisWindows implements Windows {
  readonly #link: RedisLink
  readonly #memory = new MemoryWindows()

  constructor(link: RedisLink) {
    this.#link = link
  }

  async take(key: string, options: WindowOptions): Promise<WindowVerdict> {
    if (options.maxRequests === 0) return this.#memory.take(key, options)
    const here = await this.#memory.peek(key, options)
    if (!here.allowed) return here // what Redis does not know: it was away, or has lost it
    const verdict = await this.#ask(key, options, true)
    if (verdict === null) return this.#memory.take(key, options)
    if (verdict.allowed) await this.#memory.take(key, options)
    return verdict
  }

  async peek(key: string, options: WindowOptions): Promise<WindowVerdict> {
    if (options.maxRequests === 0) return this.#memory.peek(key, options)
    const here = await this.#memory.peek(key, options)
    return here.allowed ? ((await this.#ask(key, options, false)) ?? here) : here
  }

  async #ask(
    key: string,
    { windowMs, maxRequests }: WindowOptions,
    counts: boolean,
  ): Promise<WindowVerdict | null> {
    // A window of another length would cut off what this one has to remember.
    const keys = [this.#link.key('window', `${key} in ${windowMs}`)]
    try {
      const answer = await this.#link.script('window', keys, [windowMs, maxRequests, counts ? 1 : 0])
      const [allowed, remaining, retryAfterMs] = answer as [number, number, number]
      return { allowed: allowed === 1, limit: maxRequests, remaining, retryAfterMs }
    } catch {
      return null // the link has said that Redis is away
    }
  }
}

/** Blocked keys on Redis; in memory what this instance blocked while Redis was away, which holds afterwards, too. */
export class RedisBlocks implements BlockList {
  readonly #link: RedisLink
  readonly #memory = new MemoryBlocks()

  constructor(link: RedisLink) {
    this.#link = link
  }

  async remainingMs(key: string): Promise<number> {
    const here = await this.#memory.remainingMs(key)
    try {
      return Math.max(here, await this.#link.run((client) => client.pttl(this.#link.key('block', key))))
    } catch {
      return here
    }
  }

  async violate(key: string, options: BlockOptions): Promise<boolean> {
    const { blockDuration, suspiciousActivityThreshold: threshold } = options
    const here = await this.#memory.violate(key, options)
    if (threshold === 0 || blockDuration === 0) return false
    const keys = [this.#link.key('violations', `${key} in ${blockDuration}`), this.#link.key('block', key)]
    try {
      return (await this.#link.script('violate', keys, [blockDuration, threshold])) === 1
    } catch {
      return here
    }
  }
}
