import { readFileSync } from 'node:fs'
import { type AddressInfo, connect } from 'node:net'
import { join } from 'node:path'
import { createServer, type TLSSocket } from 'node:tls'
import { fileURLToPath } from 'node:url'
import { build, type Plugin } from 'esbuild'
import { type Browser, chromium, type Page } from 'playwright'
import { compile as compileSvelte } from 'svelte/compiler'
import { compileScript, parse as parseVue } from 'vue/compiler-sfc'
import type { Certificate } from '../../bench/relay/certificates.ts'
import { chromiumOptions } from '../support/chromium.mjs'
import { type Stack, startStack } from '../support/stack.ts'
import { type Problem, problemIn } from './problem.ts'
import { nameOf, type Snippet } from './snippet.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** Longer than anything here takes on a busy machine. */
const TIMEOUT_MS = 40_000

/** How long there is to wait for what must not come. */
const FAILS_MS = 2000

/** The names that documents give to servers; here all of them are the relay. */
const HOSTS = ['example.com', '*.example.com', '*.example']

/** What a button says that leads to a conversation, in the order in which they come. */
const LEADS_ON = /start|agree|continue|allow|open/i

/** A page of one block: its HTML, and its script where it has one. */
interface TestPage {
  readonly snippet: Snippet
  readonly path: string
  readonly html: string
  readonly script: string | undefined
}

/**
 * Runs scripts, components and HTML each on a page of its own, against relay and emulator under the names that the
 * blocks give them. Nothing may fail or be told as an error; elements must be defined, and where there is an agent or
 * a button that starts a session, pressing it must bring a connection to the provider.
 */
export async function runPages(snippets: readonly Snippet[], certificate: Certificate): Promise<Problem[]> {
  if (snippets.length === 0) return []
  const problems: Problem[] = []
  const made = await Promise.all(snippets.map((snippet) => makePage(snippet, problems)))
  const pages = made.filter((page) => page !== null)
  const stack = await startStack({ files: filesOf(pages), csp: POLICY })
  const front = await startFront(stack, certificate)
  const mapped = HOSTS.map((host) => `MAP ${host} 127.0.0.1:${front.port}`).join(', ')
  // The last is for those blocks that are tests of pages, for which the README asks for it.
  const args = [
    `--host-resolver-rules=${mapped}`,
    '--ignore-certificate-errors',
    '--autoplay-policy=no-user-gesture-required',
  ]
  const browser = await chromium.launch(chromiumOptions({ args }))
  try {
    for (const page of pages) {
      for (const message of await tryOut(browser, stack, page))
        problems.push(problemIn(page.snippet.block, message))
    }
  } finally {
    await browser.close()
    front.close()
    await stack.close()
  }
  return problems
}

/** As open as a page is by itself, but for what other servers could put into it. */
const POLICY = `default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self' ws: wss: https:`

function filesOf(pages: readonly TestPage[]): Record<string, string> {
  const bundle = readFileSync(join(ROOT, 'dist/voice-agent.js'), 'utf8')
  const files: Record<string, string> = { '/voice-agent.js': bundle }
  for (const { path, html, script } of pages) {
    files[`${path}.html`] = html
    // Where a bundler's output lies, the package's worklets lie beside it.
    if (script !== undefined) files[`/dist${path}.js`] = script
  }
  return files
}

/** Ends TLS in front of the relay, as `https:` and `wss:` in the blocks need it. */
async function startFront(
  stack: Stack,
  { key, cert }: Certificate,
): Promise<{ port: number; close(): void }> {
  const { port } = new URL(stack.url)
  const sockets = new Set<TLSSocket>()
  const options = { key: readFileSync(key), cert: readFileSync(cert) }
  const server = createServer(options, (socket) => {
    const upstream = connect(Number(port), '127.0.0.1')
    sockets.add(socket)
    // A page that is closed breaks off; so does its connection here.
    socket.on('error', () => upstream.destroy()).on('close', () => upstream.destroy())
    upstream.on('error', () => socket.destroy())
    socket.pipe(upstream).pipe(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const close = () => {
    server.close()
    for (const socket of sockets) socket.destroy()
  }
  return { port: (server.address() as AddressInfo).port, close }
}

async function makePage(snippet: Snippet, problems: Problem[]): Promise<TestPage | null> {
  const head = '<!doctype html><html lang="en"><title>A block</title><link rel="icon" href="data:,"><body>'
  const path = `/${nameOf(snippet.block)}`
  if (snippet.family === 'html') return { snippet, path, html: head + snippet.code, script: undefined }
  try {
    const script = await bundle(snippet)
    const html = `${head}${snippet.page}<script type="module" src="/dist${path}.js"></script>`
    return { snippet, path, html, script }
  } catch (error) {
    const { errors = [] } = error as { errors?: { text: string; location: { line: number } | null }[] }
    if (errors.length === 0) throw error
    for (const { text, location } of errors) {
      problems.push(problemIn(snippet.block, text, (location?.line ?? 0) - snippet.offset))
    }
    return null
  }
}

/** Bundles a script as an app would, with a mark at its end. */
async function bundle(snippet: Snippet): Promise<string> {
  const { language } = snippet.block
  const plugin: Plugin = {
    name: 'block',
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^block$/ }, () => ({ path: `block.${language}`, namespace: 'block' }))
      onLoad({ filter: /./, namespace: 'block' }, () => ({ ...moduleOf(snippet), resolveDir: ROOT }))
    },
  }
  const contents = `import * as block from 'block'\n${MOUNTS[language] ?? ''}\ndocument.documentElement.dataset.ran = ''`
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: ROOT },
    bundle: true,
    format: 'esm',
    target: 'es2022',
    jsx: 'automatic',
    define: { 'process.env.NODE_ENV': '"production"' },
    plugins: [plugin],
    write: false,
    logLevel: 'silent',
  })
  return outputFiles[0]!.text
}

const MOUNT_REACT =
  "import { createElement } from 'react'; import { createRoot } from 'react-dom/client'; const shown = block.default ?? Object.values(block)[0]; if (shown) createRoot(document.body).render(createElement(shown))"

/** How what a framework exports comes onto the page. */
const MOUNTS: Readonly<Record<string, string>> = {
  vue: "import { createApp } from 'vue'; createApp(block.default).mount(document.body)",
  svelte: "import { mount } from 'svelte'; mount(block.default, { target: document.body })",
  tsx: MOUNT_REACT,
  jsx: MOUNT_REACT,
}

function moduleOf({ code, block: { language } }: Snippet): {
  contents: string
  loader: 'ts' | 'tsx' | 'js' | 'jsx'
} {
  if (language === 'vue') {
    const { descriptor, errors } = parseVue(code)
    if (errors[0]) throw errors[0]
    const options = {
      id: 'block',
      inlineTemplate: true,
      templateOptions: { compilerOptions: { isCustomElement } },
    }
    return { contents: compileScript(descriptor, options).content, loader: 'ts' }
  }
  if (language === 'svelte')
    return { contents: compileSvelte(code, { generate: 'client' }).js.code, loader: 'js' }
  return { contents: code, loader: language === 'mjs' ? 'js' : (language as 'ts') }
}

/** As `docs/frameworks.md` tells Vue. */
function isCustomElement(tag: string): boolean {
  return tag.startsWith('voice-')
}

/** Opens a page, waits until its script has run, and does what a reader would. @returns What went wrong. */
async function tryOut(
  browser: Browser,
  stack: Stack,
  { snippet, path, script }: TestPage,
): Promise<string[]> {
  const problems: string[] = []
  const page = await browser.newPage()
  page.setDefaultTimeout(TIMEOUT_MS)
  const failed = new Promise<never>((_, reject) => {
    const tell = (message: string) => {
      problems.push(message)
      reject(new Error(message))
    }
    page.on('pageerror', ({ message }) => tell(message))
    page.on('console', (message) => {
      if (['error', 'assert'].includes(message.type())) tell(`the console says: ${message.text()}`)
    })
  })
  try {
    const driven = page
      .goto(`${stack.url}${path}.html`)
      .then(() => drive(page, stack, snippet, script !== undefined))
    await Promise.race([failed, driven])
  } catch (error) {
    if (problems.length === 0) problems.push((error as Error).message.split('\n')[0]!)
  }
  // What a page says because it is closed is no news.
  const told = [...problems]
  await page.close()
  return told
}

async function drive(page: Page, stack: Stack, { block, code }: Snippet, hasScript: boolean): Promise<void> {
  const timeout = block.fails === undefined ? TIMEOUT_MS : FAILS_MS
  if (hasScript) await page.waitForSelector('html[data-ran]', { state: 'attached' })
  const undefinedElement = page.locator(':not(:defined)').first()
  await undefinedElement.waitFor({ state: 'detached', timeout }).catch(async () => {
    throw new Error(`nothing defines ${await undefinedElement.evaluate((element) => element.localName)}`)
  })
  const agents = await page.locator('voice-agent[proxy-endpoint], voice-agent[token-endpoint]').count()
  const starts = /querySelector[^\n]*button[^\n]*\.start\(/.test(code)
  if (agents === 0 && !starts) return
  const name = agents > 0 ? { name: LEADS_ON } : {}
  const connection = stack.emulator.once('connection')
  let reached = false
  const connected = connection.then(() => {
    reached = true
  })
  // A layout's launcher and a question for consent come before. Where nothing is left to press, the line is on its way.
  for (let presses = 0; presses < 3 && !reached; presses++) {
    const pressed = page.getByRole('button', name).first().click({ timeout })
    await Promise.race([connected, pressed.catch(() => undefined)])
    await Promise.race([connected, page.waitForTimeout(1000)])
  }
  await Promise.race([connected, page.waitForTimeout(timeout)])
  if (!reached) throw new Error('no connection reached the provider')
}
