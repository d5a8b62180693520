import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parseEnv } from 'node:util'
import type { Report } from '../../server/conformance/src/report.ts'
import { type Backend, DJANGO, EXPRESS, FASTAPI, NODE, startBackend } from '../support/backends.ts'

const COMMAND = fileURLToPath(new URL('../../node_modules/.bin/voicewire-conformance', import.meta.url))

/** Rules that need a start of another kind than `--print-env full` says; no other may be left out. */
const LEFT_OUT = ['paths/prefix', 'upstream/not-configured', 'service/unauthenticated']

interface Ended {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

function conformance(...args: readonly string[]): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(process.execPath, [COMMAND, ...args], { maxBuffer: 2 ** 24 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr })
    })
  })
}

/** A free port below those that systems give to clients, so that no connection takes it before it is used. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(20_000, 30_000)
    const server = createServer()
    const listening = once(server.listen(port, '127.0.0.1'), 'listening')
    const free = await listening.then(
      () => true,
      () => false, // somebody has it
    )
    if (!free) continue
    server.close()
    await once(server, 'close')
    return port
  }
}

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'voicewire-backends-'))
  t.after(() => rmSync(path, { recursive: true, force: true }))
  return path
}

/** Starts and judges a backend as the suite's README says. @returns How both ended, and the report. */
async function judge(t: TestContext, backend: Backend) {
  const work = folder(t)
  const config = join(work, 'relay.env')
  const json = join(work, 'report.json')
  const upstreamPort = String(await freePort())
  const printed = await conformance('--print-env', 'full', '--upstream-port', upstreamPort)
  assert.equal(printed.code, 0, printed.stderr)
  writeFileSync(config, printed.stdout, { mode: 0o600 })
  const variables = parseEnv(printed.stdout) as Record<string, string>
  const relay = await startBackend(backend, { ...variables, PORT: '0' })
  t.after(() => relay.kill())
  const address = ['--relay', relay.url.replace('http:', 'ws:'), '--upstream-port', upstreamPort]
  const judged = await conformance(
    ...[...address, '--config', config, '--profile', 'full', '--pid', String(relay.pid), '--json', json],
  )
  assert.notEqual(judged.code, 2, judged.stderr)
  const report = JSON.parse(readFileSync(json, 'utf8')) as Report
  return { judged, report, relayEnded: await relay.ended }
}

/** What became of the rules, in a line. */
function summary({ passed, failed, warnings, skipped, rules }: Report): string {
  const left = rules.filter(({ result }) => result === 'skipped').map(({ id }) => id)
  return `${passed} passed, ${failed} failed, ${warnings} warnings, ${skipped} skipped (${left.join(', ')})`
}

/** Each rule that did not pass, with what was seen. */
function complaints({ rules }: Report): string[] {
  return rules
    .filter(({ result }) => result === 'fail' || result === 'warning')
    .map(({ id, result, proves, seen }) => `${result} ${id} (${proves.join(', ')}): ${seen}`)
}

// Each mostly waits; more of them at a time would make each other late.
describe('voicewire-conformance', { concurrency: 2 }, () => {
  for (const backend of [NODE, EXPRESS, FASTAPI, DJANGO]) {
    const options = { timeout: 180_000, skip: backend.missing ?? false }
    test(
      `${backend.name} passes the full profile, started with what --print-env says`,
      options,
      async (t) => {
        const { judged, report, relayEnded } = await judge(t, backend)
        t.diagnostic(`${backend.name}: ${summary(report)}`)
        assert.deepEqual(complaints(report), [])
        assert.equal(judged.code, 0)
        assert.deepEqual(
          report.rules.filter(({ result }) => result === 'skipped').map(({ id }) => id),
          LEFT_OUT,
        )
        assert.equal(relayEnded, 0)
      },
    )
  }
})
