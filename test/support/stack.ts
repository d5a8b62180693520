import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import { pino } from 'pino'
import { createEmulator, type Emulator, type EmulatorOptions } from '../../server/emulator/src/index.ts'
import { createRelay, type Relay } from '../../server/node/src/index.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
}

/** A page of the test, from `test/e2e/pages`, and the built package under `/dist/`. */
function pageFile(path: string): string {
  const folder = path.startsWith('/dist/') ? ROOT : join(ROOT, 'test/e2e/pages')
  return join(folder, normalize(path))
}

function respond(
  response: ServerResponse,
  { pathname, body, csp }: { pathname: string; body: string | Buffer; csp: string },
): void {
  const type = TYPES[extname(pathname)] ?? 'application/octet-stream'
  response.writeHead(200, {
    'content-type': type,
    'content-security-policy': csp,
    'cache-control': 'no-store',
  })
  response.end(body)
}

function servePage(pathname: string, response: ServerResponse, csp: string): void {
  try {
    const body =
      pathname === '/capture-tapped.js'
        ? `${readFileSync(pageFile('/capture-tap.js'), 'utf8')}\n${readFileSync(pageFile('/dist/worklets/capture.js'), 'utf8')}`
        : readFileSync(pageFile(pathname))
    respond(response, { pathname, body, csp })
  } catch {
    // A browser asks for what the test does not have, such as a favicon.
    response.writeHead(404).end()
  }
}

/** Emulator, relay and page server on free ports of this machine. */
export interface Stack {
  /** The page server, which is also the relay: `http://127.0.0.1:port`. */
  readonly url: string
  readonly emulator: Emulator
  readonly relay: Relay
  /** The keys that the emulator takes; only the relay knows them. */
  readonly keys: { readonly openai: string; readonly deepgram: string }
  /** The paths of all files that were asked for. */
  readonly requests: readonly string[]
  close(): Promise<void>
}

export interface StackOptions {
  readonly emulator?: EmulatorOptions
  /** The pages' Content-Security-Policy, which may name the `host` (`127.0.0.1:port`); default: a strict one. */
  readonly csp?: string | ((host: string) => string)
  /** Further files by path; their names say what they are. */
  readonly files?: Readonly<Record<string, string>>
  /** Paths of files that are not there. */
  readonly missing?: RegExp
}

/** Starts everything that a conversation needs; the keys and the secret are made for this one stack. */
export async function startStack({
  emulator: options = {},
  csp,
  missing,
  files = {},
}: StackOptions = {}): Promise<Stack> {
  const openaiKey = `sk-${randomBytes(24).toString('hex')}`
  const deepgramKey = randomBytes(20).toString('hex')
  const emulator = await createEmulator({
    port: 0,
    apiKeys: { openai: [openaiKey], deepgram: [deepgramKey] },
    ...options,
  })
  const upstream = emulator.url.replace(/^http/, 'ws')
  let policy = "default-src 'self'; img-src 'self' data:; connect-src 'self' ws:"
  const requests: string[] = []
  const server = createServer((request: IncomingMessage, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost')
    requests.push(pathname)
    const own = files[pathname]
    if (own !== undefined) respond(response, { pathname, body: own, csp: policy })
    else if (missing?.test(pathname)) response.writeHead(404).end()
    else servePage(pathname, response, policy)
  })
  const origin = await listen(server)
  if (csp !== undefined) policy = typeof csp === 'string' ? csp : csp(new URL(origin).host)
  const relay = createRelay({
    openai: { apiKey: openaiKey, url: upstream },
    deepgram: { apiKey: deepgramKey, url: upstream, agentUrl: upstream },
    allowedOrigins: [origin],
    tickets: { secret: randomBytes(32).toString('hex') },
    production: false,
    logger: pino({ level: 'silent' }),
  })
  relay.attach(server)
  return {
    url: origin,
    emulator,
    relay,
    requests,
    keys: { openai: openaiKey, deepgram: deepgramKey },
    async close() {
      await relay.close()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await emulator.close()
    },
  }
}

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
