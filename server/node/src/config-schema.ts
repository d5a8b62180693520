import { z } from 'zod'
import { isMetricsToken } from './metrics/options.ts'
import type { RelayOptions } from './options.ts'
import { isOrigin } from './origins.ts'
import { baseUrl } from './upstreams.ts'

/** A relay that listens by itself, as the environment describes it. */
export interface Configuration {
  readonly host: string
  readonly port: number
  readonly drainSeconds: number
  readonly logLevel: string
  readonly relay: RelayOptions
}

/** Never shown, not even when they are wrong. */
export const SECRETS = new Set([
  'OPENAI_API_KEY',
  'DEEPGRAM_API_KEY',
  'TICKET_SECRET',
  'ADMIN_TOKEN',
  'METRICS_TOKEN',
])
const DAY_MS = 86_400_000

const whole = (least: number, most: number, normal: number) =>
  z
    .string()
    .refine((text) => /^\d{1,15}$/.test(text) && Number(text) >= least && Number(text) <= most, {
      message: `a whole number from ${least} to ${most}`,
    })
    .transform(Number)
    .default(normal)

const choice = <const Values extends readonly string[]>(...values: Values) =>
  z.enum(values, { error: () => `one of ${values.join(', ')}` })

const socketUrl = z
  .string()
  .refine(isSocketUrl, { message: 'a URL such as wss://host or wss://host/path, without a query' })
  .optional()

const key = z
  .string()
  .regex(/^[\x21-\x7e]+$/, { message: 'a key of printable characters without spaces' })
  .optional()

const origins = z
  .string()
  .transform((text) => text.split(',').map((origin) => origin.trim()))
  .refine((list) => list.every((origin) => origin === '*' || isOrigin(origin)), {
    message: 'a comma-separated list of origins such as https://example.com, without paths',
  })
  .optional()

const providers = z
  .string()
  .transform((text) => text.split(',').map((provider) => provider.trim()))
  .pipe(z.array(z.enum(['openai', 'deepgram'])))
  .optional()

/** Every variable, what it must be, and its default. Durations are ms unless the name says seconds. */
export const schema = z.object({
  NODE_ENV: z.string().optional(),
  OPENAI_API_KEY: key,
  DEEPGRAM_API_KEY: key,
  OPENAI_API_URL: socketUrl,
  DEEPGRAM_API_URL: socketUrl,
  DEEPGRAM_AGENT_URL: socketUrl,
  HOST: z.string().default('127.0.0.1'),
  PORT: whole(0, 65_535, 8080),
  RELAY_PREFIX: z
    .string()
    .regex(/^\/[^?#\s]*[^/?#\s]$/, { message: 'a path such as /voice' })
    .optional(),
  RELAY_OPEN: choice('false', 'true', 'force').default('false'),
  ALLOWED_ORIGINS: origins,
  TICKET_SECRET: z
    .string()
    .refine((text) => Buffer.byteLength(text) >= 32, { message: 'at least 32 bytes long' })
    .optional(),
  TICKET_JWKS_URL: z.string().refine(isHttpUrl, { message: 'an https: URL' }).optional(),
  TICKET_ISSUER: z.string().optional(),
  TICKET_AUDIENCE: z.string().optional(),
  TICKET_CLOCK_TOLERANCE_SECONDS: whole(0, 120, 5),
  MAX_CONNECTIONS: whole(0, 1_000_000, 1000),
  MAX_CONNECTIONS_PER_IP: whole(0, 1_000_000, 50),
  MAX_CONNECTIONS_PER_USER: whole(0, 1_000_000, 10),
  HEARTBEAT_INTERVAL: whole(100, DAY_MS, 30_000),
  INACTIVITY_TIMEOUT: whole(0, DAY_MS, 300_000),
  MAX_SESSION_SECONDS: whole(0, 86_400, 3600),
  MAX_BYTES_PER_SECOND: whole(0, 1_000_000_000, 200_000),
  DRAIN_SECONDS: whole(0, 86_400, 30),
  TRUST_PROXY: whole(0, 10, 0),
  VOICE_AGENT_RATE_LIMIT: whole(0, 1_000_000, 60),
  VOICE_AGENT_TOKEN_DURATION: whole(1000, 3_600_000, 60_000),
  REDIS_URL: z
    .string()
    .refine((url) => URL.canParse(url) && /^rediss?:$/.test(new URL(url).protocol), {
      message: 'a URL such as redis://host:6379 or rediss://user:password@host:6379/0',
    })
    .optional(),
  REDIS_PREFIX: z
    .string()
    .regex(/^[\x21-\x7e]{1,64}$/, { message: 'up to 64 printable characters without spaces' })
    .default('voicewire:'),
  BUDGET_TOKENS_PER_DAY: whole(0, 1e12, 0),
  BUDGET_MINUTES_PER_DAY: whole(0, 1e9, 0),
  ADMIN_TOKEN: z
    .string()
    .regex(/^[\x21-\x7e]{16,}$/, { message: 'at least 16 printable characters without spaces' })
    .optional(),
  METRICS_TOKEN: z
    .string()
    .refine(isMetricsToken, { message: 'at least 16 printable characters without spaces' })
    .optional(),
  METRICS_PORT: whole(0, 65_535, 0).unwrap().optional(),
  METRICS_HOST: z.string().optional(),
  OTEL_TRACES: choice('0', '1').default('0'),
  VOICE_AGENT_DIRECT: providers,
  OPENAI_REALTIME_MODEL: z.string().optional(),
  LOG_LEVEL: choice('fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent').default('info'),
})

/** The environment as read; a key for each variable. */
export type Environment = z.infer<typeof schema>

function isSocketUrl(url: string): boolean {
  try {
    return baseUrl(url) !== ''
  } catch {
    return false // what was wrong is said once, by the schema
  }
}

function isHttpUrl(url: string): boolean {
  return URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)
}
