import type { Claimant, ConnectionCaps, WindowOptions, WindowVerdict } from '../limits.ts'
import type { HealthStatus } from '../token-service/provider-health.ts'
import type { SessionStore } from '../token-service/sessions.ts'
import type { UsedTickets } from '../tokens.ts'

/**
 * What all instances of a relay and its token service must agree on. In memory it is shared by whoever is given
 * the same object; on Redis by all who use the same server and prefix.
 *
 * Nothing here rejects where the store is away, except `sessions`: what was in memory then decides.
 */
export interface SharedState {
  readonly windows: Windows
  readonly blocks: BlockList
  readonly usedTickets: UsedTickets
  readonly leases: Leases
  readonly sessions: SessionStore
  readonly budgets: Budgets
  readonly revocations: Revocations
  /** `degraded` while every instance decides for itself, as the store is away. */
  readonly status: HealthStatus
  /**
   * Connects, where that has not begun. Resolves as soon as it is known whether the store answers, and at the latest
   * after a second.
   */
  opened(): Promise<void>
  /** Gives up all connections. What was written before is written. */
  close(): Promise<void>
}

/** True sliding windows: in no stretch of `windowMs` are more than `maxRequests` allowed for one key. */
export interface Windows {
  /** Counts one request, if it is allowed. */
  take(key: string, options: WindowOptions): Promise<WindowVerdict>
  /** What `take` would say, without counting. */
  peek(key: string, options: WindowOptions): Promise<WindowVerdict>
}

export interface BlockOptions {
  /** After so many refusals by a limit a key is blocked; 0: never. */
  readonly suspiciousActivityThreshold: number
  /** How long, in ms; refusals count for as long, too. */
  readonly blockDuration: number
}

/** Shuts out for a while whoever keeps on after being refused. */
export interface BlockList {
  /** How long a key is still blocked, in ms; 0 where it is not. */
  remainingMs(key: string): Promise<number>
  /**
   * Counts one refusal.
   *
   * @returns Whether the key is blocked from now on.
   */
  violate(key: string, options: BlockOptions): Promise<boolean>
}

/** Which cap on sessions is reached. */
export type Cap = 'total' | 'ip' | 'user'

/** A place among the sessions, or the cap that left none. */
export type Lease =
  | { readonly refusedBy: Cap }
  | {
      readonly refusedBy: null
      /** Gives the place back; only the first call counts. */
      readonly release: () => void
    }

/** Places for sessions: in all, and for each address and user. */
export interface Leases {
  /** Which cap one more session would break; null where none. Nothing changes. */
  check(claimant: Claimant, caps: ConnectionCaps): Promise<Cap | null>
  /** Checks all caps and holds a place, in one step. */
  hold(claimant: Claimant, caps: ConnectionCaps): Promise<Lease>
  /** Whether there is room for one more session in all. */
  hasRoom(caps: ConnectionCaps): Promise<boolean>
}

/** What a user has used since midnight UTC. */
export interface Spending {
  readonly tokens: number
  readonly ms: number
}

/** What somebody used now. */
export interface Expense extends Spending {
  readonly user: string
}

/** Counts what users use per UTC day. */
export interface Budgets {
  /** @returns What each has used today, these expenses included, in the same order. */
  spend(expenses: readonly Expense[]): Promise<readonly Spending[]>
}

/** Who or what is not let in any more. */
export type Revoked =
  | {
      /** All that was issued to this user until now. */
      readonly user: string
    }
  | {
      /** The ticket with this `jti`. */
      readonly ticket: string
    }

/** What holds a right that can be revoked. */
export interface Holder {
  readonly user: string
  /** `jti`; null where no ticket of ours was shown. */
  readonly ticket: string | null
  /** When the right was issued, in ms of the epoch. */
  readonly issuedAt: number
}

/** Remembers what was revoked until no ticket can live that long, and tells all instances at once. */
export interface Revocations {
  /** @returns Whether all instances were told; otherwise they are as soon as the store is back. */
  revoke(revoked: Revoked): Promise<boolean>
  /** Whether a right was revoked. */
  has(holder: Holder): Promise<boolean>
  /** What is known of it here, without asking. */
  knows(holder: Holder): boolean
  /**
   * Tells when something was revoked, here or elsewhere; `knows` then knows it.
   *
   * @returns A function that ends that.
   */
  subscribe(listener: () => void): () => void
}
