import { Refusal } from '../codes.ts'
import { checkRate, SlidingWindow, type WindowOptions, type WindowVerdict } from '../limits.ts'

/** What a limit counts. */
export type LimitKey = 'ip' | 'user'

export interface BlockOptions {
  /** After so many refusals by a limit a key is blocked; 0: never. */
  readonly suspiciousActivityThreshold: number
  /** How long, in ms; refusals count for as long, too. */
  readonly blockDuration: number
}

/** Beyond this many blocked keys the oldest is let go, so that invented addresses cannot fill the memory. */
const MOST_BLOCKED = 100_000

/** Shuts out for a while whoever keeps on after being refused. */
export class Blocks {
  readonly #options: BlockOptions
  readonly #now: () => number
  readonly #violations: SlidingWindow
  readonly #until = new Map<string, number>()

  constructor(options: BlockOptions, now: () => number = () => performance.now()) {
    this.#options = options
    this.#now = now
    const { blockDuration: windowMs, suspiciousActivityThreshold: maxRequests } = options
    this.#violations = new SlidingWindow({ windowMs, maxRequests }, now)
  }

  /** How long a key is still blocked, in ms; 0 where it is not. */
  remainingMs(key: string): number {
    const rest = (this.#until.get(key) ?? 0) - this.#now()
    if (rest <= 0) this.#until.delete(key)
    return Math.max(0, rest)
  }

  /**
   * Counts one refusal.
   *
   * @returns Whether the key is blocked from now on.
   */
  violate(key: string): boolean {
    const { suspiciousActivityThreshold: threshold, blockDuration } = this.#options
    if (threshold === 0 || blockDuration === 0) return false
    if (this.#violations.take(key).remaining > 0) return false
    this.#until.delete(key)
    this.#until.set(key, this.#now() + blockDuration)
    if (this.#until.size > MOST_BLOCKED) this.#until.delete(this.#until.keys().next().value!)
    return true
  }
}

/** Limits how often one address and one user ask, and knows who is blocked. */
export class RequestLimits {
  readonly #window: SlidingWindow
  readonly #blocks: Blocks

  /** @param blocks Shared by all limits: who is blocked at one is blocked at all. */
  constructor(options: WindowOptions, blocks: Blocks) {
    this.#window = new SlidingWindow(options)
    this.#blocks = blocks
  }

  /**
   * Counts one request.
   *
   * @param onBlock Called where this request is the one that has the key blocked.
   * @throws {Refusal} 429 where the key is blocked or its window has no room.
   */
  take(kind: LimitKey, value: string, onBlock: (kind: LimitKey) => void): WindowVerdict {
    const key = `${kind} ${value}`
    const blockedMs = this.#blocks.remainingMs(key)
    if (blockedMs > 0) throw this.#blocked(key, blockedMs)
    const verdict = this.#window.take(key)
    if (!verdict.allowed && this.#blocks.violate(key)) {
      onBlock(kind)
      throw this.#blocked(key, this.#blocks.remainingMs(key))
    }
    checkRate(verdict)
    return verdict
  }

  #blocked(key: string, blockedMs: number): Refusal {
    const retryAfterSeconds = Math.max(1, Math.ceil(blockedMs / 1000))
    const headers = {
      'RateLimit-Limit': String(this.#window.peek(key).limit),
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
