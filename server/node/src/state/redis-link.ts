import { hash } from 'node:crypto'
import { once } from 'node:events'
import type { RedisOptions as ClientOptions, Redis } from 'ioredis'
import type { RelayLogger } from '../log.ts'
import { digest } from './digest.ts'
import { SCRIPTS, type ScriptName } from './redis-scripts.ts'

/** Where the shared state is kept. */
export interface RedisOptions {
  /** `redis:` or `rediss:`, with user, password and database where they are needed. Redis 6.2 or later. */
  readonly url: string
  /** In front of every key; default `voicewire:`. */
  readonly prefix?: string
  /** For how long a session's place is held unless it is renewed, in ms: 1,000 or more, default 60,000. */
  readonly leaseMs?: number
  /** How long Redis may take for one answer before it counts as away, in ms: 1…10,000, default 40. */
  readonly timeoutMs?: number
}

/** Redis did not answer, or is known not to: what is in memory decides. */
export class RedisAway extends Error {
  override readonly name = 'RedisAway'
}

/** How often a Redis that is away is tried again. */
const PROBE_MS = 250
/** How long a trial may take; who is slower than this gets a new connection. */
const MOST_PROBE_MS = 2000
/** How long a start waits for the first answer. */
const MOST_OPENING_MS = 1000

/** Nothing waits for a Redis that is away, neither in a queue nor for another try. */
const CLIENT = {
  enableOfflineQueue: false,
  maxRetriesPerRequest: 0,
  autoResendUnfulfilledCommands: false,
  autoResubscribe: false,
  connectTimeout: 5000,
  retryStrategy: (times: number) => Math.min(times * 50, 500),
} as const satisfies ClientOptions

const DIGESTS = Object.fromEntries(
  Object.entries(SCRIPTS).map(([name, text]) => [name, hash('sha1', text)]),
) as Record<ScriptName, string>

/**
 * The connection to Redis. After the first answer that does not come in time every command fails at once, until a
 * trial in the background was answered.
 */
export class RedisLink {
  readonly prefix: string
  readonly #url: string
  readonly #timeoutMs: number
  readonly #log: RelayLogger
  readonly #opened = Promise.withResolvers<void>()
  readonly #onBack: (() => void)[] = []
  readonly #pending = new Set<Promise<unknown>>()
  #client: Redis | null = null
  #subscriber: Redis | null = null
  #state: 'opening' | 'here' | 'away' | 'closed' = 'opening'
  #probing = false
  #timer: NodeJS.Timeout | null = null

  constructor({ url, prefix = 'voicewire:', timeoutMs = 40 }: RedisOptions, log: RelayLogger) {
    checkUrl(url)
    checkNumber('timeoutMs', timeoutMs, { least: 1, most: 10_000 })
    this.#url = url
    this.prefix = prefix
    this.#timeoutMs = timeoutMs
    this.#log = log
  }

  /** Whether commands are tried at all. */
  get here(): boolean {
    return this.#state === 'here'
  }

  /** Connects, unless that has begun. Resolves when the first answer or failure is there, or after a second. */
  open(): Promise<void> {
    if (this.#timer !== null || this.#state === 'closed') return this.#opened.promise
    this.#timer = setInterval(() => void this.#probe(), PROBE_MS)
    const opening = setTimeout(this.#opened.resolve, MOST_OPENING_MS)
    this.#connect().catch((error: unknown) => this.#lose(error))
    return this.#opened.promise.then(() => clearTimeout(opening))
  }

  /** A key, or a channel: whose it is can be seen only from the digest of `owner`. */
  key(kind: string, owner?: string): string {
    return `${this.prefix}${kind}${owner === undefined ? '' : `:${digest(owner)}`}`
  }

  /** Calls `callback` whenever Redis is there, for the first time or again, before any other command is sent. */
  onBack(callback: () => void): void {
    this.#onBack.push(callback)
    if (this.here) callback()
  }

  /** Runs one script. @throws {RedisAway} Where no answer comes in time. */
  script(name: ScriptName, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> {
    return this.run(async (client) => {
      try {
        return await client.evalsha(DIGESTS[name], keys.length, ...keys, ...args)
      } catch (error) {
        if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error
        return client.eval(SCRIPTS[name], keys.length, ...keys, ...args)
      }
    })
  }

  /** Runs any command. @throws {RedisAway} Where no answer comes in time. */
  async run<T>(command: (client: Redis) => Promise<T>): Promise<T> {
    const client = this.#client
    if (client === null || !this.here) {
      void this.open()
      throw new RedisAway()
    }
    const answer = answerWithin(this.#timeoutMs, command(client))
    this.#pending.add(answer)
    try {
      return await answer
    } catch (error) {
      this.#lose(error)
      throw new RedisAway()
    } finally {
      this.#pending.delete(answer)
    }
  }

  /** Hears what is published; `onReady` is called whenever something may have been missed before. */
  subscribe(channel: string, { onMessage, onReady }: Subscription): void {
    this.onBack(() => {
      if (this.#subscriber !== null || this.#client === null) return
      const subscriber = this.#client.duplicate()
      this.#subscriber = subscriber
      subscriber.on('error', () => {}) // the other connection says so
      subscriber.on('message', (_channel: string, message: string) => onMessage(message))
      subscriber.on('ready', () => subscriber.subscribe(channel).then(onReady, () => {})) // 'ready' comes again
    })
  }

  /** Waits until what was sent before is answered, or is not in time. */
  async close(): Promise<void> {
    if (this.#state === 'closed') return
    if (this.#timer !== null) clearInterval(this.#timer)
    await Promise.allSettled(this.#pending)
    this.#state = 'closed'
    this.#opened.resolve()
    this.#client?.disconnect()
    this.#subscriber?.disconnect()
  }

  async #connect(): Promise<void> {
    const { Redis: Client } = await import('ioredis') // who has no Redis does not load its client
    if (this.#state === 'closed') return
    const client = new Client(this.#url, CLIENT)
    this.#client = client
    client.on('error', (error: unknown) => this.#lose(error))
    client.on('close', () => this.#lose(null))
    client.on('ready', () => void this.#probe())
  }

  /** Tries to write, as a Redis that only reads cannot count. */
  async #probe(): Promise<void> {
    const client = this.#client
    if (client === null || this.here || this.#probing || this.#state === 'closed') return
    this.#probing = true
    try {
      // A connection that is being made counts as well: nothing else would ever end a handshake that hangs.
      if (client.status === 'ready')
        await answerWithin(MOST_PROBE_MS, client.set(this.key('probe'), '1', 'PX', 1000))
      else if (client.status === 'connect') await answerWithin(MOST_PROBE_MS, settled(client))
      if (client.status === 'ready') this.#find(client)
    } catch (error) {
      this.#lose(error)
      // While it connects or waits to, it would never connect again.
      if (client.status === 'ready' || client.status === 'connect') client.disconnect(true)
    } finally {
      this.#probing = false
    }
  }

  #find(client: Redis): void {
    if (this.#state === 'closed') return
    // Each command is then one round trip, and they are run in the order in which they are sent.
    for (const text of Object.values(SCRIPTS)) client.script('LOAD', text).catch(() => {}) // `script` makes up for it
    if (this.#state === 'away') this.#log.info({}, 'redis is back')
    this.#state = 'here'
    for (const callback of this.#onBack) callback()
    this.#opened.resolve()
  }

  #lose(error: unknown): void {
    if (this.#state === 'away' || this.#state === 'closed') return
    this.#state = 'away'
    // Only a code: a message could name the host or quote a command.
    this.#log.warn({ error: codeOf(error) }, 'redis is away: every instance counts for itself')
    this.#opened.resolve()
  }
}

/** What a subscriber does. */
export interface Subscription {
  readonly onMessage: (message: string) => void
  readonly onReady: () => void
}

/** @throws {RangeError} Where a number of the options is out of range. */
export function checkNumber(
  name: string,
  value: number,
  { least, most = Number.MAX_SAFE_INTEGER }: { readonly least: number; readonly most?: number },
): void {
  if (value >= least && value <= most) return
  throw new RangeError(`Cannot use Redis as ${name} must be in ${least}…${most}: current value is ${value}`)
}

function checkUrl(url: string): void {
  if (URL.canParse(url) && /^rediss?:$/.test(new URL(url).protocol)) return
  throw new TypeError('Cannot use Redis as url must be like redis://host:6379: current value is not shown')
}

/** Resolves when a connection that is being made is ready or closed. */
async function settled(client: Redis): Promise<void> {
  const listening = new AbortController()
  const { signal } = listening
  try {
    await Promise.race([once(client, 'ready', { signal }), once(client, 'close', { signal })])
  } finally {
    listening.abort()
  }
}

/** Rejects where there is no answer in time. What comes later is of no use. */
async function answerWithin<T>(ms: number, answer: Promise<T>): Promise<T> {
  const timeout = Promise.withResolvers<never>()
  answer.catch(() => {})
  // An answer that is here already counts, however late this process looks for it.
  const timer = setTimeout(() => setImmediate(() => timeout.reject(new RedisAway())), ms)
  try {
    return await Promise.race([answer, timeout.promise])
  } finally {
    clearTimeout(timer)
  }
}

function codeOf(error: unknown): string {
  if (error instanceof RedisAway) return 'timeout'
  if (!(error instanceof Error)) return 'closed'
  const { code } = error as NodeJS.ErrnoException
  return code ?? /^[A-Z]{3,}(?= )/.exec(error.message)?.[0] ?? error.name
}
