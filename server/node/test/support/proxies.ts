import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Lines, temporaryFolder } from './commands.ts'
import { freePort } from './ports.ts'

const EXAMPLES = fileURLToPath(new URL('../../examples', import.meta.url))
/** Debian has these programs where a user who is not root does not look. */
const env = { PATH: `${process.env['PATH']}:/usr/sbin:/usr/local/sbin` }

export type ProxyName = 'haproxy' | 'nginx'

/** A proxy with the example's configuration, in front of two relays. */
export interface RelayProxy {
  /** Of the secure listener. */
  readonly url: string
  readonly plainUrl: string
  /** The certificate to believe. */
  readonly ca: string
  /** What it prints. */
  readonly lines: Lines
  /** Ends it without cutting off requests. @returns All that it has logged. */
  readonly stop: () => Promise<string>
}

/** What differs from the example: addresses, ports and paths. Each text must be there. */
type Replacements = readonly (readonly [text: string, replacement: string])[]

/** Starts a proxy with its example, on free ports; the program itself has to find nothing wrong with that. */
export async function startProxy(
  t: TestContext,
  name: ProxyName,
  relays: readonly string[],
): Promise<RelayProxy> {
  const folder = temporaryFolder(t)
  const ports = { plain: await freePort(), secure: await freePort() }
  const ca = certificate(folder)
  const [one, two] = relays.map((url) => new URL(url).host)
  const places = { folder, one: one!, two: two!, ...ports }
  const file = join(folder, name === 'haproxy' ? 'haproxy.cfg' : 'nginx.conf')
  const example = readFileSync(join(EXAMPLES, name === 'haproxy' ? 'haproxy.cfg' : 'nginx.conf'), 'utf8')
  writeFileSync(file, replaced(example, name === 'haproxy' ? ofHAProxy(places) : ofNginx(places)))
  const { check, serve } = COMMANDS[name](file)
  execFileSync(name, check, { env, stdio: 'pipe' }) // throws where it exits with anything but 0
  const child = spawn(name, serve, { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const exited = once(child, 'exit')
  t.after(() => end(child, 'SIGTERM', exited))
  const lines = new Lines(child.stdout, child.stderr)
  for (const port of Object.values(ports)) await listening(port, child)
  return {
    url: `https://127.0.0.1:${ports.secure}`,
    plainUrl: `http://127.0.0.1:${ports.plain}`,
    ca,
    lines,
    stop: async () => {
      await end(child, name === 'haproxy' ? 'SIGUSR1' : 'SIGQUIT', exited)
      const logs = name === 'haproxy' ? [] : ['access.log', 'error.log']
      return [...lines.all, ...logs.map((log) => readFileSync(join(folder, log), 'utf8'))].join('\n')
    },
  }
}

const COMMANDS = {
  haproxy: (file: string) => ({ check: ['-c', '-f', file], serve: ['-db', '-f', file] }),
  nginx: (file: string) => ({
    check: ['-t', '-q', '-c', file, '-e', '/dev/null'],
    serve: ['-c', file, '-e', '/dev/null', '-g', 'daemon off;'],
  }),
} satisfies Record<ProxyName, (file: string) => { check: string[]; serve: string[] }>

interface Places {
  readonly folder: string
  readonly one: string
  readonly two: string
  readonly plain: number
  readonly secure: number
}

function ofHAProxy({ folder, one, two, plain, secure }: Places): Replacements {
  return [
    ['bind :80\n', `bind 127.0.0.1:${plain}\n`],
    ['bind :443 ', `bind 127.0.0.1:${secure} `],
    ['/etc/haproxy/certs/app.example.pem', join(folder, 'both.pem')],
    ['127.0.0.1:8081', one],
    ['127.0.0.1:8082', two],
    ['maxconn 100000', 'maxconn 1000'], // as many as whoever is not root may open
  ]
}

function ofNginx({ folder, one, two, plain, secure }: Places): Replacements {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((kind) => `${kind}_temp_path ${join(folder, kind)};`)
    .join(' ')
  return [
    ['listen 80;', `listen 127.0.0.1:${plain};`],
    ['listen 443 ssl;', `listen 127.0.0.1:${secure} ssl;`],
    ['/etc/nginx/certs/app.example.crt', join(folder, 'certificate.pem')],
    ['/etc/nginx/certs/app.example.key', join(folder, 'key.pem')],
    ['/run/nginx.pid', join(folder, 'nginx.pid')],
    ['/var/log/nginx/access.log', join(folder, 'access.log')],
    ['/var/log/nginx/error.log', join(folder, 'error.log')],
    ['http {', `http { ${temporary}`], // whoever is not root may not use its own
    ['127.0.0.1:8081', one],
    ['127.0.0.1:8082', two],
    ['worker_connections 16384', 'worker_connections 400'], // as many as whoever is not root may open
  ]
}

/** @throws {AssertionError} Where a text is not there exactly once. */
export function replaced(text: string, replacements: Replacements): string {
  return replacements.reduce((result, [from, to]) => {
    assert.equal(result.split(from).length, 2, `${from} must be in the example once`)
    return result.replace(from, () => to)
  }, text)
}

/** Writes a key and a certificate for the loopback, apart and as `both.pem`. @returns The certificate. */
export function certificate(folder: string): string {
  const [key, path] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')]
  const ecdsa = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const names = ['-subj', '/CN=app.example', '-addext', 'subjectAltName=IP:127.0.0.1']
  execFileSync('openssl', ['req', '-x509', ...ecdsa, '-days', '2', ...names, '-keyout', key, '-out', path], {
    stdio: 'pipe',
  })
  const text = readFileSync(path, 'utf8')
  writeFileSync(join(folder, 'both.pem'), text + readFileSync(key, 'utf8'), { mode: 0o600 })
  return text
}

/** Waits until a port takes connections, for programs that have no other sign. */
export async function listening(port: number, child: ChildProcess): Promise<void> {
  while (child.exitCode === null) {
    const socket = connect(port, '127.0.0.1')
    const connected = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true))
      socket.once('error', () => setTimeout(resolve, 20, false))
    })
    socket.destroy()
    if (connected) return
  }
  throw new Error(`The proxy ended with ${child.exitCode}`)
}

async function end(child: ChildProcess, signal: NodeJS.Signals, exited: Promise<unknown>): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) child.kill(signal)
  await exited
}
