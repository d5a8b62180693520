import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { TestContext } from 'node:test'
import { Lines } from '../../../server/node/test/support/commands.ts'
import { recordChild, registerSecretsOf } from '../../../server/node/test/support/secrets.ts'
import { PATH } from './kit.ts'

/** A program that runs until the test that started it is over. */
export interface Program {
  readonly child: ChildProcess
  /** All that it prints. */
  readonly lines: Lines
  /** Its exit code; null where a signal ended it. */
  readonly exited: Promise<number | null>
}

export interface ProgramOptions {
  readonly cwd: string
  readonly env?: Readonly<Record<string, string>>
}

/** Starts a program with exactly this environment and a path. */
export function start(
  t: TestContext,
  [program, ...args]: readonly string[],
  options: ProgramOptions,
): Program {
  const { cwd, env = {} } = options
  // Its own Node stands for that of the image.
  const path = program === 'node' ? process.execPath : program!
  const child = spawn(path, args, { cwd, env: { PATH, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  const exited = once(child, 'exit').then(([code]) => code as number | null)
  t.after(async () => {
    child.kill('SIGKILL')
    await exited
  })
  return { child, lines: new Lines(child.stdout!, child.stderr!), exited }
}

/** As `start`, for a relay: what it prints must not hold a secret of its environment. */
export function startRelay(t: TestContext, command: readonly string[], options: ProgramOptions): Program {
  registerSecretsOf(options.env ?? {})
  const program = start(t, command, options)
  recordChild(program.child)
  return program
}
