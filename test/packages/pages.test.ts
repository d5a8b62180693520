import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { cpSync, existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { after, before, type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { type Browser, chromium, type Page } from 'playwright'
import { PROJECT } from '../../scripts/published.mjs'
import type { EmulatorConnection } from '../../server/emulator/src/index.ts'
import type { TranscriptEntry } from '../../src/index.ts'
import { chromiumOptions } from '../support/chromium.mjs'
import { type Stack, type StackOptions, startStack } from '../support/stack.ts'
import { watchedPage } from '../support/watched-page.ts'

const run = promisify(execFile)
const PACKAGE = join(PROJECT, 'node_modules/voicewire')

/** All that a page may be asked for: no inline script or style, no `blob:`, no `data:`. */
const STRICT = (host: string): string => `default-src 'self'; connect-src 'self' ws://${host}`

/** A tool that makes a page of a folder's main.js, by its own defaults. */
interface Tool {
  /** Its command, and the arguments that make `main.js` a page's script in the folder `dist`. */
  readonly build: readonly [string, ...string[]]
  /** Where the script then is; undefined where the tool writes the page too. */
  readonly script?: string
  /** Whether it leaves the worklets behind, which are then put beside the script. */
  readonly copies?: boolean
}

/** What docs/bundlers.md says of each. */
const TOOLS: Readonly<Record<string, Tool>> = {
  Vite: { build: ['vite', 'build', '--base=./', '--assetsInlineLimit=0', '--logLevel=error'] },
  webpack: {
    build: ['webpack', '--entry=./main.js', '--mode=production', '--output-path=dist'],
    script: 'main.js',
  },
  Rollup: {
    build: ['rollup', 'main.js', '--dir=dist', '--plugin=node-resolve', '--silent'],
    script: 'main.js',
    copies: true,
  },
  esbuild: {
    build: [
      'esbuild',
      'main.js',
      '--bundle',
      '--minify',
      '--format=esm',
      '--splitting',
      '--outdir=dist',
      '--log-level=warning',
    ],
    script: 'main.js',
    copies: true,
  },
}

let browser: Browser

before(async () => {
  assert.ok(existsSync(PACKAGE), 'the packages are not installed: npm test -- packages')
  browser = await chromium.launch(chromiumOptions())
})
after(() => browser.close())

/** Builds a folder of the project with a tool. @returns The folder with what it made. */
async function buildWith(name: string, { build, script, copies }: Tool, page: string): Promise<string> {
  const folder = join(PROJECT, `${page}-${name}`)
  rmSync(folder, { recursive: true, force: true })
  cpSync(join(PROJECT, page), folder, { recursive: true })
  const [command, ...args] = build
  const { stderr } = await run(join(PROJECT, 'node_modules/.bin', command), args, { cwd: folder })
  assert.equal(stderr, '', `${name} has nothing to say`)
  const made = join(folder, 'dist')
  if (script) {
    const html = readFileSync(join(folder, 'index.html'), 'utf8')
    writeFileSync(join(made, 'index.html'), html.replace('./main.js', `./${script}`))
  }
  if (copies) cpSync(join(PACKAGE, 'dist/worklets'), join(made, 'worklets'), { recursive: true })
  return made
}

/** Serves what is in a folder, in a folder of the server's. */
function filesOf(folder: string): Record<string, string> {
  const paths = globSync('**/*.{html,js}', { cwd: folder })
  return Object.fromEntries(paths.map((path) => [`/page/${path}`, readFileSync(join(folder, path), 'utf8')]))
}

/** What `report()` of `agent.js` gives. */
interface Status {
  readonly state: string
  readonly transcript: readonly TranscriptEntry[]
  readonly loudestInput: number
  readonly loudestOutput: number
  readonly violations: readonly string[]
  readonly errors: readonly unknown[]
}

/** The page's policy forbids the evaluation that Playwright's waits need, so it is asked. */
async function until<T>(what: string, ask: () => T | Promise<T>, fits: (value: T) => boolean): Promise<T> {
  for (const end = Date.now() + 30_000; ; await delay(20)) {
    const value = await ask()
    if (fits(value)) return value
    assert.ok(Date.now() < end, `${what} did not come: ${JSON.stringify(value)}`)
  }
}

const status = (page: Page): Promise<Status> => page.evaluate('report()')

interface Opened {
  readonly page: Page
  readonly stack: Stack
  readonly problems: string[]
}

/** Opens a page on a stack of its own; default: the one that the stack serves. */
async function open(
  t: TestContext,
  options: StackOptions,
  urlOf: (stack: Stack) => string | Promise<string> = ({ url }) => `${url}/page/index.html`,
): Promise<Opened> {
  const stack = await startStack(options)
  t.after(() => stack.close())
  const url = await urlOf(stack)
  const { page, problems } = await watchedPage(browser)
  t.after(() => page.close())
  await page.goto(url)
  return { page, stack, problems }
}

/** The agent greets, hears the user, and ends. */
async function converse({ page, stack }: Opened): Promise<void> {
  const connected = stack.emulator.once('connection') as Promise<EmulatorConnection>
  // The fake microphone never pauses, which would cut the agent off: it is heard on its own.
  await page.evaluate('agent.muted = true')
  await page.getByRole('button', { name: 'Gespräch beginnen' }).click()
  const connection = await connected
  await until(
    'the greeting',
    () => status(page),
    ({ transcript, loudestOutput }) =>
      loudestOutput > 0.01 &&
      transcript.some(({ role, text }) => role === 'assistant' && /welcome/.test(text)),
  )
  // It plays recorded speech, which the emulator notices by its sound.
  await page.evaluate('agent.muted = false')
  await until(
    'the user’s voice',
    () => status(page),
    ({ transcript, loudestInput }) => loudestInput > 0.01 && transcript.some(({ role }) => role === 'user'),
  )
  assert.equal(connection.closed, null)
  await page.getByRole('button', { name: 'Beenden' }).click()
  await until('the end at the provider', () => connection.closed, Boolean)
  const { violations, errors } = await until(
    'the end',
    () => status(page),
    ({ state }) => state === 'closed',
  )
  assert.deepEqual({ violations, errors }, { violations: [], errors: [] })
}

/** The class does the same without the element. */
async function converseWithCore({ page }: Opened): Promise<void> {
  const output = page.locator('output')
  const becomes = (state: string) =>
    until(
      state,
      () => output.textContent(),
      (text) => text === state,
    )
  const core = page.getByRole('button', { name: 'Core' })
  await core.click()
  await becomes('open')
  await core.click()
  await becomes('closed')
}

/** What a page loads at once by a script: the script and all that it imports. */
function loadedWith(path: string, known = new Set<string>()): string[] {
  if (known.has(path)) return []
  known.add(path)
  const text = readFileSync(path, 'utf8')
  const imported = [...text.matchAll(/(?:from|import) *["']\.\/([^"']+)["']/g)].map(([, file]) => file!)
  return [text, ...imported.flatMap((file) => loadedWith(join(dirname(path), file), known))]
}

/**
 * More characters than one function and what a tool puts into every page, and far fewer than the core. esbuild keeps
 * the imports of chunks that it has emptied, and with them the errors.
 */
const ONE_FUNCTION = 8000

for (const [name, tool] of Object.entries(TOOLS)) {
  test(`packages: ${name} makes a page that talks under a strict policy`, { timeout: 90_000 }, async (t) => {
    const files = filesOf(await buildWith(name, tool, 'conversation'))
    const opened = await open(t, { csp: STRICT, files })
    await converse(opened)
    await converseWithCore(opened)
    assert.deepEqual(opened.problems, [])
  })

  test(`packages: ${name} leaves out what is not used`, async () => {
    const made = await buildWith(name, tool, 'one')
    const [entry] = globSync('{main,assets/index*}.js', { cwd: made })
    const text = loadedWith(join(made, entry!)).join('\n')
    assert.match(text, /WEBVTT/)
    for (const unused of ['new WebSocket', 'customElements', 'AudioContext', 'session.update']) {
      assert.ok(!text.includes(unused), `${unused} is in what a page loads`)
    }
    assert.ok(text.length < ONE_FUNCTION, `a page loads ${text.length} characters`)
  })
}

test('packages: a script tag and the files of the package are a page that talks', {
  timeout: 90_000,
}, async (t) => {
  const html = readFileSync(join(PROJECT, 'conversation/index.html'), 'utf8')
  const dist = filesOf(join(PACKAGE, 'dist'))
  const files = { ...dist, '/page/index.html': html.replace('./main.js', './voice-agent.js') }
  const opened = await open(t, { csp: STRICT, files })
  await converse(opened)
  assert.deepEqual(opened.problems, [])
})

test('packages: esbuild makes one file, whose worklets come as strings', { timeout: 90_000 }, async (t) => {
  const folder = join(PROJECT, 'conversation-one-file')
  cpSync(join(PROJECT, 'conversation'), folder, { recursive: true })
  mkdirSync(join(folder, 'dist'), { recursive: true })
  const args = ['main.js', '--bundle', '--outfile=dist/main.js', '--log-level=error']
  await run(join(PROJECT, 'node_modules/.bin/esbuild'), args, { cwd: folder })
  const html = readFileSync(join(folder, 'index.html'), 'utf8')
  writeFileSync(join(folder, 'dist/index.html'), html)
  const csp = (host: string): string => `${STRICT(host)}; script-src 'self' blob:`
  const opened = await open(t, { csp, files: filesOf(join(folder, 'dist')) })
  await converse(opened)
  assert.deepEqual(opened.problems, [])
})

interface ViteServer {
  listen(): Promise<ViteServer>
  close(): Promise<void>
  readonly resolvedUrls: { readonly local: readonly string[] }
}

/** Starts Vite's own server, which takes to the stack what it has not itself. @returns Its URL. */
async function startVite(t: TestContext, { url }: Stack): Promise<string> {
  const entry = pathToFileURL(join(PROJECT, 'node_modules/vite/dist/node/index.js')).href
  const { createServer } = (await import(entry)) as {
    createServer(options: object): Promise<ViteServer>
  }
  const proxy = { target: url, headers: { origin: url } }
  const server = await createServer({
    root: join(PROJECT, 'conversation'),
    cacheDir: join(PROJECT, 'vite-cache'),
    configFile: false,
    logLevel: 'error',
    server: {
      host: '127.0.0.1',
      port: 0,
      proxy: { '/api': proxy, '/v1': { ...proxy, ws: true }, '/agent.js': proxy, '/favicon.svg': proxy },
    },
  })
  t.after(() => server.close())
  await server.listen()
  return server.resolvedUrls.local[0]!
}

test('packages: the server that Vite has for developers serves a page that talks', {
  timeout: 90_000,
}, async (t) => {
  const opened = await open(t, {}, (stack) => startVite(t, stack))
  await converse(opened)
  // Lit tells developers so.
  const problems = opened.problems.filter((line) => !line.startsWith('Lit is in dev mode'))
  assert.deepEqual(problems, [])
})
