import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { TestContext } from 'node:test'
import type { RedisOptions } from '../../src/index.ts'
import { freePort } from './ports.ts'

/** A Redis of its own for one test, which keeps nothing on disk and can be ended, held up and started again. */
export class RedisServer {
  readonly port: number
  readonly password: string | null
  readonly #folder: string
  #process: ChildProcess | null = null

  /** Starts a server on a free port, or only finds the port. */
  static async start(
    t: TestContext,
    {
      running = true,
      password = null,
    }: { readonly running?: boolean; readonly password?: string | null } = {},
  ): Promise<RedisServer> {
    const folder = await mkdtemp(join(tmpdir(), 'voicewire-redis-'))
    const server = new RedisServer(await freePort(), folder, password)
    t.after(async () => {
      await server.kill()
      await rm(folder, { recursive: true })
    })
    if (running) await server.start()
    return server
  }

  private constructor(port: number, folder: string, password: string | null) {
    this.port = port
    this.#folder = folder
    this.password = password
  }

  get url(): string {
    return `redis://${this.password === null ? '' : `:${this.password}@`}127.0.0.1:${this.port}`
  }

  /** Resolves when connections are taken. */
  async start(): Promise<void> {
    const args = ['--port', String(this.port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no']
    if (this.password !== null) args.push('--requirepass', this.password)
    const child = spawn('redis-server', args, { cwd: this.#folder, stdio: ['ignore', 'pipe', 'inherit'] })
    this.#process = child
    for await (const line of createInterface({ input: child.stdout! })) {
      if (line.includes('Ready to accept connections')) break
    }
    child.stdout!.resume()
  }

  /** Ends the server as a failing machine does; all its data is gone. */
  async kill(): Promise<void> {
    const child = this.#process
    if (child === null) return
    this.#process = null
    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    await exited
  }

  /** From now on it takes connections and answers nothing. */
  pause(): void {
    this.#process!.kill('SIGSTOP')
  }

  /** It answers again. */
  resume(): void {
    this.#process!.kill('SIGCONT')
  }
}

/** Options for one test: keys of its own, and patience, as other tests run on the same machine. */
export function redisOptions(server: RedisServer, more: Partial<RedisOptions> = {}): RedisOptions {
  return { url: server.url, prefix: `${randomUUID()}:`, timeoutMs: 5000, ...more }
}

/** Calls `ask` again and again until it is as it should be: where nothing tells of the change. */
export async function until(ask: () => Promise<boolean>): Promise<void> {
  while (!(await ask())) await new Promise((resolve) => setTimeout(resolve, 20))
}
