import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** `npm start`, as a new user types it. */
export interface Started {
  readonly url: string
  /** Every line that it printed until it was ready. */
  readonly lines: readonly string[]
  stop(): Promise<void>
}

/**
 * @param env Added to the environment; `PORT` is 0, so that any free port is taken, unless it is given.
 * @throws {Error} With what was printed, if it ends before it prints a URL.
 */
export async function npmStart(env: Readonly<Record<string, string>> = {}): Promise<Started> {
  const { OPENAI_API_KEY: _openai, DEEPGRAM_API_KEY: _deepgram, ...rest } = process.env
  const child = spawn('npm', ['start', '--silent'], {
    cwd: ROOT,
    env: { ...rest, PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  const ended = once(child, 'exit')
  const lines: string[] = []
  createInterface({ input: child.stderr }).on('line', (line) => lines.push(line))
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line)
    if (/^http:\/\/\S+$/.test(line)) return { url: line, lines, stop: () => stop(child, ended) }
  }
  const [code] = await ended
  throw new Error(`npm start ended with ${code}: ${lines.join('\n')}`)
}

/** Ends the whole group, as Ctrl+C in a terminal does. */
async function stop(child: ChildProcess, ended: Promise<unknown>): Promise<void> {
  if (child.pid) process.kill(-child.pid, 'SIGINT')
  await ended
}
