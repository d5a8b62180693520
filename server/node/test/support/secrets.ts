import type { ChildProcess } from 'node:child_process'
import { subscribe } from 'node:diagnostics_channel'
import { appendFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { env, pid } from 'node:process'
import type { TestContext } from 'node:test'

/** How something got out: a log line, a child's standard output or error, or bytes that a client read. */
export type OutputKind = 'log' | 'stdout' | 'stderr' | 'wire'

/** What one test process found out: everything that got out, and what must not be in it. */
export interface Recorded {
  readonly name: string
  readonly secrets: readonly string[]
  /** Secrets that were let out on purpose: whoever does not find them finds nothing. */
  readonly canaries: readonly (readonly [OutputKind, string])[]
  readonly outputs: readonly { readonly kind: OutputKind; readonly text: string }[]
}

export interface Leak {
  readonly name: string
  readonly kind: OutputKind
  readonly secret: string
}

/** Shorter ones would be found by chance. */
const LEAST_SECRET_CHARACTERS = 12
/** Of one connection: what comes in between is what a provider sent. */
const HEAD_BYTES = 256 * 1024
const TAIL_BYTES = 64 * 1024
const FLUSH_CHARACTERS = 1024 * 1024

/** Writes what relays of this process let out into a folder: one pair of files a process. */
export class OutputRecorder {
  readonly #folder: string
  readonly #secrets = new Set<string>()
  readonly #canaries: [OutputKind, string][] = []
  #lines: string[] = []
  #characters = 0

  constructor(folder: string) {
    this.#folder = folder
    mkdirSync(folder, { recursive: true })
  }

  secret(value: string | undefined): void {
    if (value !== undefined && value.length >= LEAST_SECRET_CHARACTERS) this.#secrets.add(value)
  }

  canary(kind: OutputKind, value: string): void {
    this.#canaries.push([kind, value])
  }

  output(kind: OutputKind, text: string): void {
    this.#lines.push(`${JSON.stringify({ kind, text })}\n`)
    this.#characters += text.length
    if (this.#characters >= FLUSH_CHARACTERS) this.#flush()
  }

  /** Writes all of it, at the end of the process. */
  close(): void {
    this.#flush()
    const found = { secrets: [...this.#secrets], canaries: this.#canaries }
    writeFileSync(join(this.#folder, `${pid}.secrets.json`), JSON.stringify(found))
  }

  #flush(): void {
    appendFileSync(join(this.#folder, `${pid}.output.jsonl`), this.#lines.join(''))
    this.#lines = []
    this.#characters = 0
  }
}

/** Only where the whole suite runs: `RELAY_OUTPUT` names the folder. */
const recorder = env['RELAY_OUTPUT'] ? new OutputRecorder(env['RELAY_OUTPUT']) : null
const ports = new Set<number>()
const unfinished = new Set<() => void>()

if (recorder !== null) {
  subscribe('net.client.socket', (message) => record((message as { socket: Socket }).socket))
  process.once('exit', () => {
    for (const finish of unfinished) finish()
    recorder.close()
  })
}

/** What no log line, answer or message of a relay may hold. Values under 12 characters are passed over. */
export function registerSecrets(...values: (string | undefined)[]): void {
  for (const value of values) recorder?.secret(value)
}

/** Registers what the options of a relay or a token service hold. */
export function registerSecretsOf(options: object): void {
  for (const [name, value] of Object.entries(options)) {
    if (isPlain(value)) registerSecretsOf(value)
    if (typeof value !== 'string') continue
    if (
      /^(apiKey|secret|instructions|token|.*_API_KEY|TICKET_SECRET|METRICS_TOKEN|adminToken|ADMIN_TOKEN|prompt)$/.test(
        name,
      )
    )
      registerSecrets(value)
  }
}

/** An object of options; not what lives, such as an agent or a tracer, which may hold itself. */
function isPlain(value: unknown): value is object {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
}

/** Registers a secret that is about to be let out on purpose. */
export function registerCanary(kind: OutputKind, value: string): void {
  recorder?.canary(kind, value)
}

export function recordOutput(kind: OutputKind, text: string): void {
  recorder?.output(kind, text)
}

/** Records what a child prints, beside whoever else listens. */
export function recordChild(child: ChildProcess): void {
  child.stdout?.on('data', (chunk: Buffer) => recordOutput('stdout', chunk.toString()))
  child.stderr?.on('data', (chunk: Buffer) => recordOutput('stderr', chunk.toString()))
}

/** Records all that this process reads from a relay, as long as the test lasts. */
export function recordAnswers(t: TestContext, url: string): void {
  const port = Number(new URL(url).port)
  ports.add(port)
  t.after(() => ports.delete(port)) // a provider may have it next
}

/** Listens to what a socket reads, below all that a client makes of it. */
function record(socket: Socket): void {
  let watched = false
  let head = ''
  let tail = ''
  socket.once('connect', () => {
    watched = ports.has(socket.remotePort ?? 0)
    if (watched) unfinished.add(finish)
  })
  const push = socket.push
  socket.push = (chunk: Buffer | null, ...rest: []) => {
    if (watched && chunk !== null) {
      if (head.length < HEAD_BYTES) head += chunk.toString('latin1')
      else tail = (tail + chunk.toString('latin1')).slice(-TAIL_BYTES)
    }
    return push.call(socket, chunk, ...rest)
  }
  const finish = () => {
    if (unfinished.delete(finish)) recordOutput('wire', withoutAllowed(head + tail))
  }
  socket.once('close', finish)
}

/**
 * Takes out what belongs where it is: the token in the token endpoint's answer to whom it was issued for, and the
 * ticket in a subprotocol that its own client offered alone, as a browser accepts no other answer.
 */
export function withoutAllowed(bytes: string): string {
  return bytes
    .replace(/(HTTP\/1\.1 200 OK\r\n(?:[^\r\n]+\r\n)+\r\n\{"success":true,"token":")[^"]+/g, '$1(issued)')
    .replace(
      /(HTTP\/1\.1 101 [^\r\n]+\r\n(?:[^\r\n]+\r\n)*?Sec-WebSocket-Protocol: access_token\.)\S+/g,
      '$1(own)',
    )
}

/** What all processes recorded into a folder; empty where there is none. */
export function readRecorded(folder: string): Recorded[] {
  let names: string[] = []
  try {
    names = readdirSync(folder).filter((name) => name.endsWith('.secrets.json'))
  } catch {
    // Nothing was recorded, which whoever asked must judge.
  }
  return names.map((file) => {
    const name = file.replace('.secrets.json', '')
    const { secrets, canaries } = JSON.parse(readFileSync(join(folder, file), 'utf8'))
    const lines = readFileSync(join(folder, `${name}.output.jsonl`), 'utf8')
      .split('\n')
      .filter(Boolean)
    return { name, secrets, canaries, outputs: lines.map((line) => JSON.parse(line)) }
  })
}

/** Every secret that got out, once a kind, as it is or as a URL would carry it. */
export function findLeaks({ name, secrets, outputs }: Recorded): Leak[] {
  const leaks: Leak[] = []
  for (const kind of new Set(outputs.map((output) => output.kind))) {
    const all = outputs.filter((output) => output.kind === kind).map(({ text }) => text)
    const text = all.join('\n')
    for (const secret of secrets) {
      if (text.includes(secret) || text.includes(encodeURIComponent(secret)))
        leaks.push({ name, kind, secret })
    }
  }
  return leaks
}
