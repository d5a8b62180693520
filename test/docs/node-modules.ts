import { type ChildProcess, fork, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Problem, problemIn } from './problem.ts'
import { nameOf, type Snippet } from './snippet.ts'

const RUNNER = fileURLToPath(new URL('run-module.ts', import.meta.url))
const RELAY = fileURLToPath(new URL('../../node_modules/.bin/voicewire-relay', import.meta.url))

/** Longer than any module here takes on a busy machine. */
const TIMEOUT_MS = 60_000

/** What a server of the documents finds in its environment. Keys and secrets are new, and open nothing. */
export function serverEnvironment(): Record<string, string> {
  return {
    PATH: process.env['PATH'] ?? '',
    HOST: '127.0.0.1',
    PORT: '0',
    OPENAI_API_KEY: `sk-${randomBytes(24).toString('hex')}`,
    DEEPGRAM_API_KEY: randomBytes(20).toString('hex'),
    TICKET_SECRET: randomBytes(32).toString('hex'),
    ADMIN_TOKEN: randomBytes(16).toString('hex'),
    ALLOWED_ORIGINS: 'https://app.example',
  }
}

/**
 * Runs modules for Node, each as a process: until it ends by itself, or has run and listens. A configuration file of
 * the relay is run by the relay.
 */
export async function runNodeModules(folder: string, snippets: readonly Snippet[]): Promise<Problem[]> {
  mkdirSync(folder, { recursive: true })
  const problems: Problem[] = []
  for (const snippet of snippets) {
    const { language } = snippet.block
    const file = join(folder, `${nameOf(snippet.block)}.${language === 'ts' ? 'ts' : 'mjs'}`)
    writeFileSync(file, snippet.code)
    const message = await (snippet.code.includes('FileOptions') ? runByRelay(file) : runModule(snippet, file))
    if (message !== null)
      problems.push(problemIn(snippet.block, message, lineIn(file, message) - snippet.offset))
  }
  return problems
}

/** The line of a file at which an error was thrown; 0 where the error does not say. */
function lineIn(file: string, message: string): number {
  const at = message.indexOf(`${file}:`)
  return at < 0 ? 0 : Number.parseInt(message.slice(at + file.length + 1), 10)
}

/** @returns What went wrong, or null. */
async function runModule(snippet: Snippet, file: string): Promise<string | null> {
  const env = serverEnvironment()
  const child = fork(RUNNER, [file], { env, stdio: ['ignore', 'ignore', 'pipe', 'ipc'], execArgv: [] })
  let ran: { listening: boolean } | null = null
  child.on('message', (message) => {
    ran = message as { listening: boolean }
    if (ran.listening) child.kill('SIGTERM')
  })
  const { code, signal, errors } = await end(child)
  if (ran === null) return errors || `it ended before it had run: ${code ?? signal}`
  const { listening } = ran as { listening: boolean }
  if (!listening && /\blisten\(/.test(snippet.block.code)) return 'it does not listen'
  return code === 0 || (listening && signal === 'SIGTERM')
    ? null
    : errors || `it ended with ${code ?? signal}`
}

async function runByRelay(file: string): Promise<string | null> {
  const child = spawn(RELAY, ['--config', file], {
    env: serverEnvironment(),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let listens = false
  child.stdout.on('data', (chunk: Buffer) => {
    if (!chunk.toString().includes('voicewire-relay listens on')) return
    listens = true
    child.kill('SIGTERM')
  })
  const { code, errors } = await end(child)
  return listens && code === 0 ? null : errors || `the relay ended with ${code}`
}

interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly errors: string
}

/** Waits for the end, and brings it about where it does not come. */
function end(child: ChildProcess): Promise<Ended> {
  return new Promise((resolve) => {
    let errors = ''
    child.stderr?.on('data', (chunk: Buffer) => {
      errors += chunk
    })
    const timer = setTimeout(() => {
      errors += `It did not end within ${TIMEOUT_MS} ms`
      child.kill('SIGKILL')
    }, TIMEOUT_MS)
    child.once('close', (code, signal) => {
      clearTimeout(timer)
      resolve({ code, signal, errors: errors.trim() })
    })
  })
}
