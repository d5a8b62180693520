import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { delimiter, dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { ELSEWHERE, isShown } from './commands.ts'
import { serverEnvironment } from './node-modules.ts'
import { type Problem, problemIn } from './problem.ts'
import { nameOf, type Snippet } from './snippet.ts'

/** Longer than any command here takes on a busy machine. */
const TIMEOUT_MS = 60_000

/** What a server prints when it listens. */
const READY = /\bon http:\/\/|Listening on TCP address/

/** What no command may print, though it ends well: pip knows no such extra. */
const WARNING = /^WARNING: .* does not provide the extra .*$/m

/** A port of this machine that a command names: others run here too, so it gets a free one. */
const PORT = /(--(?:upstream-)?port[ =]|-p |PORT=|(?:127\.0\.0\.1|localhost):)(\d{4,5})\b/g

/** A value that the reader has: the one of the environment. */
const OWN_VALUE = /\b[A-Z_]+=…\s+/g

export interface ShellOptions {
  readonly root: string
  /** Where each block gets a folder of its own. */
  readonly folder: string
  /** A project in which the packages are installed; its `node_modules` is there in each folder. */
  readonly project: string
  /** Added to the environment. */
  readonly env: Readonly<Record<string, string>>
  /** The programs of an environment of Python, by what a block needs; null: it is not there. */
  readonly pythonFor: (snippet: Snippet) => string | null
  /** Files that blocks of a document are, by their paths. */
  readonly filesOf: (document: string) => Readonly<Record<string, string>>
}

/** One command of a block. */
export interface Command {
  /** Without what a comment says, on one line where it stands on several. */
  readonly text: string
  /** In the block, from 1. */
  readonly line: number
}

/** As many blocks as run at once on the smallest machines. */
const CONCURRENCY = 2

/**
 * Runs the commands of blocks, one after the other, each block in a folder of its own. Blocks that are the same are
 * run once.
 */
export async function runShell(snippets: readonly Snippet[], options: ShellOptions): Promise<Problem[]> {
  const bySame = Map.groupBy(snippets, ({ code }) => code)
  const waiting = [...bySame.values()]
  const problems: Problem[] = []
  const work = async () => {
    for (let same = waiting.shift(); same; same = waiting.shift()) {
      const [first, ...others] = same
      const found = await runBlock(first!, options)
      const line = first!.block.line
      problems.push(...found)
      for (const { block } of others) {
        problems.push(...found.map((one) => problemIn(block, one.message, one.line - line)))
      }
    }
  }
  await Promise.all(Array.from({ length: CONCURRENCY }, work))
  return problems
}

/** Takes a script apart into commands that the shell can run alone. @throws {SyntaxError} Where it cannot be read. */
export function commandsOf(code: string): Command[] {
  const commands: Command[] = []
  let pending = ''
  let from = 0
  code.split('\n').forEach((line, index) => {
    if (pending === '') from = index + 1
    pending = pending === '' ? line : `${pending}\n${line}`
    if (line.endsWith('\\') || spawnSync('bash', ['-n'], { input: pending }).status !== 0) return
    const text = pending.replace(/\\\n\s*/g, '').replace(/(^|\s)#\s.*$/gm, '')
    if (text.trim() !== '') commands.push({ text: text.trim(), line: from })
    pending = ''
  })
  if (pending.trim() !== '') throw new SyntaxError(`the shell cannot read "${pending.trim()}"`)
  return commands
}

async function runBlock(snippet: Snippet, options: ShellOptions): Promise<Problem[]> {
  const { block, offset } = snippet
  const tell = (message: string, line: number) => [problemIn(block, message, line - offset)]
  let commands: Command[]
  try {
    commands = commandsOf(snippet.code)
  } catch (error) {
    return tell((error as Error).message, 0)
  }
  const here = commands.filter(({ text }) => !(text in ELSEWHERE))
  for (const { text, line } of commands) {
    const elsewhere = ELSEWHERE[text]
    if (elsewhere && !isShown(options.root, elsewhere)) {
      return tell(`"${text}" is not run by ${elsewhere.file}, as the table of commands has it`, line)
    }
  }
  if (here.length === 0) return []
  const python = options.pythonFor(snippet)
  if (python === null) return []
  const folder = await layOut(snippet, options)
  const ports = await freePorts(here)
  const env = environmentOf(options, folder, python)
  const started: ChildProcess[] = []
  let printed = ''
  try {
    for (const { text, line } of here) {
      const asked = text.replace(OWN_VALUE, '').replace(PORT, (_, before, port) => before + ports.get(port))
      const { child, output, ok } = await runCommand(asked, folder, env)
      started.push(child)
      printed += output
      const warning = WARNING.exec(output)?.[0]
      if (!ok || warning) return tell(`"${text}" failed: ${warning ?? lastLines(output)}`, line)
    }
    const missing = snippet.prints.find((text) => !printed.includes(text))
    return missing === undefined ? [] : tell(`it does not print "${missing}" but ${lastLines(printed)}`, 0)
  } finally {
    await Promise.all(started.map(endGroup))
  }
}

async function layOut({ block, files, code }: Snippet, options: ShellOptions): Promise<string> {
  const folder = join(options.folder, nameOf(block))
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }')
  if (!code.includes('npm install'))
    symlinkSync(join(options.project, 'node_modules'), join(folder, 'node_modules'))
  for (const [path, text] of Object.entries({ ...options.filesOf(block.document), ...files })) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text, { mode: text.startsWith('#!') ? 0o755 : 0o644 })
  }
  return folder
}

function environmentOf({ env, root }: ShellOptions, folder: string, python: string): Record<string, string> {
  const given = { ...serverEnvironment(), ...env }
  // A reader has no commands of this repository, but those of the packages that are installed.
  const path = (given['PATH'] ?? '').split(delimiter).filter((place) => !place.startsWith(root))
  return {
    ...given,
    PATH: [python, dirname(process.execPath), ...path, '/usr/sbin', '/usr/local/sbin']
      .filter(Boolean)
      .join(delimiter),
    HOME: folder,
    REPOSITORY: root,
    STATE: join(folder, '.state'),
    UVICORN_PORT: '0',
    PIP_NO_INDEX: '1',
    PIP_DISABLE_PIP_VERSION_CHECK: '1',
    PIP_ROOT_USER_ACTION: 'ignore',
    PYTHONUNBUFFERED: '1',
    npm_config_update_notifier: 'false',
  }
}

async function freePorts(commands: readonly Command[]): Promise<Map<string, number>> {
  const named = new Set(
    commands.flatMap(({ text }) => [...text.matchAll(PORT)].map(([, , port = '']) => port)),
  )
  const servers = [...named].map((port) => ({ port, server: createServer() }))
  const ports = new Map<string, number>()
  for (const { port, server } of servers) {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    ports.set(port, (server.address() as AddressInfo).port)
  }
  await Promise.all(servers.map(({ server }) => new Promise((resolve) => server.close(resolve))))
  return ports
}

interface Ran {
  readonly child: ChildProcess
  readonly output: string
  readonly ok: boolean
}

/**
 * Runs a command as the next line that a user types: in the folder and with the variables that the one before left.
 * A server is left running as soon as it listens.
 */
function runCommand(command: string, cwd: string, env: Readonly<Record<string, string>>): Promise<Ran> {
  const inBackground = /&$/.test(command)
  const script = `[ -f "$STATE" ] && . "$STATE"\n${command}\n__code=$?; { export -p; printf 'cd %q\\n' "$PWD"; } >"$STATE"; exit $__code`
  // A group of its own, so that what it starts ends with it.
  const child = spawn('bash', ['-c', script], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  if (child.pid !== undefined) groups.add(child.pid)
  return new Promise((resolve) => {
    let output = ''
    const done = (ok: boolean) => {
      clearTimeout(timer)
      resolve({ child, output, ok })
    }
    const timer = setTimeout(() => {
      output += `\nIt did not end within ${TIMEOUT_MS} ms`
      done(false)
    }, TIMEOUT_MS)
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        output += chunk
        if (READY.test(output)) done(true)
      })
    }
    child.once('error', () => done(false))
    child.once(inBackground ? 'close' : 'exit', (code) => done(code === 0 && !inBackground))
  })
}

/** Groups that run; they end with this process, where a test ends without having ended them. */
const groups = new Set<number>()
process.once('exit', () => {
  for (const pid of groups) signalGroup(pid, 'SIGKILL')
})

/** @returns Whether there is anybody in the group. */
function signalGroup(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-pid, signal)
  } catch {
    return false // there is nobody left
  }
}

/** Ends a command and all that it started. */
async function endGroup({ pid }: ChildProcess): Promise<void> {
  if (pid === undefined) return
  groups.delete(pid)
  if (!signalGroup(pid, 'SIGTERM')) return
  // Only its first process is this one's child, so the end of the others has to be asked for.
  for (let tries = 0; tries < 100 && signalGroup(pid, 0); tries++) await delay(50)
  signalGroup(pid, 'SIGKILL')
}

function lastLines(output: string): string {
  return output.trim().split('\n').slice(-3).join(' / ') || 'it printed nothing'
}
