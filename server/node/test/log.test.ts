import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomBytes, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { pino } from 'pino'
import { issueTicket, type RelayLogger } from '../src/index.ts'
import { allowListed } from '../src/log.ts'
import { connect, Upstream } from './support/peers.ts'
import { LogLines, ORIGIN, setUp } from './support/relays.ts'

const CLI = fileURLToPath(new URL('../src/cli.ts', import.meta.url))

/** As a caller sees it whose types nobody checks. */
type Loose = (...line: unknown[]) => void

/** What one line becomes. */
function logged(write: (log: RelayLogger) => void): Record<string, unknown> {
  const lines = new LogLines()
  write(allowListed(pino({ base: null, timestamp: false }, lines)))
  const { level, ...rest } = JSON.parse(lines.text)
  assert.ok(level === 30 || level === 40)
  return rest
}

test('allowListed() lets known fields of their kind through, and nothing else', () => {
  const id = randomUUID()
  const good = {
    id,
    user: 'a'.repeat(16),
    path: '/v1/agent/converse',
    origin: ORIGIN,
    address: '2001:db8:0:1::/64',
    status: 401,
    code: 'ticket_missing',
    endedBy: 'client',
    durationMs: 12,
    upstreamStatus: null,
  }
  assert.deepEqual(
    logged((log) => log.info(good, 'session ended')),
    { ...good, msg: 'session ended' },
  )
  const bad: Record<string, unknown> = {
    id: `${id}x`,
    user: 'ann@mail.example',
    path: '/v1/realtime?token=eyJ',
    origin: 'https://a.example/path?token=eyJ',
    address: 'host.example',
    status: '401',
    code: 'sk-1234',
    endedBy: { secret: 'x' },
    durationMs: Number.NaN,
    bytesUp: -1,
    error: 'connect ECONNREFUSED 127.0.0.1',
    key: 'sk-1234',
    sessionId: 'eyJhbGciOi.eyJzdWIi.c2ln',
  }
  assert.deepEqual(
    logged((log) => log.warn(bad, 'session ended')),
    { msg: 'session ended' },
  )
})

test('allowListed() keeps back what a careless line would tell', () => {
  const secret = `sk-${randomUUID()}`
  const url = `https://host.example/v1?token=${secret}`
  const careless: ((log: RelayLogger) => void)[] = [
    (log) => log.info({ headers: { authorization: `Bearer ${secret}` }, request: { url } }, 'request failed'),
    (log) => log.info({ apiKey: secret, url, message: secret, toString: () => secret }, 'request failed'),
    (log) => log.warn(new Error(`cannot reach ${url}`), 'request failed'),
    (log) => log.warn({ err: new Error(secret), error: new Error(secret) }, 'request failed'),
    (log) => log.info({ code: [secret], id: { secret }, origin: url }, 'request failed'),
    (log) => (log.info as Loose)('request failed', secret, { secret }),
    (log) => (log.info as Loose)({}, 'request failed', secret),
    (log) => log.info({ __proto__: { code: 'inherited' } }, 'request failed'),
    (log) => log.child!({ secret, log: secret }).info({}, 'request failed'),
    (log) => log.info(secret),
    (log) => log.warn({}, `failed for ${secret}`),
    (log) => log.warn({}, url),
    (log) => log.warn(new Error(secret)),
  ]
  for (const write of careless) {
    const line = JSON.stringify(logged(write))
    assert.ok(!line.includes(secret) && !line.includes('inherited') && !line.includes('host.example'), line)
  }
  const error = new RangeError(secret)
  assert.deepEqual(
    logged((log) => log.warn(error, 'request failed')),
    { error: 'RangeError', msg: 'request failed' },
  )
})

test('allowListed() lets no logger that throws end anything, and has children where the logger has', () => {
  const throwing = () => {
    throw new Error('disk full')
  }
  const log = allowListed({ info: throwing, warn: throwing })
  log.info({ status: 1 }, 'still here')
  assert.equal(log.child, undefined)
  const trapped = {
    get code() {
      return throwing()
    },
  }
  log.warn(trapped, 'still here')
})

test('Relay passes every line through the list, whatever the logger', async (t) => {
  const calls: unknown[][] = []
  const write = (...line: unknown[]) => void calls.push(line)
  const { promise, resolve } = Promise.withResolvers<void>()
  const info = (...line: unknown[]) => {
    write(...line)
    if (line[1] === 'session ended') resolve()
  }
  const setup = await setUp(t, { logger: { info, warn: write } })
  const client = await connect(t, `${setup.url}/v1/realtime`, { headers: await setup.authorization() })
  const provider = await setup.upstream.accept()
  client.send('one')
  client.send('two')
  await provider.next()
  await provider.next()
  provider.send('three')
  await client.next()
  client.socket.close(1000)
  await promise
  const [fields] = calls.find(([, message]) => message === 'session ended') as [Record<string, unknown>]
  assert.deepEqual([fields['messagesUp'], fields['messagesDown']], [2, 1])
  assert.ok(Number.isInteger(fields['connectMs']) && (fields['connectMs'] as number) >= 0)
  assert.deepEqual(Object.keys(fields).sort(), [
    'bytesDown',
    'bytesUp',
    'clientCloseCode',
    'code',
    'connectMs',
    'durationMs',
    'endedBy',
    'id',
    'messagesDown',
    'messagesUp',
    'origin',
    'path',
    'upstreamCloseCode',
    'upstreamStatus',
    'user',
  ])
  for (const [, message] of calls) assert.notEqual(message, 'message withheld')
})

test('Relay withholds an Origin that is none', async (t) => {
  const { url, log, logged: line } = await setUp(t)
  const mark = randomBytes(8).toString('hex')
  await assert.rejects(connect(t, `${url}/v1/realtime`, { origin: `https://a.example/${mark}` }), /HTTP 403/)
  assert.equal((await line('upgrade refused'))['origin'], undefined)
  assert.ok(!log().includes(mark))
})

/** A port that is free now: with nowhere to print to, the command cannot tell which one it took. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

test('The command serves on while its standard output is full, and still ends', {
  timeout: 30_000,
}, async (t) => {
  const upstream = await Upstream.start(t)
  const secret = randomBytes(32).toString('hex')
  const port = await freePort()
  const full = openSync('/dev/full', 'w')
  const env = {
    OPENAI_API_KEY: randomBytes(16).toString('hex'),
    OPENAI_API_URL: upstream.url,
    ALLOWED_ORIGINS: ORIGIN,
    TICKET_SECRET: secret,
    PORT: String(port),
    NODE_ENV: 'production',
  }
  const child = spawn(process.execPath, [CLI], { env, stdio: ['ignore', full, 'pipe'] })
  closeSync(full)
  t.after(() => child.kill('SIGKILL'))
  let errors = ''
  child.stderr!.on('data', (chunk: Buffer) => {
    errors += chunk.toString()
  })
  const exited = once(child, 'exit')
  const url = `http://127.0.0.1:${port}`
  // It cannot say that it is ready, so it is asked until it answers, or has ended.
  for (;;) {
    assert.equal(child.exitCode, null, errors)
    const answer = await fetch(`${url}/ready`).catch(() => null)
    if (answer?.ok) break
  }
  const join = async () => {
    const { token } = await issueTicket({ user: 'u' }, { secret })
    const client = await connect(t, `${url}/v1/realtime`, { headers: { Authorization: `Bearer ${token}` } })
    return { client, provider: await upstream.accept() }
  }
  const { client, provider } = await join()
  for (let round = 0; round < 5; round += 1) {
    await assert.rejects(connect(t, `${url}/v1/realtime`), /HTTP 401/) // each writes a line
    const other = await join()
    other.client.send(`other ${round}`)
    assert.equal((await other.provider.next()).data, `other ${round}`)
    other.client.socket.close()
    await other.client.closed
  }
  client.send('still here')
  assert.equal((await provider.next()).data, 'still here')
  client.socket.close()
  await client.closed
  child.kill('SIGTERM')
  assert.deepEqual(await exited, [0, null])
  assert.equal(errors, '')
})
