import type { Environment } from './config-schema.ts'

/** What there is to know of a variable beside what it must be. */
export interface Variable {
  /** The field of a configuration file that says the same, as a path; null where there is none. */
  readonly option: string | null
  /** One line for whoever fills it in. Where there is no default it tells what is then. */
  readonly about: string
}

/** Every variable, in the order in which people read them. Bounds and defaults are in the schema. */
export const VARIABLES: Readonly<Record<keyof Environment, Variable>> = {
  OPENAI_API_KEY: { option: 'openai.apiKey', about: 'The key for OpenAI Realtime' },
  DEEPGRAM_API_KEY: {
    option: 'deepgram.apiKey',
    about: "The key for Deepgram's Voice Agent and speech to text",
  },
  ALLOWED_ORIGINS: {
    option: 'allowedOrigins',
    about: 'Exact origins of your pages, separated by commas; * for all of them, outside production only',
  },
  TICKET_SECRET: {
    option: 'tickets.secret',
    about: 'At least 32 bytes, the same on every instance: tickets are issued and checked here',
  },
  NODE_ENV: { option: 'production', about: 'production refuses what is only safe on your own machine' },
  HOST: { option: 'host', about: 'Where to listen; 0.0.0.0 or :: for all interfaces' },
  PORT: { option: 'port', about: 'Where to listen; 0: any free port' },
  RELAY_PREFIX: { option: 'prefix', about: 'Where the relay is mounted, such as /voice' },
  TRUST_PROXY: { option: 'trustedProxies', about: 'How many proxies of yours append to X-Forwarded-For' },
  RELAY_OPEN: {
    option: 'open',
    about:
      'true lets pages of an allowed origin in without a ticket, at your cost; in production only force does',
  },
  TICKET_JWKS_URL: {
    option: 'tickets.jwksUrl',
    about: "Instead of TICKET_SECRET: the public keys of whoever issues tickets, as a JWK set's URL",
  },
  TICKET_ISSUER: { option: 'tickets.issuer', about: 'iss of every ticket; voicewire where not set' },
  TICKET_AUDIENCE: {
    option: 'tickets.audience',
    about: 'aud of every ticket; voicewire-relay where not set',
  },
  TICKET_CLOCK_TOLERANCE_SECONDS: {
    option: 'tickets.clockToleranceSeconds',
    about: 'By how many seconds the clocks of issuer and relay may differ',
  },
  VOICE_AGENT_TOKEN_DURATION: { option: 'tokenDurationMs', about: 'How long a ticket is good, in ms' },
  VOICE_AGENT_RATE_LIMIT: {
    option: 'rateLimit',
    about: 'Upgrades, and separately requests for tickets, per address in any minute; 0: no limit',
  },
  VOICE_AGENT_DIRECT: {
    option: null,
    about:
      'Providers that pages may also reach without the relay, by short-lived tokens: openai, deepgram, or both',
  },
  OPENAI_REALTIME_MODEL: {
    option: null,
    about: 'The model of OpenAI sessions without the relay; needed where VOICE_AGENT_DIRECT names openai',
  },
  OPENAI_API_URL: { option: 'openai.url', about: 'wss://api.openai.com where not set' },
  DEEPGRAM_API_URL: { option: 'deepgram.url', about: 'Speech to text; wss://api.deepgram.com where not set' },
  DEEPGRAM_AGENT_URL: {
    option: 'deepgram.agentUrl',
    about: 'Voice Agent; wss://agent.deepgram.com where not set',
  },
  MAX_CONNECTIONS: { option: 'maxConnections', about: 'Sessions in all; 0: no limit' },
  MAX_CONNECTIONS_PER_IP: { option: 'maxConnectionsPerIp', about: 'Sessions of one address; 0: no limit' },
  MAX_CONNECTIONS_PER_USER: { option: 'maxConnectionsPerUser', about: 'Sessions of one user; 0: no limit' },
  HEARTBEAT_INTERVAL: { option: 'heartbeatMs', about: 'Between pings, in ms' },
  INACTIVITY_TIMEOUT: {
    option: 'inactivityMs',
    about: 'How long a session may say nothing, in ms; 0: no limit',
  },
  MAX_SESSION_SECONDS: { option: 'maxSessionSeconds', about: 'How long a session may last; 0: no limit' },
  MAX_BYTES_PER_SECOND: {
    option: 'maxBytesPerSecond',
    about: 'How fast a client may send beyond a first MiB, about twice what speech needs; 0: no limit',
  },
  REDIS_URL: {
    option: 'redis.url',
    about: 'What several instances share: redis: or rediss:, with user and password; in memory where not set',
  },
  REDIS_PREFIX: { option: 'redis.prefix', about: 'What the keys there begin with' },
  BUDGET_TOKENS_PER_DAY: {
    option: 'budgets.tokensPerDay',
    about: 'What one user may use in a UTC day, as OpenAI counts it; 0: no limit',
  },
  BUDGET_MINUTES_PER_DAY: {
    option: 'budgets.minutesPerDay',
    about: 'How long one user may talk in a UTC day; 0: no limit',
  },
  ADMIN_TOKEN: {
    option: 'adminToken',
    about: 'At least 16 characters: lets an operator revoke users and tickets at /admin/revoke',
  },
  METRICS_TOKEN: {
    option: 'metrics.token',
    about: 'At least 16 characters: the bearer for /metrics and /stats',
  },
  METRICS_PORT: {
    option: 'metrics.port',
    about: 'A port of their own for /metrics and /stats, without a bearer unless METRICS_TOKEN is set',
  },
  METRICS_HOST: { option: 'metrics.host', about: 'Where that port listens; 127.0.0.1 where not set' },
  OTEL_TRACES: { option: null, about: '1: a span for each session, by OpenTelemetry' },
  DRAIN_SECONDS: { option: 'drainSeconds', about: 'How long sessions have to finish after SIGTERM' },
  LOG_LEVEL: { option: 'logLevel', about: 'fatal, error, warn, info, debug, trace or silent' },
}
