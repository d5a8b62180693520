import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { issueTicket } from '../../src/index.ts'
import { LogLines } from './relays.ts'
import { recordChild, registerSecretsOf } from './secrets.ts'

const CLI = fileURLToPath(new URL('../../src/cli.ts', import.meta.url))

/** A relay in a process of its own. */
export interface RelayProcess {
  readonly child: ChildProcess
  readonly url: string
  /** What it wrote to standard output behind the line with its address. */
  readonly log: LogLines
  /** What it wrote to standard error so far. */
  readonly errors: () => string
  readonly exited: Promise<[code: number | null, signal: string | null]>
  readonly authorization: () => Promise<Record<string, string>>
}

/** Starts the command with exactly this environment. */
export function spawnRelay(t: TestContext, env: Record<string, string>): ChildProcess {
  const child = spawn(process.execPath, [CLI], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  t.after(() => child.kill('SIGKILL'))
  registerSecretsOf(env)
  recordChild(child)
  return child
}

/** Starts a relay in front of `upstreamUrl`, and waits until it is ready. */
export async function startRelay(
  t: TestContext,
  upstreamUrl: string,
  env: Record<string, string> = {},
): Promise<RelayProcess> {
  const secret = randomBytes(32).toString('hex')
  const child = spawnRelay(t, {
    OPENAI_API_KEY: randomBytes(16).toString('hex'),
    OPENAI_API_URL: upstreamUrl,
    ALLOWED_ORIGINS: 'https://app.example',
    TICKET_SECRET: secret,
    PORT: '0',
    NODE_ENV: 'production',
    ...env,
  })
  const exited = once(child, 'exit') as RelayProcess['exited']
  let errors = ''
  child.stderr!.on('data', (chunk: Buffer) => {
    errors += chunk.toString()
  })
  const lines = createInterface({ input: child.stdout! })
  const [line] = (await once(lines, 'line')) as [string]
  const url = /^voicewire-relay listens on (http:\/\/127\.0\.0\.1:\d+)$/.exec(line)?.[1]
  assert.ok(url, line)
  const log = new LogLines()
  lines.on('line', (entry) => log.write(`${entry}\n`))
  const authorization = async () => {
    const { token } = await issueTicket({ user: 'u' }, { secret })
    return { Authorization: `Bearer ${token}` }
  }
  return { child, url, log, errors: () => errors, exited, authorization }
}
