import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { pythonEnvironment } from '../../scripts/python.mjs'
import { recordChild, registerSecretsOf } from '../../server/node/test/support/secrets.ts'

type Variables = Readonly<Record<string, string>>

/** A backend, and how its README starts it. */
export interface Backend {
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
  /** The folder in which it is started, from the root. */
  readonly folder: string
  /** What its README has set beside what PROTOCOL.md names. */
  readonly env: Variables
  /** Why it cannot be started here, and what to do; undefined where it can. */
  readonly missing: string | undefined
}

/** A backend that runs. */
export interface RunningBackend {
  /** Where it listens, such as `http://127.0.0.1:8080`. */
  readonly url: string
  readonly pid: number
  /** Its exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>
  /** Ends it at once. */
  kill(): Promise<void>
}

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const BIN = `${ROOT}node_modules/.bin`

/** The last word of the line that a backend prints when it is ready. */
const ADDRESS = /^[\w -]+ (http:\/\/127\.0\.0\.1:\d+)$/

function inPython(name: string, folder: string, args: readonly string[], env: Variables = {}): Backend {
  const { program, missing } = pythonEnvironment(name)
  return { name, command: program('python'), args, folder, env, missing }
}

/** The command, as `npx` starts it. */
export const NODE: Backend = {
  name: 'voicewire-relay',
  command: `${BIN}/voicewire-relay`,
  args: [],
  folder: 'server/node',
  env: {},
  missing: undefined,
}

export const EXPRESS: Backend = {
  ...NODE,
  name: 'voicewire-relay in Express',
  command: 'node',
  args: ['examples/express.mjs'],
}

export const FASTAPI: Backend = {
  ...inPython('fastapi', 'server/fastapi', ['-m', 'voicewire_fastapi']),
  name: 'voicewire-fastapi',
}

export const DJANGO: Backend = {
  // Where DEBUG is off, pages get tokens only if the project knows who they are.
  ...inPython('django', 'server/django/example', ['manage.py', 'voicewire'], { NODE_ENV: 'development' }),
  name: 'voicewire-django',
}

/**
 * Starts a backend with this environment, `PATH` and what its README has set.
 *
 * @returns The backend, as soon as it has said where it listens.
 * @throws {Error} Where it ends before, with what it wrote to standard error.
 */
export async function startBackend(backend: Backend, variables: Variables): Promise<RunningBackend> {
  const { name, command, args, folder } = backend
  const env = { PATH: `${BIN}:${process.env['PATH']}`, ...backend.env, ...variables }
  registerSecretsOf(variables)
  const child = spawn(command, args, { cwd: `${ROOT}${folder}`, env, stdio: ['ignore', 'pipe', 'pipe'] })
  process.once('exit', () => child.kill('SIGKILL')) // where a test ends without having ended it
  recordChild(child)
  let errors = ''
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk.toString()
  })
  const ended = new Promise<number | string>((resolve) => {
    child.once('close', (code, signal) => resolve(code ?? signal ?? 'unknown'))
  })
  const url = await new Promise<string>((resolve, reject) => {
    child.once('error', reject)
    // It goes on reading, as a full pipe would hold up the backend.
    createInterface({ input: child.stdout }).on('line', (line) => {
      const address = ADDRESS.exec(line)?.[1]
      if (address !== undefined) resolve(address)
    })
    void ended.then((how) => reject(new Error(`${name} ended before it was ready (${how}): ${errors}`)))
  })
  const kill = async () => {
    child.kill('SIGKILL')
    await ended
  }
  return { url, pid: child.pid!, ended, kill }
}
