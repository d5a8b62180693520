import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { issueTicket } from '../src/index.ts'
import { connect, Upstream } from './support/peers.ts'
import { RedisServer, until } from './support/redis.ts'
import { recordAnswers, recordChild, registerSecrets, registerSecretsOf } from './support/secrets.ts'

const CLI = fileURLToPath(new URL('../src/cli.ts', import.meta.url))
const secret = randomBytes(32).toString('hex')
const apiKey = randomBytes(16).toString('hex')

function run(t: TestContext, env: Record<string, string>): ChildProcess {
  // Not where a developer may have an .env.
  const child = spawn(process.execPath, [CLI], { env, cwd: tmpdir(), stdio: ['ignore', 'pipe', 'pipe'] })
  t.after(() => child.kill('SIGKILL'))
  registerSecretsOf(env)
  recordChild(child)
  return child
}

/** Starts a relay, and waits for the line with its address. */
async function start(t: TestContext, more: Record<string, string> = {}) {
  const upstream = await Upstream.start(t)
  const child = run(t, {
    OPENAI_API_KEY: apiKey,
    OPENAI_API_URL: upstream.url,
    ALLOWED_ORIGINS: 'https://app.example',
    TICKET_SECRET: secret,
    PORT: '0',
    NODE_ENV: 'production',
    ...more,
  })
  const lines = createInterface({ input: child.stdout! })
  const [line] = (await once(lines, 'line')) as [string]
  const url = /^voicewire-relay listens on (http:\/\/127\.0\.0\.1:\d+)$/.exec(line)?.[1]
  assert.ok(url, line)
  recordAnswers(t, url)
  const join = async () => {
    const { token } = await issueTicket({ user: 'u' }, { secret })
    registerSecrets(token)
    const client = await connect(t, `${url}/v1/realtime`, { headers: { Authorization: `Bearer ${token}` } })
    return { client, provider: await upstream.accept() }
  }
  return { child, url, join, exited: once(child, 'exit') as Promise<[number | null]> }
}

// R-DRAIN-2
test('The command serves, and ends with 0 at SIGTERM, closing sessions with 1012 after the drain time', async (t) => {
  const { child, join, exited } = await start(t, { DRAIN_SECONDS: '1' })
  const { client, provider } = await join()
  client.send('hello')
  assert.equal((await provider.next()).data, 'hello')
  const startedAt = performance.now()
  child.kill('SIGTERM')
  assert.equal((await client.nextOfType('relay.warning')).warning.code, 'draining')
  client.send('time to finish')
  assert.equal((await provider.next()).data, 'time to finish')
  assert.equal((await client.nextOfType('error')).error.code, 'draining')
  assert.deepEqual(await client.closed, { code: 1012, reason: 'draining' })
  assert.deepEqual(await exited, [0, null])
  assert.ok(performance.now() - startedAt >= 1000)
})

test('The command ends at once at SIGTERM where nobody is there', async (t) => {
  const { child, exited } = await start(t, { DRAIN_SECONDS: '600' })
  child.kill('SIGTERM')
  assert.deepEqual(await exited, [0, null])
})

// R-DRAIN-3
test('The command ends at once at the second SIGTERM', async (t) => {
  const { child, join, exited } = await start(t, { DRAIN_SECONDS: '600' })
  const { client } = await join()
  child.kill('SIGTERM')
  await client.nextOfType('relay.warning')
  child.kill('SIGTERM')
  assert.deepEqual(await exited, [0, null])
})

test('The command shares through the Redis of its environment, and shows nobody the password', async (t) => {
  const password = randomBytes(16).toString('hex')
  const redis = await RedisServer.start(t, { password })
  const { child, url, join } = await start(t, { REDIS_URL: redis.url })
  let output = ''
  child.stdout!.on('data', (chunk: Buffer) => {
    output += chunk.toString()
  })
  const rateLimit = async () => {
    const response = await fetch(`${url}/api/voice-agent/health`)
    return ((await response.json()) as { services: { rateLimit: string } }).services.rateLimit
  }
  await until(async () => (await rateLimit()) === 'healthy')
  await join()
  await redis.kill()
  await until(async () => output.includes('redis is away'))
  assert.equal(await rateLimit(), 'degraded')
  await join()
  assert.ok(!output.includes(password) && !output.includes(String(redis.port)))
})

// R-CONF-1
test('The command refuses a wrong environment with one line and code 78', async (t) => {
  const child = run(t, {
    OPENAI_API_KEY: apiKey,
    ALLOWED_ORIGINS: 'https://app.example',
    TICKET_SECRET: 'short',
  })
  let errors = ''
  child.stderr!.on('data', (chunk: Buffer) => {
    errors += chunk.toString()
  })
  const [code] = (await once(child, 'close')) as [number]
  assert.equal(code, 78)
  assert.match(errors, /^Cannot start the relay as TICKET_SECRET must be at least 32 bytes long: [^\n]+\n$/)
  assert.ok(!errors.includes(apiKey) && !errors.includes('"short"'))
})

test('The command refuses a port that is taken with one line', async (t) => {
  const { url } = await start(t)
  const child = run(t, {
    OPENAI_API_KEY: apiKey,
    ALLOWED_ORIGINS: 'https://app.example',
    TICKET_SECRET: secret,
    PORT: new URL(url).port,
  })
  let errors = ''
  child.stderr!.on('data', (chunk: Buffer) => {
    errors += chunk.toString()
  })
  const [code] = (await once(child, 'close')) as [number]
  assert.equal(code, 1)
  assert.match(errors, /^Cannot start the relay: listen EADDRINUSE[^\n]+\n$/)
})
