import type { z } from 'zod'
import { type ConfigurationFile, overlay, variablesIn } from './config-file.ts'
import { type Configuration, type Environment, SECRETS, schema } from './config-schema.ts'
import { ConfigurationError } from './configuration-error.ts'
import { given } from './given.ts'
import type { MetricsOptions } from './metrics/options.ts'
import type { RelayOptions } from './options.ts'
import type { TicketOptions } from './tokens.ts'
import { VARIABLES } from './variables.ts'

/**
 * Reads a relay's configuration. What the environment says wins over the file, and the file over defaults.
 *
 * @param env As `process.env`; an empty variable counts as missing.
 * @param file As `readConfigurationFile` read it.
 * @throws {ConfigurationError} At the first variable or field that is missing or wrong.
 */
export function readConfiguration(
  env: Readonly<Record<string, string | undefined>>,
  file: ConfigurationFile | null = null,
): Configuration {
  const own = Object.fromEntries(
    Object.entries(env).filter(([, value]) => value !== undefined && value !== ''),
  )
  const present = { ...(file !== null && variablesIn(file.options)), ...own }
  const result = schema.safeParse(present)
  if (!result.success) {
    const issue = result.error.issues[0]!
    const name = String(issue.path[0]) as keyof Environment
    if (file === null || name in own || !(name in present)) throw mustBe(name, wanted(issue), present)
    throw fieldMustBe(`${VARIABLES[name].option} in ${file.path}`, wanted(issue), shown(name, present))
  }
  const { HOST: host, PORT: port, DRAIN_SECONDS: drainSeconds, LOG_LEVEL: logLevel } = result.data
  const relay = overlay(file?.options ?? {}, relayOptions(result.data))
  checkTogether(relay, result.data, present)
  return { host, port, drainSeconds, logLevel, relay }
}

/** What a variable must be; a wrong item of a list is told as the list. */
function wanted({ path, message }: z.core.$ZodIssue): string {
  return path[0] === 'VOICE_AGENT_DIRECT' ? 'openai, deepgram, or both with a comma' : message
}

/** What only makes sense together. */
function checkTogether(
  options: RelayOptions,
  config: Environment,
  env: Readonly<Record<string, string | undefined>>,
): void {
  const { openai, deepgram, tickets, authenticate, open = false, production, allowedOrigins } = options
  if (openai?.apiKey === undefined && deepgram?.apiKey === undefined) {
    throw mustBe('OPENAI_API_KEY', 'given, or DEEPGRAM_API_KEY', env)
  }
  if (tickets?.secret !== undefined && tickets.jwksUrl !== undefined) {
    throw mustBe('TICKET_JWKS_URL', 'left out where there is TICKET_SECRET', env)
  }
  if (tickets === undefined && authenticate === undefined && open === false) {
    throw mustBe('TICKET_SECRET', 'given, or TICKET_JWKS_URL', env)
  }
  if (production === true && open === true) throw mustBe('RELAY_OPEN', 'force or false in production', env)
  if (allowedOrigins.length === 0) {
    throw mustBe('ALLOWED_ORIGINS', 'a comma-separated list of origins such as https://example.com', env)
  }
  if (production === true && allowedOrigins.includes('*')) {
    throw mustBe('ALLOWED_ORIGINS', 'a list of named origins in production', env)
  }
  checkDirect(options, config, env)
}

/** Whoever may talk to a provider directly does so with its key, and at OpenAI with a model. */
function checkDirect(
  { openai, deepgram, tokens }: RelayOptions,
  { VOICE_AGENT_DIRECT: asked = [] }: Environment,
  env: Readonly<Record<string, string | undefined>>,
): void {
  const where = (provider: string) => `given where VOICE_AGENT_DIRECT names ${provider}`
  if (asked.includes('openai') && openai?.apiKey === undefined)
    throw mustBe('OPENAI_API_KEY', where('openai'), env)
  if (asked.includes('deepgram') && deepgram?.apiKey === undefined) {
    throw mustBe('DEEPGRAM_API_KEY', where('deepgram'), env)
  }
  if (!asked.includes('openai') || tokens?.direct?.openai?.session['model'] !== undefined) return
  throw mustBe('OPENAI_REALTIME_MODEL', where('openai'), env)
}

function relayOptions(config: Environment): RelayOptions {
  const tickets = ticketOptions(config)
  const { OPENAI_API_KEY: openaiKey, DEEPGRAM_API_KEY: deepgramKey, RELAY_PREFIX: prefix } = config
  return {
    ...(openaiKey !== undefined && { openai: given({ apiKey: openaiKey, url: config.OPENAI_API_URL }) }),
    ...(deepgramKey !== undefined && {
      deepgram: given({
        apiKey: deepgramKey,
        url: config.DEEPGRAM_API_URL,
        agentUrl: config.DEEPGRAM_AGENT_URL,
      }),
    }),
    ...(tickets !== null && { tickets }),
    ...stateOptions(config),
    ...(prefix !== undefined && { prefix }),
    ...directOptions(config),
    allowedOrigins: config.ALLOWED_ORIGINS ?? [],
    production: config.NODE_ENV === 'production',
    open: config.RELAY_OPEN === 'force' ? 'force' : config.RELAY_OPEN === 'true',
    trustedProxies: config.TRUST_PROXY,
    tokenDurationMs: config.VOICE_AGENT_TOKEN_DURATION,
    rateLimit: config.VOICE_AGENT_RATE_LIMIT,
    maxConnections: config.MAX_CONNECTIONS,
    maxConnectionsPerIp: config.MAX_CONNECTIONS_PER_IP,
    maxConnectionsPerUser: config.MAX_CONNECTIONS_PER_USER,
    heartbeatMs: config.HEARTBEAT_INTERVAL,
    inactivityMs: config.INACTIVITY_TIMEOUT,
    maxSessionSeconds: config.MAX_SESSION_SECONDS,
    maxBytesPerSecond: config.MAX_BYTES_PER_SECOND,
    ...metricsOptions(config),
    ...(config.OTEL_TRACES === '1' && { tracing: true }),
  }
}

/** What instances share, and what is counted there. */
function stateOptions(config: Environment): Pick<RelayOptions, 'redis' | 'budgets' | 'adminToken'> {
  const { REDIS_URL: url, REDIS_PREFIX: prefix, ADMIN_TOKEN: adminToken } = config
  const { BUDGET_TOKENS_PER_DAY: tokensPerDay, BUDGET_MINUTES_PER_DAY: minutesPerDay } = config
  return {
    ...(url !== undefined && { redis: { url, prefix } }),
    ...(tokensPerDay + minutesPerDay > 0 && { budgets: { tokensPerDay, minutesPerDay } }),
    ...(adminToken !== undefined && { adminToken }),
  }
}

function metricsOptions(config: Environment): { readonly metrics?: MetricsOptions } {
  const { METRICS_TOKEN: token, METRICS_PORT: port, METRICS_HOST: host } = config
  const metrics = given({ token, port, host })
  return Object.keys(metrics).length === 0 ? {} : { metrics }
}

function directOptions(config: Environment): Pick<RelayOptions, 'tokens'> {
  const { VOICE_AGENT_DIRECT: asked, OPENAI_REALTIME_MODEL: model } = config
  if (asked === undefined) return {}
  const openai = { session: { type: 'realtime', ...(model !== undefined && { model }) } }
  const direct = {
    ...(asked.includes('openai') && { openai }),
    ...(asked.includes('deepgram') && { deepgram: true }),
  }
  return { tokens: { direct } }
}

function ticketOptions(config: Environment): TicketOptions | null {
  const { TICKET_SECRET: secret, TICKET_JWKS_URL: jwksUrl } = config
  if (secret === undefined && jwksUrl === undefined) return null
  const clockToleranceSeconds = config.TICKET_CLOCK_TOLERANCE_SECONDS
  return given({
    secret,
    jwksUrl,
    issuer: config.TICKET_ISSUER,
    audience: config.TICKET_AUDIENCE,
    clockToleranceSeconds,
  })
}

function mustBe(
  name: string,
  what: string,
  env: Readonly<Record<string, string | undefined>>,
): ConfigurationError {
  return fieldMustBe(name, what, shown(name, env))
}

function fieldMustBe(field: string, what: string, value: string): ConfigurationError {
  return new ConfigurationError(
    `Cannot start the relay as ${field} must be ${what}: current value is ${value}`,
  )
}

function shown(name: string, env: Readonly<Record<string, string | undefined>>): string {
  const value = env[name]
  if (value === undefined) return 'missing'
  // A URL can carry a password.
  return SECRETS.has(name) || name.endsWith('_URL') ? 'not shown' : JSON.stringify(value)
}
