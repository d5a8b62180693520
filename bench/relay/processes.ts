import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { availableParallelism } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

/** The relay under test has a core for itself; the load has the others. */
export const CORES = { relay: '0', load: `1-${Math.max(1, availableParallelism() - 1)}` } as const

export interface StartOptions {
  readonly core: string
  readonly env?: Readonly<Record<string, string>>
  /** Whether it yields to whatever else wants its core. */
  readonly yielding?: boolean
}

function prefix({ core, yielding = false }: StartOptions): string[] {
  return ['-c', core, ...(yielding ? ['nice', '-n', '19'] : [])]
}

const children = new Set<ChildProcess>()

/** What was started ends with the run, also where a signal ends that. */
function owned(child: ChildProcess): ChildProcess {
  children.add(child)
  child.once('exit', () => children.delete(child))
  return child
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, endAll)

function endAll(): void {
  for (const child of children) child.kill()
  process.exit(1)
}

/** Starts a program on some cores. What it says goes to standard error. */
export function start(command: readonly string[], options: StartOptions): ChildProcess {
  const child = spawn('taskset', [...prefix(options), ...command], {
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  return owned(child)
}

/** Starts a script of this folder in Node, with a channel to it. */
export function startScript(
  name: string,
  { args = [], ...options }: StartOptions & { readonly args?: readonly string[] },
): ChildProcess {
  const script = fileURLToPath(new URL(name, import.meta.url))
  const child = spawn('taskset', [...prefix(options), process.execPath, script, ...args], {
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    serialization: 'advanced',
  })
  return owned(child)
}

/** Ends a process that was started here. */
export async function stop(child: ChildProcess, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, 'exit')
  child.kill(signal)
  await exit
}

/** The one process that another has started: nginx's worker. */
export async function onlyChildOf(pid: number): Promise<number> {
  for (;;) {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
    if (children !== '') return Number(children)
    await sleep(20)
  }
}

/** @returns The CPU time that all threads of a process have used, in ms. */
export function cpuMs(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`)
  const nanoseconds = threads.map((thread) => {
    return Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ', 1)[0])
  })
  return nanoseconds.reduce((sum, each) => sum + each, 0) / 1e6
}

/** In Linux's unit for processes, whatever its own clock is. */
const TICK_MS = 10

/** @returns The time that all cores were busy since the machine began, for whomever, in ms. */
export function busyMs(): number {
  const [, user, nice, system, , , irq, softirq, steal] = readFileSync('/proc/stat', 'utf8').split(/ +/, 9)
  const ticks = [user, nice, system, irq, softirq, steal].map(Number)
  return ticks.reduce((sum, each) => sum + each, 0) * TICK_MS
}

/** @returns What a process holds in memory, in bytes. */
export function residentBytes(pid: number): number {
  const kilobytes = /^Rss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))
  return Number(kilobytes?.[1]) * 1024
}

/** A port that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
