import type { RelayLogger } from '../log.ts'
import { MemoryState } from './memory-state.ts'
import type { RedisOptions } from './redis-link.ts'
import { RedisState } from './redis-state.ts'
import type { SharedState } from './shared-state.ts'

/** Where the state is kept; at most one of them. Default: in memory, for one instance. */
export interface StateOptions {
  /** Shared by all instances with the same server and prefix. */
  readonly redis?: RedisOptions
  /** Made already; whoever made it closes it. */
  readonly state?: SharedState
}

/** A state, and what its user does when it needs it no more. */
export interface OpenedState {
  readonly state: SharedState
  readonly close: () => Promise<void>
}

/**
 * Finds the state that the options ask for.
 *
 * @throws {TypeError} Where they ask for two, or the URL is none of Redis.
 */
export function openState({ redis, state }: StateOptions, log: RelayLogger): OpenedState {
  if (redis !== undefined && state !== undefined) {
    throw new TypeError('Cannot share state as only one of redis and state may be given')
  }
  if (state !== undefined) return { state, close: async () => {} }
  const own = redis === undefined ? new MemoryState() : new RedisState(redis, log)
  return { state: own, close: () => own.close() }
}
