import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { recordChild, registerSecretsOf } from './secrets.ts'

export const CLI = fileURLToPath(new URL('../../src/cli.ts', import.meta.url))

/** How a command ended, and all that it said. */
export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A folder of its own for one test, with these files in it. */
export function temporaryFolder(t: TestContext, files: Readonly<Record<string, string>> = {}): string {
  const folder = mkdtempSync(join(tmpdir(), 'voicewire-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content)
  return folder
}

export interface CommandOptions {
  readonly cwd: string
  readonly args?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

/** Starts the relay's command; it is ended with the test. */
export function startCommand(t: TestContext, { cwd, args = [], env = {} }: CommandOptions): ChildProcess {
  const child = spawn(process.execPath, [CLI, ...args], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
  t.after(() => child.kill('SIGKILL'))
  registerSecretsOf(env)
  recordChild(child)
  return child
}

/** Runs the relay's command to its end. */
export async function runCommand(t: TestContext, options: CommandOptions): Promise<Ended> {
  const child = startCommand(t, options)
  let stdout = ''
  let stderr = ''
  child.stdout!.on('data', (chunk: Buffer) => {
    stdout += chunk.toString()
  })
  child.stderr!.on('data', (chunk: Buffer) => {
    stderr += chunk.toString()
  })
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, stdout, stderr }
}

/** What a program prints, as lines that can be awaited. */
export class Lines {
  readonly all: string[] = []
  #waiting: (() => void)[] = []
  #ended = false

  constructor(...streams: NodeJS.ReadableStream[]) {
    let open = streams.length
    for (const stream of streams) {
      const lines = createInterface({ input: stream })
      lines.on('line', (line) => {
        this.all.push(line)
        this.#wake()
      })
      lines.on('close', () => {
        open -= 1
        this.#ended = open === 0
        this.#wake()
      })
    }
  }

  /** The first line at or behind `from` that matches; rejects where the program ends without. */
  async find(pattern: RegExp, from = 0): Promise<RegExpExecArray> {
    for (let at = from; ; at += 1) {
      while (at >= this.all.length) {
        if (this.#ended) throw new Error(`The program ended without ${pattern}:\n${this.all.join('\n')}`)
        await new Promise<void>((resolve) => this.#waiting.push(resolve))
      }
      const match = pattern.exec(this.all[at]!)
      if (match !== null) return match
    }
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake()
  }
}

/** A relay in a process of its own, that listens. */
export interface RelayProcess {
  readonly child: ChildProcess
  readonly url: string
  /** All that it prints, log lines too. */
  readonly lines: Lines
  readonly exited: Promise<number | null>
}

/** Starts the relay's command, and waits until it listens. */
export async function startRelayProcess(t: TestContext, options: CommandOptions): Promise<RelayProcess> {
  const child = startCommand(t, options)
  const exited = once(child, 'exit').then(([code]) => code as number | null)
  const lines = new Lines(child.stdout!, child.stderr!)
  const [, url = ''] = await lines.find(/^voicewire-relay listens on (http:\S+)$/)
  return { child, url, lines, exited }
}
