import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { ConfigurationError, createRelay, readConfiguration, readConfigurationFile } from '../src/index.ts'
import { runCommand, startRelayProcess, temporaryFolder } from './support/commands.ts'
import { connect, Upstream } from './support/peers.ts'
import { ORIGIN } from './support/relays.ts'
import { post } from './support/token-services.ts'

const secret = randomBytes(32).toString('hex')
const apiKey = randomBytes(16).toString('hex')
const MINIMUM = { OPENAI_API_KEY: apiKey, ALLOWED_ORIGINS: ORIGIN, TICKET_SECRET: secret }

async function read(t: TestContext, content: string, name = 'relay.config.mjs') {
  return readConfigurationFile(join(temporaryFolder(t, { [name]: content }), name))
}

async function lineFor(t: TestContext, content: string, name?: string): Promise<string> {
  const error: unknown = await read(t, content, name).then(
    () => null,
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof ConfigurationError, content)
  return error.message
}

test('readConfiguration() lets the environment win over the file, and the file over defaults', async (t) => {
  const file = await read(
    t,
    `export default {
      openai: { apiKey: 'from-the-file', url: 'ws://127.0.0.1:1' },
      tickets: { issuer: 'file', audience: 'file' },
      allowedOrigins: ['https://a.example', 'https://b.example'],
      production: true,
      port: 1234,
      rateLimit: 5,
      maxConnections: 6,
      stallMs: 7000,
      tokens: { maxRefreshes: 8, direct: { openai: { session: { instructions: 'be brief' } } } },
      authenticate: () => null,
    }`,
  )
  const env = {
    OPENAI_API_KEY: apiKey,
    TICKET_SECRET: secret,
    TICKET_ISSUER: 'environment',
    MAX_CONNECTIONS: '1000',
    VOICE_AGENT_DIRECT: 'openai',
    OPENAI_REALTIME_MODEL: 'm',
  }
  const { host, port, relay } = readConfiguration(env, file)
  assert.deepEqual([host, port], ['127.0.0.1', 1234])
  assert.deepEqual(relay.openai, { apiKey, url: 'ws://127.0.0.1:1' })
  assert.deepEqual(relay.tickets, {
    secret,
    issuer: 'environment',
    audience: 'file',
    clockToleranceSeconds: 5,
  })
  assert.deepEqual(relay.allowedOrigins, ['https://a.example', 'https://b.example'])
  assert.deepEqual([relay.rateLimit, relay.maxConnections, relay.heartbeatMs], [5, 1000, 30_000])
  assert.deepEqual([relay.production, relay.stallMs, relay.tokens?.maxRefreshes], [true, 7000, 8])
  assert.deepEqual(relay.tokens?.direct, {
    openai: { session: { type: 'realtime', model: 'm', instructions: 'be brief' } },
  })
  assert.equal(typeof relay.authenticate, 'function')
  assert.equal(Object.hasOwn(relay, 'port'), false)
  assert.ok(createRelay({ ...relay, logger: { info: () => {}, warn: () => {} } }))
})

test('readConfiguration() needs no variable that the file makes needless', async (t) => {
  const file = await read(
    t,
    `export default { openai: { apiKey: 'k' }, allowedOrigins: ['${ORIGIN}'], authenticate: () => null }`,
  )
  assert.equal(readConfiguration({}, file).relay.tickets, undefined)
})

test('readConfiguration() judges values of the file as it does those of variables', async (t) => {
  const wrong: [string, RegExp][] = [
    ['{ rateLimit: -1 }', /as rateLimit in \S+relay\.config\.mjs must be a whole number from 0 .* "-1"$/],
    ['{ port: 0.5 }', /as port in \S+ must be a whole number from 0 to 65535/],
    [
      "{ tickets: { secret: 'short-one' } }",
      /as tickets\.secret in \S+ must be .*: current value is not shown$/,
    ],
    [
      "{ openai: { apiKey: 'a b' } }",
      /as openai\.apiKey in \S+ must be a key .*: current value is not shown$/,
    ],
    ["{ logLevel: 'loud' }", /as logLevel in \S+ must be one of fatal/],
    ["{ allowedOrigins: ['app.example'] }", /as allowedOrigins in \S+ must be/],
  ]
  for (const [content, expected] of wrong) {
    const file = await read(t, `export default ${content}`)
    assert.throws(() => readConfiguration({}, file), { name: 'ConfigurationError', message: expected })
  }
})

test('readConfigurationFile() reads JSON, too', async (t) => {
  const { options } = await read(t, '{ "rateLimit": 3 }', 'relay.json')
  assert.deepEqual(options, { rateLimit: 3 })
})

test('readConfigurationFile() names file and field in one line, and shows no value', async (t) => {
  const secretLine = `const key = '${apiKey}'`
  const cases: [string, RegExp, string?][] = [
    ["export default { authentcate: 'x' }", /relay\.config\.mjs has an unknown field: authentcate$/],
    [
      `export default { maxConnections: '${apiKey}' }`,
      /maxConnections in \S+ must be a number: .* a string$/,
    ],
    ['export default { authenticate: true }', /authenticate in \S+ must be a function: .* a boolean$/],
    ['export default { openai: [] }', /openai in \S+ must be an object: .* a list$/],
    ["export default { open: 'yes' }", /open in \S+ must be true, false or "force": .* a string$/],
    ['export default { allowedOrigins: [1] }', /allowedOrigins in \S+ must be a list of origins: .* a list$/],
    ['export default { functions: { f: 1 } }', /functions in \S+ must be an object of functions/],
    ['export default { usedTickets: { has() {} } }', /usedTickets in \S+ must be an object with has and use/],
    ['export const a = 1', /the default export in \S+ must be an object of options: .* undefined$/],
    [`${secretLine}\nexport default {`, /must be a module that loads without an error: .* SyntaxError/],
    [`${secretLine}\nthrow new Error(key)`, /must be a module that loads .*, Error in line 2$/],
    ["import 'not-there-at-all'", /must be a module .*ERR_MODULE_NOT_FOUND/],
    [`{ "openai": "${apiKey}`, /must be JSON: .*, SyntaxError$/, 'relay.json'],
    ['{}', /must be a file named \.mjs, \.js or \.json/, 'relay.yaml'],
  ]
  for (const [content, expected, name] of cases) {
    const line = await lineFor(t, content, name)
    assert.match(line, expected)
    assert.match(line, /^Cannot start the relay as [^\n]+$/)
    assert.ok(!line.includes(apiKey), line)
  }
  await assert.rejects(readConfigurationFile('not-there.json'), /not-there\.json, ENOENT$/)
})

test('readConfiguration() lets VOICE_AGENT_DIRECT enable direct tokens', () => {
  const direct = { ...MINIMUM, DEEPGRAM_API_KEY: apiKey, VOICE_AGENT_DIRECT: 'openai, deepgram' }
  const { relay } = readConfiguration({ ...direct, OPENAI_REALTIME_MODEL: 'm' })
  const session = { type: 'realtime', model: 'm' }
  assert.deepEqual(relay.tokens, { direct: { openai: { session }, deepgram: true } })
  const wrong: [Record<string, string>, RegExp][] = [
    [direct, /as OPENAI_REALTIME_MODEL must be given where VOICE_AGENT_DIRECT names openai: .* missing$/],
    [{ ...direct, DEEPGRAM_API_KEY: '' }, /as DEEPGRAM_API_KEY must be given where .* names deepgram/],
    [
      { ...direct, VOICE_AGENT_DIRECT: 'openai;deepgram' },
      /VOICE_AGENT_DIRECT must be openai, deepgram, or both/,
    ],
  ]
  for (const [env, message] of wrong) assert.throws(() => readConfiguration(env), { message })
})

test('The command serves with a file: its code runs, and .env speaks where the environment does not', async (t) => {
  const upstream = await Upstream.start(t)
  const cwd = temporaryFolder(t, {
    'relay.config.mjs': `export default {
      authenticate: (request) => request.headers.cookie === 'ann' ? { user: 'ann' } : null,
      functions: { whoami: (_args, { user }) => user.user },
    }`,
    '.env': [
      `OPENAI_API_KEY=${apiKey}`,
      `OPENAI_API_URL=${upstream.url}`,
      `ALLOWED_ORIGINS=${ORIGIN}`,
      'VOICEWIRE_CONFIG=relay.config.mjs',
      'PORT=1',
    ].join('\n'),
  })
  const { url } = await startRelayProcess(t, { cwd, env: { PORT: '0', NODE_ENV: 'production' } })
  const headers = { Cookie: 'ann' }
  await connect(t, `${url}/v1/realtime`, { headers, origin: ORIGIN })
  assert.equal((await upstream.accept()).socket.readyState, 1)
  await assert.rejects(connect(t, `${url}/v1/realtime`, { origin: ORIGIN }), /HTTP 401/)
  const { answer } = await post(url, '/function-call', { id: '1', name: 'whoami', arguments: {} }, headers)
  assert.deepEqual(answer, { content: 'ann' })
})

test('The command checks a configuration, and says what would run without a secret', async (t) => {
  const cwd = temporaryFolder(t, {
    'relay.json': `{ "openai": { "url": "wss://user:${apiKey}@gateway.example/v1" }, "prefix": "/voice" }`,
  })
  const args = ['--check', '--config', 'relay.json']
  const right = await runCommand(t, { cwd, args, env: { ...MINIMUM, DEEPGRAM_API_KEY: apiKey } })
  assert.deepEqual([right.code, right.stderr], [0, ''])
  for (const expected of [
    /^listens on: +127\.0\.0\.1:8080\/voice$/m,
    /^configuration: environment, relay\.json$/m,
    /^mode: +development$/m,
    /^providers: +OpenAI at gateway\.example, Deepgram at api\.deepgram\.com and agent\.deepgram\.com$/m,
    /^origins: +https:\/\/app\.example$/m,
    /^lets in: +tickets issued here or with the same secret$/m,
    /^issues tokens: for this relay$/m,
  ]) {
    assert.match(right.stdout, expected)
  }
  for (const hidden of [apiKey, secret]) assert.ok(!right.stdout.includes(hidden))
  const wrong = await runCommand(t, { cwd, args, env: { ...MINIMUM, RELAY_PREFIX: 'voice/' } })
  assert.deepEqual([wrong.code, wrong.stdout], [78, ''])
  assert.match(wrong.stderr, /^Cannot start the relay as RELAY_PREFIX must be [^\n]+\n$/)
})

test('The command refuses options that only the relay can judge with code 78', async (t) => {
  const cwd = temporaryFolder(t, { 'relay.json': '{ "tokens": { "windowMs": 0 } }' })
  const { code, stderr } = await runCommand(t, { cwd, args: ['--config', 'relay.json'], env: MINIMUM })
  assert.equal(code, 78)
  assert.match(stderr, /^Cannot start the relay: [^\n]*windowMs must be more than 0[^\n]*\n$/)
})

test('The command tells its version and its use, and refuses arguments that it does not know', async (t) => {
  const cwd = temporaryFolder(t)
  const run = (...args: string[]) => runCommand(t, { cwd, args })
  assert.match((await run('--version')).stdout, /^\d+\.\d+\.\d+\n$/)
  assert.match((await run('--help')).stdout, /^Usage: voicewire-relay /)
  for (const args of [['--chek'], ['begin'], ['--origin', ORIGIN], ['init', '--check'], ['init', 'x']]) {
    const { code, stdout, stderr } = await run(...args)
    assert.deepEqual([code, stdout], [64, ''], args.join(' '))
    assert.match(stderr, /^[^\n]+\n$/)
  }
})
