import type { WindowOptions, WindowVerdict } from '../limits.ts'
import { type Claimant, type ConnectionCaps, ConnectionLimits, SlidingWindow } from '../limits.ts'
import { MemorySessionStore } from '../token-service/sessions.ts'
import { MemoryUsedTickets } from '../tokens.ts'
import { MemoryBlocks } from './memory-blocks.ts'
import { MemoryBudgets } from './memory-budgets.ts'
import { MemoryRevocations } from './memory-revocations.ts'
import type { Cap, Lease, Leases, SharedState, Windows } from './shared-state.ts'

/** State in memory: for one process, and shared there by whoever is given it. */
export class MemoryState implements SharedState {
  readonly windows = new MemoryWindows()
  readonly blocks = new MemoryBlocks()
  readonly usedTickets = new MemoryUsedTickets()
  readonly leases = new MemoryLeases()
  readonly sessions = new MemorySessionStore()
  readonly budgets = new MemoryBudgets()
  readonly revocations = new MemoryRevocations()
  readonly status = 'healthy'

  async opened(): Promise<void> {}

  async close(): Promise<void> {}
}

/** Windows in memory. Those of one key with other options are other windows. */
export class MemoryWindows implements Windows {
  readonly #now: () => number
  readonly #windows = new Map<string, SlidingWindow>()

  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  async take(key: string, options: WindowOptions): Promise<WindowVerdict> {
    return this.#window(options).take(key)
  }

  async peek(key: string, options: WindowOptions): Promise<WindowVerdict> {
    return this.#window(options).peek(key)
  }

  #window(options: WindowOptions): SlidingWindow {
    const name = `${options.maxRequests} in ${options.windowMs}`
    const known = this.#windows.get(name)
    if (known !== undefined) return known
    const window = new SlidingWindow(options, this.#now)
    this.#windows.set(name, window)
    return window
  }
}

/** Places in memory. */
export class MemoryLeases implements Leases {
  readonly #held = new ConnectionLimits()

  async check(claimant: Claimant, caps: ConnectionCaps): Promise<Cap | null> {
    return this.#held.check(claimant, caps)
  }

  async hold(claimant: Claimant, caps: ConnectionCaps): Promise<Lease> {
    const refusedBy = this.#held.check(claimant, caps)
    return refusedBy === null ? { refusedBy, release: this.#held.hold(claimant) } : { refusedBy }
  }

  async hasRoom({ total }: ConnectionCaps): Promise<boolean> {
    return total === 0 || this.#held.total < total
  }
}
