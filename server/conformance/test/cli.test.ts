import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Report } from '../src/report.ts'
import { startMinimalRelay } from './support/minimal-relay.ts'

const COMMAND = fileURLToPath(new URL('../bin/voicewire-conformance.mjs', import.meta.url))

interface Ended {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

function run(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(process.execPath, [COMMAND, ...args], { env }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr })
    })
  })
}

/** A port that nobody listens on. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'conformance-'))
  t.after(() => rmSync(path, { recursive: true, force: true }))
  return path
}

test('The command exits with 0 for a relay that passes, and 1 with a report for one that fails', async (t) => {
  const upstreamPort = await freePort()
  const keys = { openai: randomBytes(12).toString('hex'), deepgram: randomBytes(12).toString('hex') }
  const upstreamUrl = `ws://127.0.0.1:${upstreamPort}`
  const { relay, close } = await startMinimalRelay({ upstreamUrl, keys, passesQuery: true })
  t.after(close)
  const file = join(folder(t), 'report.json')
  const config = join(folder(t), 'relay.json')
  const secret = randomBytes(24).toString('hex')
  const common = [
    '--relay',
    relay,
    '--upstream-port',
    String(upstreamPort),
    '--json',
    file,
    '--config',
    config,
  ]
  writeFileSync(config, JSON.stringify({ OPENAI_API_KEY: keys.openai, DEEPGRAM_API_KEY: keys.deepgram }))

  const passed = await run([...common, '--profile', 'minimal', '--token', 't', '--only', 'forwarding,close'])
  assert.equal(passed.code, 0, passed.stderr)
  assert.match(passed.stdout, /^pass {2}forwarding\/text-up {2,}The client's text/m)

  const args = [...common, '--ticket-secret-env', 'SECRET', '--only', 'tickets/missing,R-MSG-1']
  const failed = await run(args, { SECRET: secret })
  assert.equal(failed.code, 1, failed.stderr)
  const report = JSON.parse(readFileSync(file, 'utf8')) as Report
  const rule = report.rules.find(({ id }) => id === 'tickets/missing')
  assert.deepEqual([rule?.result, rule?.proves], ['fail', ['R-TICKET-11']])
  assert.equal(report.requirements['R-TICKET-11'], 'failed')
  assert.ok(report.failed > 0 && report.rules.length === report.passed + report.failed + report.skipped)
  for (const told of [failed.stdout, readFileSync(file, 'utf8')]) {
    for (const hidden of [secret, keys.openai, keys.deepgram]) assert.ok(!told.includes(hidden))
  }
})

test('The command exits with 2 and one line where it cannot judge', async () => {
  const relay = `ws://127.0.0.1:${await freePort()}`
  const secret = randomBytes(24).toString('hex')
  const judged = ['--relay', relay, '--upstream-port', String(await freePort())]
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [[], /--relay must be given/],
    [['--relay', 'somewhere'], /must be ws:\/\/host:port/],
    [['--relay', `${relay}/path`], /without a path/],
    [['--unknown'], /--help/],
    [[...judged, '--profile', 'some'], /full or minimal/],
    [judged, /--ticket-secret must be given/],
    [[...judged, '--ticket-secret-env', 'MISSING'], /MISSING must be set/],
    [[...judged, '--ticket-secret', secret, '--only', 'nothing/at-all'], /nothing\/at-all/],
    [[...judged, '--config', '/nowhere/at/all'], /ENOENT/],
    [[...judged, '--ticket-secret', secret], /cannot connect: ECONNREFUSED/],
  ]
  for (const [args, pattern] of cases) {
    const { code, stderr } = await run(args)
    assert.equal(code, 2, args.join(' '))
    assert.match(stderr, pattern)
    assert.equal(stderr.trim().split('\n').length, 1)
    assert.ok(!stderr.includes(secret))
  }
})

test('--print-env prints another secret each time, with the names of the protocol', async () => {
  const args = ['--print-env', 'full', '--upstream-port', '9111', '--port', '8111']
  const [one, other] = [await run(args), await run(args)]
  assert.match(one.stdout, /^OPENAI_API_URL=ws:\/\/127\.0\.0\.1:9111$/m)
  assert.match(one.stdout, /^PORT=8111$/m)
  assert.notEqual(/^TICKET_SECRET=.+$/m.exec(one.stdout)?.[0], /^TICKET_SECRET=.+$/m.exec(other.stdout)?.[0])
})
