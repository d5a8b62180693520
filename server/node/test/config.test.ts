import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { ConfigurationError, createRelay, readConfiguration } from '../src/index.ts'
import { baseUrl } from '../src/upstreams.ts'

const secret = randomBytes(32).toString('hex')
const apiKey = randomBytes(16).toString('hex')
const adminToken = randomBytes(8).toString('hex')
const MINIMUM = { OPENAI_API_KEY: apiKey, ALLOWED_ORIGINS: 'https://app.example', TICKET_SECRET: secret }

function lineFor(env: Record<string, string>): string {
  try {
    readConfiguration(env)
  } catch (error) {
    assert.ok(error instanceof ConfigurationError)
    return error.message
  }
  return ''
}

test('readConfiguration() needs a key, origins and a way in, and has defaults for the rest', () => {
  const { host, port, drainSeconds, logLevel, relay } = readConfiguration({ ...MINIMUM, PORT: '' })
  assert.deepEqual(
    { host, port, drainSeconds, logLevel },
    { host: '127.0.0.1', port: 8080, drainSeconds: 30, logLevel: 'info' },
  )
  assert.deepEqual(relay.openai, { apiKey })
  assert.equal(relay.deepgram, undefined)
  assert.deepEqual(relay.allowedOrigins, ['https://app.example'])
  assert.deepEqual([relay.redis, relay.budgets, relay.adminToken], [undefined, undefined, undefined])
  assert.deepEqual(relay.tickets, { secret, clockToleranceSeconds: 5 })
  assert.ok(createRelay({ ...relay, logger: { info: () => {}, warn: () => {} } }))
})

test('readConfiguration() reads every variable', () => {
  const { relay, ...own } = readConfiguration({
    NODE_ENV: 'production',
    OPENAI_API_KEY: apiKey,
    DEEPGRAM_API_KEY: apiKey,
    OPENAI_API_URL: 'ws://127.0.0.1:1',
    DEEPGRAM_API_URL: 'ws://127.0.0.1:2',
    DEEPGRAM_AGENT_URL: 'ws://127.0.0.1:3',
    HOST: '::',
    PORT: '0',
    RELAY_PREFIX: '/voice',
    RELAY_OPEN: 'force',
    ALLOWED_ORIGINS: 'https://a.example, http://localhost:3000',
    TICKET_JWKS_URL: 'https://id.example/keys',
    TICKET_ISSUER: 'https://id.example',
    TICKET_AUDIENCE: 'voice',
    TICKET_CLOCK_TOLERANCE_SECONDS: '60',
    MAX_CONNECTIONS: '1',
    MAX_CONNECTIONS_PER_IP: '2',
    MAX_CONNECTIONS_PER_USER: '3',
    HEARTBEAT_INTERVAL: '4000',
    INACTIVITY_TIMEOUT: '5000',
    MAX_SESSION_SECONDS: '6',
    MAX_BYTES_PER_SECOND: '10',
    DRAIN_SECONDS: '7',
    TRUST_PROXY: '1',
    VOICE_AGENT_RATE_LIMIT: '8',
    VOICE_AGENT_TOKEN_DURATION: '9000',
    REDIS_URL: 'rediss://me:hunter2@redis.example:6380/1',
    REDIS_PREFIX: '{voice}:',
    BUDGET_TOKENS_PER_DAY: '10',
    BUDGET_MINUTES_PER_DAY: '11',
    ADMIN_TOKEN: adminToken,
    METRICS_TOKEN: secret,
    METRICS_PORT: '9',
    METRICS_HOST: '::1',
    OTEL_TRACES: '1',
    LOG_LEVEL: 'warn',
  })
  assert.deepEqual(own, { host: '::', port: 0, drainSeconds: 7, logLevel: 'warn' })
  assert.deepEqual(relay, {
    openai: { apiKey, url: 'ws://127.0.0.1:1' },
    deepgram: { apiKey, url: 'ws://127.0.0.1:2', agentUrl: 'ws://127.0.0.1:3' },
    tickets: {
      jwksUrl: 'https://id.example/keys',
      issuer: 'https://id.example',
      audience: 'voice',
      clockToleranceSeconds: 60,
    },
    prefix: '/voice',
    redis: { url: 'rediss://me:hunter2@redis.example:6380/1', prefix: '{voice}:' },
    budgets: { tokensPerDay: 10, minutesPerDay: 11 },
    adminToken,
    allowedOrigins: ['https://a.example', 'http://localhost:3000'],
    production: true,
    open: 'force',
    trustedProxies: 1,
    tokenDurationMs: 9000,
    rateLimit: 8,
    maxConnections: 1,
    maxConnectionsPerIp: 2,
    maxConnectionsPerUser: 3,
    heartbeatMs: 4000,
    inactivityMs: 5000,
    maxSessionSeconds: 6,
    maxBytesPerSecond: 10,
    metrics: { token: secret, port: 9, host: '::1' },
    tracing: true,
  })
})

// R-CONF-1, R-TOKEN-9
test('readConfiguration() names the variable in one line, and shows no secret', () => {
  const cases: [Record<string, string>, RegExp][] = [
    [
      { OPENAI_API_KEY: '' },
      /as OPENAI_API_KEY must be given, or DEEPGRAM_API_KEY: current value is missing$/,
    ],
    [{ OPENAI_API_KEY: 'a b' }, /as OPENAI_API_KEY must be a key .*: current value is not shown$/],
    [
      { ALLOWED_ORIGINS: '' },
      /as ALLOWED_ORIGINS must be a comma-separated list .*: current value is missing$/,
    ],
    [
      { ALLOWED_ORIGINS: 'https://a.example/' },
      /ALLOWED_ORIGINS .*: current value is "https:\/\/a.example\/"$/,
    ],
    [
      { ALLOWED_ORIGINS: '*', NODE_ENV: 'production' },
      /ALLOWED_ORIGINS must be a list of named origins in production/,
    ],
    [{ TICKET_SECRET: '' }, /as TICKET_SECRET must be given, or TICKET_JWKS_URL: current value is missing$/],
    [
      { TICKET_SECRET: 'short-secret' },
      /as TICKET_SECRET must be at least 32 bytes long: current value is not shown$/,
    ],
    [{ TICKET_JWKS_URL: 'https://id.example' }, /TICKET_JWKS_URL must be left out/],
    [{ TICKET_JWKS_URL: 'file:///etc/passwd', TICKET_SECRET: '' }, /TICKET_JWKS_URL must be an https: URL/],
    [
      { OPENAI_API_URL: 'wss://me:hunter2@host/?x' },
      /OPENAI_API_URL must be a URL .*: current value is not shown$/,
    ],
    [
      { METRICS_TOKEN: 'short-secret' },
      /METRICS_TOKEN must be at least 16 printable characters .*: current value is not shown$/,
    ],
    [{ METRICS_PORT: '-1' }, /METRICS_PORT must be a whole number from 0 to 65535/],
    [{ OTEL_TRACES: 'yes' }, /OTEL_TRACES must be one of 0, 1/],
    [{ PORT: '80a' }, /PORT must be a whole number from 0 to 65535: current value is "80a"$/],
    [{ PORT: '65536' }, /PORT must be/],
    [{ HEARTBEAT_INTERVAL: '-1' }, /HEARTBEAT_INTERVAL must be/],
    [{ VOICE_AGENT_TOKEN_DURATION: '7200000' }, /VOICE_AGENT_TOKEN_DURATION must be .* to 3600000/],
    [{ TRUST_PROXY: 'true' }, /TRUST_PROXY must be a whole number from 0 to 10/],
    [{ LOG_LEVEL: 'loud' }, /LOG_LEVEL must be one of fatal, error/],
    [{ RELAY_OPEN: 'yes' }, /RELAY_OPEN must be one of false, true, force/],
    [{ RELAY_OPEN: 'true', NODE_ENV: 'production' }, /RELAY_OPEN must be force or false in production/],
    [
      { REDIS_URL: 'http://me:hunter2@host' },
      /REDIS_URL must be a URL such as .*: current value is not shown$/,
    ],
    [{ REDIS_PREFIX: 'my keys' }, /REDIS_PREFIX must be up to 64 printable/],
    [{ BUDGET_TOKENS_PER_DAY: '-1' }, /BUDGET_TOKENS_PER_DAY must be a whole number/],
    [{ BUDGET_MINUTES_PER_DAY: '1.5' }, /BUDGET_MINUTES_PER_DAY must be a whole number/],
    [{ ADMIN_TOKEN: 'short-secret' }, /ADMIN_TOKEN must be at least 16 .*: current value is not shown$/],
    [{ RELAY_PREFIX: 'voice/' }, /RELAY_PREFIX must be a path such as/],
  ]
  for (const [wrong, expected] of cases) {
    const line = lineFor({ ...MINIMUM, ...wrong })
    assert.match(line, expected)
    assert.match(line, /^Cannot start the relay as [^\n]+$/)
    for (const hidden of [apiKey, secret, 'short-secret', 'hunter2', 'a b'])
      assert.ok(!line.includes(`"${hidden}`))
  }
})

test('baseUrl() takes a host, a prefix, or the whole endpoint', () => {
  const cases = [
    ['wss://api.openai.com', 'https://api.openai.com'],
    ['wss://api.openai.com/', 'https://api.openai.com'],
    ['https://api.openai.com/v1', 'https://api.openai.com'],
    ['wss://api.openai.com/v1/realtime', 'https://api.openai.com'],
    ['wss://agent.deepgram.com/v1/agent/converse', 'https://agent.deepgram.com'],
    ['ws://127.0.0.1:9/gateway', 'http://127.0.0.1:9/gateway'],
    ['wss://gateway.example/openai/v1/realtime', 'https://gateway.example/openai'],
  ] as const
  for (const [url, expected] of cases) assert.equal(baseUrl(url), expected)
  for (const url of ['host', 'ftp://host', 'wss://host?x=1', 'wss://host#x'])
    assert.throws(() => baseUrl(url), TypeError)
})
