import assert from 'node:assert/strict'
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, delimiter, dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, type TestContext, test } from 'node:test'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const FOLDERS = {
  'voicewire-relay': 'server/node',
  'voicewire-emulator': 'server/emulator',
  'voicewire-conformance': 'server/conformance',
} as const
type Name = keyof typeof FOLDERS
const NAMES = Object.keys(FOLDERS) as Name[]

const run = promisify(execFile)
const work = mkdtempSync(join(tmpdir(), 'voicewire-published-'))
/** Where the packages are installed, as a user has them. */
const app = join(work, 'app')
const env = { ...process.env, PATH: `${join(ROOT, 'node_modules/.bin')}${delimiter}${process.env['PATH']}` }

after(() => rmSync(work, { recursive: true, force: true }))

/** A checkout with nothing built in it, so that only what is built for the package can get into it. */
function checkOut(): string {
  const checkout = join(work, 'checkout')
  for (const folder of Object.values(FOLDERS)) {
    const skipped = [join(ROOT, folder, 'dist'), join(ROOT, folder, 'node_modules')]
    cpSync(join(ROOT, folder), join(checkout, folder), {
      recursive: true,
      filter: (source) => !skipped.includes(source),
    })
    const own = join(ROOT, folder, 'node_modules')
    if (existsSync(own)) symlinkSync(own, join(checkout, folder, 'node_modules'))
  }
  cpSync(join(ROOT, 'scripts'), join(checkout, 'scripts'), { recursive: true })
  cpSync(join(ROOT, 'tsconfig.base.json'), join(checkout, 'tsconfig.base.json'))
  symlinkSync(join(ROOT, 'node_modules'), join(checkout, 'node_modules'))
  return checkout
}

/** Packs a package as it would be published, and unpacks it as npm installs it. */
async function install(checkout: string, name: Name): Promise<void> {
  const folder = join(checkout, FOLDERS[name])
  await run('npm', ['pack', '--offline', '--pack-destination', work], { cwd: folder, env })
  const tarball = readdirSync(work).find((file) => file.startsWith(`${name}-`) && file.endsWith('.tgz'))
  const target = join(app, 'node_modules', name)
  mkdirSync(target, { recursive: true })
  await run('tar', ['-xzf', join(work, tarball!), '--strip-components=1', '-C', target])
  const { dependencies, optionalDependencies } = manifest(name)
  link(name, Object.keys({ ...dependencies, ...optionalDependencies }))
}

/** What a package names as its dependencies, and nothing else, can be found from it. */
function link(name: Name, dependencies: readonly string[]): void {
  for (const dependency of dependencies) {
    const path = join(app, 'node_modules', dependency)
    if (existsSync(path)) continue
    mkdirSync(dirname(path), { recursive: true })
    const places = [
      join(ROOT, FOLDERS[name], 'node_modules', dependency),
      join(ROOT, 'node_modules', dependency),
    ]
    symlinkSync(places.find((place) => existsSync(place))!, path)
  }
}

interface Manifest {
  readonly bin: Readonly<Record<string, string>>
  readonly dependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

function manifest(name: Name): Manifest {
  return JSON.parse(readFileSync(join(app, 'node_modules', name, 'package.json'), 'utf8')) as Manifest
}

/** Starts a package's command as npx does. @returns The address in its first line. */
async function start(t: TestContext, name: Name, variables: Record<string, string>): Promise<string> {
  const bin = join(app, 'node_modules', name, manifest(name).bin[name]!)
  const child: ChildProcess = spawn(process.execPath, [bin], {
    cwd: app,
    env: { PORT: '0', ...variables },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.after(() => child.kill('SIGKILL'))
  const [line] = (await once(createInterface({ input: child.stdout! }), 'line')) as [string]
  const url = new RegExp(`^${name} listens on (http:\\S+)$`).exec(line)?.[1]
  assert.ok(url, line)
  return url
}

before(async () => {
  const checkout = checkOut()
  for (const name of NAMES) await install(checkout, name)
})

test('published: a package has what runs, its types, maps with their sources, and nothing else', () => {
  for (const name of NAMES) {
    const folder = join(app, 'node_modules', name)
    const files = globSync('**', { cwd: folder, withFileTypes: true }).filter((entry) => entry.isFile())
    const paths = files.map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    const intended =
      /^(package\.json|README\.md|CHANGELOG\.md|LICENSE|bin\/[\w-]+\.mjs|dist\/[\w/-]+(\.js|\.js\.map|\.d\.ts)|(dashboards|examples)\/[\w./-]+)$/
    assert.deepEqual(
      paths.filter((path) => !intended.test(path)),
      [],
    )
    const sources = globSync('**/*.ts', { cwd: join(ROOT, FOLDERS[name], 'src') })
    assert.deepEqual(
      paths.filter((path) => path.endsWith('.js')).sort(),
      sources.map((path) => `dist/${path.replace(/ts$/, 'js')}`).sort(),
    )
    for (const path of ['README.md', 'LICENSE', 'dist/index.d.ts']) assert.ok(paths.includes(path), path)
    for (const path of paths.filter((file) => file.endsWith('.map'))) {
      const { sourcesContent } = JSON.parse(readFileSync(join(folder, path), 'utf8'))
      assert.ok(sourcesContent?.[0]?.length > 0, `${basename(path)} must hold its source`)
    }
    for (const path of paths.filter((file) => file.startsWith('dist/') && !file.endsWith('.map'))) {
      assert.doesNotMatch(
        readFileSync(join(folder, path), 'utf8'),
        /(from|import\() *['"]\.[^'"]*\.ts['"]/,
        path,
      )
    }
  }
})

test('published: the suite that judges relays runs without a dependency', async () => {
  const name = 'voicewire-conformance'
  assert.equal(manifest(name).dependencies, undefined)
  const bin = join(app, 'node_modules', name, manifest(name).bin[name]!)
  const { stdout } = await run(process.execPath, [bin, '--list'], { cwd: app, env })
  assert.match(stdout, /^handshake\/accepted /)
})

test('published: the commands run, and a client talks through one to the other', async (t) => {
  const secret = randomBytes(32).toString('hex')
  const emulator = await start(t, 'voicewire-emulator', {})
  const relay = await start(t, 'voicewire-relay', {
    OPENAI_API_KEY: `sk-${randomBytes(16).toString('hex')}`,
    OPENAI_API_URL: emulator.replace('http', 'ws'),
    ALLOWED_ORIGINS: 'https://app.example',
    TICKET_SECRET: secret,
  })
  const entry = pathToFileURL(join(app, 'node_modules/voicewire-relay/dist/index.js')).href
  const { issueTicket } = (await import(entry)) as typeof import('../server/node/src/index.ts')
  const { token } = await issueTicket({ user: 'u' }, { secret })
  const url = `${relay.replace('http', 'ws')}/v1/realtime?model=gpt-realtime`
  const socket = new WebSocket(url, ['realtime', `openai-insecure-api-key.${token}`])
  t.after(() => socket.close())
  const [message] = (await once(socket, 'message')) as [MessageEvent<string>]
  assert.equal((JSON.parse(message.data) as { type: string }).type, 'session.created')
})

const CONSUMER = `import { createServer } from 'node:http'
import {
  createFunctionEndpoint,
  createRelay,
  createTokenService,
  type FileOptions,
  issueTicket,
  type Relay,
  type RelayOptions,
} from 'voicewire-relay'
import { createEmulator, type Emulator } from 'voicewire-emulator'

const options: RelayOptions = {
  allowedOrigins: ['https://app.example'],
  authenticate: async ({ headers }) => (headers.cookie ? { user: headers.cookie } : null),
  functions: { get_time: (args, { user, signal }) => [args['zone'], user.user, signal.aborted] },
}
const relay: Relay = createRelay(options)
relay.attach(createServer(createTokenService({ ...options, tickets: { secret: 'x'.repeat(32) } })))
createFunctionEndpoint({ ...options, functions: {} })
export const emulator: Promise<Emulator> = createEmulator({ port: 0 })
export const ticket: Promise<{ token: string }> = issueTicket({ user: 'u' }, { secret: '' })
export default { openai: { url: 'wss://gateway.example' }, port: 8080 } satisfies FileOptions

// @ts-expect-error: origins are needed
createRelay({})
// @ts-expect-error: a number
createRelay({ ...options, maxConnections: '5' })
// @ts-expect-error: a user is needed
await issueTicket({}, { secret: '' })
// @ts-expect-error: arguments are unknown
createFunctionEndpoint({ ...options, functions: { f: (args) => args['a'].b } })
`

test('published: a strict project finds the types, and what is wrong does not compile', async () => {
  const compilerOptions = {
    target: 'ES2023',
    module: 'NodeNext',
    strict: true,
    exactOptionalPropertyTypes: true,
    noEmit: true,
    types: ['node'],
  }
  link('voicewire-relay', ['@types/node'])
  writeFileSync(join(app, 'package.json'), '{ "type": "module" }')
  writeFileSync(join(app, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['consumer.ts'] }))
  writeFileSync(join(app, 'consumer.ts'), CONSUMER)
  const { stdout } = await run('tsc', ['-p', app], { env }).catch((error: { stdout: string }) => error)
  assert.equal(stdout, '')
})
