import { Refusal } from '../codes.ts'
import { checkRate, type WindowOptions, type WindowVerdict } from '../limits.ts'
import type { BlockOptions, SharedState } from '../state/shared-state.ts'

/** What a limit counts. */
export type LimitKey = 'ip' | 'user'

/** How often, and who is blocked. */
export interface RequestLimitsOptions extends WindowOptions, BlockOptions {
  /** What is asked for: each has a window of its own. */
  readonly name: string
}

/** Limits how often one address and one user ask. Who is blocked at one limit is blocked at all of the same state. */
export class RequestLimits {
  readonly #options: RequestLimitsOptions
  readonly #state: Pick<SharedState, 'windows' | 'blocks'>

  /** @throws {RangeError} Where a number is none, or below 0: it would limit nothing, and say so to nobody. */
  constructor(options: RequestLimitsOptions, state: Pick<SharedState, 'windows' | 'blocks'>) {
    checkLimits(options)
    this.#options = options
    this.#state = state
  }

  /**
   * Counts one request.
   *
   * @param onBlock Called where this request is the one that has the key blocked.
   * @throws {Refusal} 429 where the key is blocked or its window has no room.
   */
  async take(kind: LimitKey, value: string, onBlock: (kind: LimitKey) => void): Promise<WindowVerdict> {
    const key = `${kind} ${value}`
    await this.checkBlocked(kind, value)
    const verdict = await this.#state.windows.take(this.#windowOf(key), this.#options)
    if (!verdict.allowed && (await this.#state.blocks.violate(key, this.#options))) {
      onBlock(kind)
      await this.checkBlocked(kind, value)
    }
    checkRate(verdict)
    return verdict
  }

  /** Says what `take` would, without counting anything. @throws {Refusal} 429 as `take`. */
  async peek(kind: LimitKey, value: string): Promise<void> {
    await this.checkBlocked(kind, value)
    checkRate(await this.#state.windows.peek(this.#windowOf(`${kind} ${value}`), this.#options))
  }

  /** @throws {Refusal} 429 where the key is blocked, by whichever limit. */
  async checkBlocked(kind: LimitKey, value: string): Promise<void> {
    const blockedMs = await this.#state.blocks.remainingMs(`${kind} ${value}`)
    if (blockedMs > 0) throw this.#blocked(blockedMs)
  }

  #windowOf(key: string): string {
    return `${this.#options.name} ${key}`
  }

  #blocked(blockedMs: number): Refusal {
    const retryAfterSeconds = Math.max(1, Math.ceil(blockedMs / 1000))
    const headers = {
      'RateLimit-Limit': String(this.#options.maxRequests),
      'RateLimit-Remaining': '0',
      'RateLimit-Reset': String(retryAfterSeconds),
    }
    return new Refusal(429, 'blocked', 'Too many requests were refused: nothing is answered for a while', {
      retryAfterSeconds,
      headers,
    })
  }
}

/** Of two verdicts the one that leaves less. */
export function tighter(one: WindowVerdict, other: WindowVerdict): WindowVerdict {
  return other.remaining < one.remaining ? other : one
}

function checkLimits(options: RequestLimitsOptions): void {
  const { windowMs, maxRequests, suspiciousActivityThreshold, blockDuration } = options
  for (const [name, value] of Object.entries({ maxRequests, suspiciousActivityThreshold, blockDuration })) {
    if (value >= 0 && Number.isFinite(value)) continue
    throw new RangeError(`Cannot limit requests as ${name} must be 0 or more: current value is ${value}`)
  }
  if (windowMs > 0 && Number.isFinite(windowMs)) return
  throw new RangeError(`Cannot limit requests as windowMs must be more than 0: current value is ${windowMs}`)
}
