import { readFileSync } from 'node:fs'
import { parseEnv } from 'node:util'

/** Which of the rules: those a simple proxy can pass, or all of the protocol. */
export type Profile = 'minimal' | 'full'

export type Provider = 'openai' | 'deepgram'

/** What a relay was started with, by the names of the protocol's section 19; what is missing has its default. */
export type Variables = Readonly<Record<string, string>>

/** What the command line says, beside what the relay was started with. */
export interface JudgeOptions {
  /** Where the relay listens: `ws:` or `wss:`, without a path. */
  readonly relay: string
  /** Where the scripted provider is to listen; 0: any port, which only a test can tell its relay. */
  readonly upstreamPort: number
  /** Default `127.0.0.1`. */
  readonly upstreamHost?: string | undefined
  /** Default `full`. */
  readonly profile?: Profile | undefined
  /** What the relay was started with. */
  readonly variables?: Variables | undefined
  /** Shown in place of a ticket where there is no secret: what a simple proxy may want in `token`. */
  readonly token?: string | undefined
  /** Sent as a bearer to the token service where it knows its users. */
  readonly serviceKey?: string | undefined
  /** Ids, topics or requirements; default all rules of the profile. */
  readonly only?: readonly string[] | undefined
  /** Whether rules that take longer than a minute are judged, too; default no. */
  readonly slow?: boolean | undefined
  /** How long the window of limits is, in ms; default a minute, which the protocol demands. */
  readonly windowMs?: number | undefined
  /** How many rules are judged at the same time; default 20, as most of them wait most of the time. */
  readonly concurrency?: number | undefined
  /** The relay's process, which is sent SIGTERM in the end. */
  readonly pid?: number | undefined
}

/** Everything that rules ask about the relay. */
export interface Settings {
  readonly relay: URL
  readonly upstreamPort: number
  readonly upstreamHost: string
  readonly profile: Profile
  /** Below which everything is mounted: '' or a path such as `/voice`. */
  readonly prefix: string
  /** null: no tickets can be minted. */
  readonly secret: string | null
  readonly token: string | null
  readonly issuer: string
  readonly audience: string
  readonly toleranceSeconds: number
  /** The allowed origins; at least one, which may be a guess where nothing was said. */
  readonly origins: readonly string[]
  /** The providers' keys; null: it has one that is not known here; missing: it has none. */
  readonly keys: Readonly<Partial<Record<Provider, string | null>>>
  /** Whether pages may reach a provider without the relay. */
  readonly direct: boolean
  readonly metricsToken: string | null
  readonly serviceKey: string | null
  readonly trustedProxies: number
  readonly maxConnections: number
  readonly maxConnectionsPerAddress: number
  readonly maxConnectionsPerUser: number
  readonly rateLimit: number
  readonly windowMs: number
  readonly heartbeatMs: number
  readonly inactivityMs: number
  readonly maxSessionSeconds: number
  readonly drainSeconds: number
  readonly tokenDurationMs: number
  readonly only: readonly string[]
  readonly slow: boolean
  readonly concurrency: number
  readonly pid: number | null
}

/** What cannot be understood; the message is one line. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** @throws {UsageError} Where something is missing or wrong. */
export function readSettings(options: JudgeOptions): Settings {
  const variables = options.variables ?? {}
  const numberOf = (name: string, standard: number) => readNumber(variables, name, standard)
  return {
    relay: readRelay(options.relay),
    upstreamPort: options.upstreamPort,
    upstreamHost: options.upstreamHost ?? '127.0.0.1',
    profile: options.profile ?? 'full',
    prefix: readPrefix(variables['RELAY_PREFIX'] ?? ''),
    secret: variables['TICKET_SECRET'] || null,
    token: options.token ?? null,
    issuer: variables['TICKET_ISSUER'] || 'voicewire',
    audience: variables['TICKET_AUDIENCE'] || 'voicewire-relay',
    toleranceSeconds: numberOf('TICKET_CLOCK_TOLERANCE_SECONDS', 5),
    origins: readOrigins(variables['ALLOWED_ORIGINS']),
    keys: readKeys(variables),
    direct: (variables['VOICE_AGENT_DIRECT'] ?? '') !== '',
    metricsToken: variables['METRICS_TOKEN'] || null,
    serviceKey: options.serviceKey ?? null,
    trustedProxies: numberOf('TRUST_PROXY', 0),
    maxConnections: numberOf('MAX_CONNECTIONS', 1000),
    maxConnectionsPerAddress: numberOf('MAX_CONNECTIONS_PER_IP', 50),
    maxConnectionsPerUser: numberOf('MAX_CONNECTIONS_PER_USER', 10),
    rateLimit: numberOf('VOICE_AGENT_RATE_LIMIT', 60),
    windowMs: options.windowMs ?? 60_000,
    heartbeatMs: numberOf('HEARTBEAT_INTERVAL', 30_000),
    inactivityMs: numberOf('INACTIVITY_TIMEOUT', 300_000),
    maxSessionSeconds: numberOf('MAX_SESSION_SECONDS', 3600),
    drainSeconds: numberOf('DRAIN_SECONDS', 30),
    tokenDurationMs: numberOf('VOICE_AGENT_TOKEN_DURATION', 60_000),
    only: options.only ?? [],
    slow: options.slow ?? false,
    concurrency: options.concurrency ?? 20,
    pid: options.pid ?? null,
  }
}

/**
 * Reads what a relay was started with from a file: JSON with the variables as its fields, or lines `NAME=value`.
 *
 * @throws {UsageError} Where the file cannot be read or is neither.
 */
export function readVariables(path: string): Variables {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new UsageError(`Cannot read the configuration as ${path} must be a file: current value is ${code}`)
  }
  if (!text.trimStart().startsWith('{')) return parseEnv(text) as Variables
  try {
    const entries = Object.entries(JSON.parse(text) as Record<string, unknown>)
    return Object.fromEntries(entries.map(([name, value]) => [name, String(value)]))
  } catch {
    // The parser quotes what it read, which may be a secret.
    throw new UsageError(`Cannot read the configuration as ${path} must be JSON or lines NAME=value`)
  }
}

function readRelay(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url !== null && /^(?:ws|http)s?:$/.test(url.protocol) && url.pathname === '/') return url
  throw new UsageError(
    `Cannot judge a relay as --relay must be ws://host:port without a path (see --prefix): current value is ${text}`,
  )
}

function readPrefix(text: string): string {
  const prefix = text.replace(/\/+$/, '')
  if (prefix === '' || /^\/[^?#]*$/.test(prefix)) return prefix
  throw new UsageError(`Cannot judge a relay as --prefix must be a path: current value is ${text}`)
}

function readNumber(variables: Variables, name: string, standard: number): number {
  const text = variables[name]
  if (text === undefined || text === '') return standard
  const value = Number(text)
  if (Number.isFinite(value) && value >= 0) return value
  throw new UsageError(`Cannot judge a relay as ${name} must be a number from 0: current value is ${text}`)
}

function readOrigins(text = ''): readonly string[] {
  const origins = text
    .split(',')
    .map((origin) => origin.trim())
    .filter((origin) => origin !== '')
  return origins.length > 0 ? origins : ['http://localhost:3000']
}

/** A relay of which nothing is said has keys for both. */
function readKeys(variables: Variables): Settings['keys'] {
  const openai = variables['OPENAI_API_KEY']
  const deepgram = variables['DEEPGRAM_API_KEY']
  if (openai === undefined && deepgram === undefined) return { openai: null, deepgram: null }
  return { ...(openai && { openai }), ...(deepgram && { deepgram }) }
}
