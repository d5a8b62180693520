/**
 * The demo on one port: the pages, the relay, and behind it the emulator, or the provider itself where its key
 * is in the environment.
 */
import { randomBytes } from 'node:crypto'
import { createReadStream, existsSync, readFileSync, statSync } from 'node:fs'
import { createServer } from 'node:http'
import { extname, join, normalize } from 'node:path'
import { build } from '../scripts/build.mjs'
import { BUILT, DEMOS, isBuilt } from '../scripts/demos.mjs'
import { fail, ROOT } from '../scripts/environment.mjs'

const { OPENAI_API_KEY, DEEPGRAM_API_KEY, HOST = '127.0.0.1', PORT = '8000' } = process.env

const TYPES = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.map': 'application/json',
  '.svg': 'image/svg+xml',
}

/** What a strict page sends: everything works under it. */
const HEADERS = {
  'Content-Security-Policy':
    "default-src 'self'; connect-src 'self' ws: wss:; base-uri 'self'; form-action 'self'; frame-ancestors 'none'; object-src 'none'",
  'Permissions-Policy':
    'microphone=(self), speaker-selection=(self), screen-wake-lock=(self), autoplay=(self), camera=(), display-capture=(), geolocation=()',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'X-Content-Type-Options': 'nosniff',
  'Cache-Control': 'no-cache',
}

/** @returns The file behind a path: of the package, of an app in a framework, or of this folder. */
function fileAt(pathname) {
  const path = normalize(pathname.endsWith('/') ? `${pathname}index.html` : pathname)
  if (path.startsWith('/dist/')) return join(ROOT, path)
  return join(path.split('/')[1] in DEMOS ? BUILT : join(ROOT, 'demo'), path)
}

/** The first page, with links to those apps that `npm run demos` has built. */
function firstPage() {
  const page = readFileSync(join(ROOT, 'demo/index.html'), 'utf8')
  const links = Object.entries(DEMOS)
    .filter(([name]) => isBuilt(name))
    .map(([name, title]) => `<a href="${name}/">${title}</a>`)
  return page.replace('<!-- apps -->', links.length > 0 ? `<p>As an app in ${links.join(', ')}.</p>` : '')
}

function serveFile(request, response) {
  const { pathname } = new URL(request.url ?? '/', 'http://localhost')
  if (pathname === '/') {
    response.writeHead(200, { ...HEADERS, 'Content-Type': TYPES['.html'] }).end(firstPage())
    return
  }
  const file = fileAt(pathname)
  const type = TYPES[extname(file)]
  if (!type || !existsSync(file) || !statSync(file).isFile()) {
    response.writeHead(404, { ...HEADERS, 'Content-Type': 'text/plain' }).end('There is nothing here\n')
    return
  }
  response.writeHead(200, { ...HEADERS, 'Content-Type': type })
  createReadStream(file).pipe(response)
}

/** @returns A promise of the port that the server really has. */
function listen(server, port) {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, HOST, () => resolve(server.address().port))
  })
}

function checkPort() {
  const port = Number(PORT)
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port
  return fail(`PORT must be a whole number from 0 to 65535: current value is ${PORT}`)
}

const asked = checkPort()
const server = createServer(serveFile)
const port = await listen(server, asked).catch((error) => {
  if (error.code === 'EADDRINUSE') fail(`port ${PORT} is in use: choose another, such as PORT=8001 npm start`)
  if (error.code === 'EACCES')
    fail(`port ${PORT} may not be used: choose one above 1023, such as PORT=8001 npm start`)
  fail(`cannot listen on ${HOST}:${PORT}: ${error.message}`)
})
await build()
const { createEmulator } = await import('voicewire-emulator')
const { createRelay } = await import('voicewire-relay')
const emulator =
  OPENAI_API_KEY && DEEPGRAM_API_KEY ? null : await createEmulator({ host: '127.0.0.1', port: 0 })
const emulated = emulator?.url.replace(/^http/, 'ws')
const openai = OPENAI_API_KEY
  ? { apiKey: OPENAI_API_KEY, url: process.env.OPENAI_API_URL }
  : { apiKey: `sk-${randomBytes(24).toString('hex')}`, url: emulated }
const deepgram = DEEPGRAM_API_KEY
  ? { apiKey: DEEPGRAM_API_KEY, url: process.env.DEEPGRAM_API_URL, agentUrl: process.env.DEEPGRAM_AGENT_URL }
  : { apiKey: randomBytes(20).toString('hex'), url: emulated, agentUrl: emulated }
const given = (options) => Object.fromEntries(Object.entries(options).filter(([, value]) => value))
const { pino } = await import('pino')
const relay = createRelay({
  openai: given(openai),
  deepgram: given(deepgram),
  allowedOrigins: [`http://localhost:${port}`, `http://127.0.0.1:${port}`],
  tickets: { secret: randomBytes(32).toString('hex') },
  logger: pino({ level: 'warn' }),
})
relay.attach(server)

async function stop() {
  server.close()
  await relay.close()
  server.closeAllConnections()
  await emulator?.close()
  process.exit(0)
}
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, stop)

console.log(
  `OpenAI Realtime: ${OPENAI_API_KEY ? 'the provider, with your key' : 'the emulator on this machine'}`,
)
console.log(
  `Deepgram Agent: ${DEEPGRAM_API_KEY ? 'the provider, with your key' : 'the emulator on this machine'}`,
)
console.log('Open this page and press Start; Ctrl+C ends it:')
console.log(`http://${HOST === '0.0.0.0' ? 'localhost' : HOST}:${port}/`)
