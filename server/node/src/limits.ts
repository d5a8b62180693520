import type { IncomingMessage } from 'node:http'
import { isIP, isIPv6 } from 'node:net'
import { Refusal } from './codes.ts'

/** How often per window; 0 requests: no limit. */
export interface WindowOptions {
  readonly windowMs: number
  readonly maxRequests: number
}

/** What a window says about one more request. */
export interface WindowVerdict {
  readonly allowed: boolean
  readonly limit: number
  /** How many more are allowed right now. */
  readonly remaining: number
  /** Until the next one is allowed, in ms; 0 where it is allowed now. */
  readonly retryAfterMs: number
}

/** Beyond this many keys the oldest are forgotten, so that invented addresses cannot fill the memory. */
const MOST_KEYS = 100_000

/**
 * A true sliding window: in no stretch of `windowMs`, wherever it begins, are more than `maxRequests` allowed
 * for one key. Refused requests do not count, so waiting always helps.
 */
export class SlidingWindow {
  readonly #options: WindowOptions
  readonly #now: () => number
  readonly #seen = new Map<string, number[]>()

  constructor(options: WindowOptions, now: () => number = () => performance.now()) {
    this.#options = options
    this.#now = now
  }

  /** Counts one request, if it is allowed. */
  take(key: string): WindowVerdict {
    const verdict = this.peek(key)
    if (!verdict.allowed || this.#options.maxRequests === 0) return verdict
    const times = this.#recent(key)
    times.push(this.#now())
    this.#seen.delete(key)
    this.#seen.set(key, times) // behind all others: the map is in order of last use
    if (this.#seen.size > MOST_KEYS) this.#seen.delete(this.#seen.keys().next().value!)
    return { ...verdict, remaining: verdict.remaining - 1 }
  }

  /** What `take` would say, without counting. */
  peek(key: string): WindowVerdict {
    const { windowMs, maxRequests } = this.#options
    if (maxRequests === 0) return { allowed: true, limit: 0, remaining: 0, retryAfterMs: 0 }
    const times = this.#recent(key)
    const remaining = Math.max(0, maxRequests - times.length)
    if (remaining > 0) return { allowed: true, limit: maxRequests, remaining, retryAfterMs: 0 }
    return { allowed: false, limit: maxRequests, remaining, retryAfterMs: times[0]! + windowMs - this.#now() }
  }

  #recent(key: string): number[] {
    const oldest = this.#now() - this.#options.windowMs
    return (this.#seen.get(key) ?? []).filter((time) => time > oldest)
  }
}

/** `RateLimit-*` for an answer; none where there is no limit. */
export function rateHeaders(verdict: WindowVerdict): Record<string, string> {
  if (verdict.limit === 0) return {}
  return {
    'RateLimit-Limit': String(verdict.limit),
    'RateLimit-Remaining': String(verdict.remaining),
    'RateLimit-Reset': String(Math.ceil(verdict.retryAfterMs / 1000)),
  }
}

/** @throws {Refusal} 429 where the window has no room. */
export function checkRate(verdict: WindowVerdict): void {
  if (verdict.allowed) return
  const retryAfterSeconds = Math.max(1, Math.ceil(verdict.retryAfterMs / 1000))
  const headers = rateHeaders(verdict)
  throw new Refusal(429, 'rate_limited', 'Too many requests', { retryAfterSeconds, headers })
}

/** The greatest numbers of sessions at one time; 0: no limit. */
export interface ConnectionCaps {
  readonly total: number
  readonly perIp: number
  readonly perUser: number
}

/** Who wants a session. */
export interface Claimant {
  readonly ip: string
  /** null where nobody knows: only the other caps apply. */
  readonly user: string | null
}

/** Counts sessions, in all and for each address and user. */
export class ConnectionLimits {
  readonly #held = new Map<string, number>()
  #total = 0

  /** How many sessions are held. */
  get total(): number {
    return this.#total
  }

  /** Which cap one more session would break; null where none. */
  check({ ip, user }: Claimant, { total, perIp, perUser }: ConnectionCaps): 'total' | 'ip' | 'user' | null {
    if (total > 0 && this.#total >= total) return 'total'
    if (perIp > 0 && this.#count(`ip ${ip}`) >= perIp) return 'ip'
    if (user !== null && perUser > 0 && this.#count(`user ${user}`) >= perUser) return 'user'
    return null
  }

  /**
   * Holds a place, whatever `check` says.
   *
   * @returns A function that gives the place back, once.
   */
  hold({ ip, user }: Claimant): () => void {
    const keys = user === null ? [`ip ${ip}`] : [`ip ${ip}`, `user ${user}`]
    this.#total += 1
    for (const key of keys) this.#held.set(key, this.#count(key) + 1)
    let held = true
    return () => {
      if (!held) return
      held = false
      this.#total -= 1
      for (const key of keys) this.#release(key)
    }
  }

  #count(key: string): number {
    return this.#held.get(key) ?? 0
  }

  #release(key: string): void {
    const rest = this.#count(key) - 1
    if (rest > 0) this.#held.set(key, rest)
    else this.#held.delete(key)
  }
}

/** The address of whoever sent a request, as limits count it; see `clientAddress`. */
export function addressOf(request: IncomingMessage, trustedProxies: number): string {
  const forwarded = request.headers['x-forwarded-for']
  const header = Array.isArray(forwarded) ? forwarded.join(',') : (forwarded ?? '')
  return clientAddress(request.socket.remoteAddress ?? '', header, trustedProxies)
}

/**
 * The address of a client, as limits count it.
 *
 * @param remote The socket's peer.
 * @param forwardedFor The header `X-Forwarded-For`; only what the trusted proxies wrote is believed.
 * @param trustedProxies How many proxies of the operator's are in front; 0: the header is ignored.
 * @returns An IPv4 address, or the /64 of an IPv6 address, as one household or machine owns all of that.
 */
export function clientAddress(remote: string, forwardedFor: string, trustedProxies: number): string {
  if (trustedProxies === 0) return network(remote)
  // Each proxy appends whom it saw: counted from the right, the first n entries are the operator's own.
  const entries = forwardedFor.split(',').map((entry) => entry.trim())
  const entry = withoutPort(entries[entries.length - trustedProxies] ?? '')
  return isIP(entry) === 0 ? network(remote) : network(entry)
}

/** Some proxies write the port, too: taken for no address it would have all clients share the proxy's limits. */
function withoutPort(entry: string): string {
  return /^(\d+\.\d+\.\d+\.\d+):\d+$/.exec(entry)?.[1] ?? /^\[(.+)\](?::\d+)?$/.exec(entry)?.[1] ?? entry
}

function network(address: string): string {
  if (!isIPv6(address)) return address
  const short = new URL(`http://[${address.replace(/%.*$/, '')}]`).hostname.slice(1, -1)
  const groups = expand(short)
  // An IPv4 address in IPv6's clothes, however it is written: all of those together would be one household.
  if (/^::ffff:[^:]+:[^:]+$/.test(short)) return groups.slice(6).flatMap(bytesOf).join('.')
  return `${groups.slice(0, 4).join(':')}::/64`
}

function bytesOf(group: string): number[] {
  const value = Number.parseInt(group, 16)
  return [value >> 8, value & 0xff]
}

function expand(address: string): string[] {
  const [left = '', right = ''] = address.split('::')
  const before = left === '' ? [] : left.split(':')
  const after = right === '' ? [] : right.split(':')
  return [...before, ...Array<string>(8 - before.length - after.length).fill('0'), ...after]
}
