import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { after, before, test } from 'node:test'
import { build } from 'esbuild'
import type { Browser } from 'playwright'
import { launchBrowser } from '../support/browser.ts'
import { type Stack, startStack } from '../support/stack.ts'
import { watchedPage } from '../support/watched-page.ts'

const ROOT = new URL('../..', import.meta.url).pathname

const TAGS: Readonly<Record<string, string>> = {
  'voice-agent': '<voice-agent model="m" muted></voice-agent>',
  'voice-agent with controls of the page':
    '<voice-agent><voice-status></voice-status><voice-start-button></voice-start-button></voice-agent>',
  'voice-meter': '<voice-meter></voice-meter>',
  'voice-mute-button': '<voice-mute-button></voice-mute-button>',
  'voice-start-button': '<voice-start-button></voice-start-button>',
  'voice-status': '<voice-status></voice-status>',
  'voice-transcript': '<voice-transcript></voice-transcript>',
}

/** What Lit itself puts there on a server: its versions, and a registry of its own. */
const LIT = /^(lit|reactiveElement)|^customElements$/

/** Runs a module in a plain Node. @returns What it printed; fails where it does not end on its own. */
function inNode(code: string): string {
  const { stdout, stderr, status } = spawnSync(process.execPath, ['--input-type=module', '-e', code], {
    cwd: ROOT,
    encoding: 'utf8',
    timeout: 20_000,
  })
  assert.equal(status, 0, stderr)
  assert.equal(stderr, '')
  return stdout
}

/** Renders on a server, as a page would be sent. */
function rendered(markup: string): string {
  return inNode(`
    import { html } from 'lit'
    import { render } from '@lit-labs/ssr'
    import { collectResult } from '@lit-labs/ssr/lib/render-result.js'
    import './dist/elements/index.js'
    process.stdout.write(await collectResult(render(html\`${markup}\`)))`)
}

let browser: Browser
let stack: Stack
const files: Record<string, string> = {}

before(async () => {
  browser = await launchBrowser()
  // What a page's bundler makes: Lit's hydration comes before all elements.
  const { outputFiles } = await build({
    stdin: {
      contents: `
        import '@lit-labs/ssr-client/lit-element-hydrate-support.js'
        import './dist/elements/index.js'`,
      resolveDir: ROOT,
    },
    bundle: true,
    format: 'esm',
    target: 'es2022',
    write: false,
    logLevel: 'error',
  })
  files['/hydrate.js'] = outputFiles[0]?.text ?? ''
  stack = await startStack({
    files,
    csp: "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src data:",
  })
})
after(async () => {
  await browser.close()
  await stack.close()
})

for (const entry of ['index', 'audio', 'elements/index']) {
  test(`importing dist/${entry}.js in Node changes no global and keeps no process alive`, () => {
    const changed = inNode(`
      const values = () => new Map(Object.entries(Object.getOwnPropertyDescriptors(globalThis)).map(([name, { value }]) => [name, value]))
      const before = values()
      await import('./dist/${entry}.js')
      const changed = [...values()].filter(([name, value]) => !before.has(name) || !Object.is(before.get(name), value))
      console.log(JSON.stringify(changed.map(([name]) => name).filter((name) => !${LIT}.test(name))))`)
    assert.equal(changed, '[]\n')
  })
}

for (const [name, markup] of Object.entries(TAGS)) {
  test(`server rendering: ${name} is sent with its shadow root and comes alive without a mismatch`, async () => {
    const html = rendered(markup)
    assert.match(html, /<template shadowroot="open" shadowrootmode="open"/)
    files['/rendered.html'] =
      `<!doctype html><link rel="icon" href="data:,"><body>${html}<script type="module" src="hydrate.js"></script>`
    const { page, problems } = await watchedPage(browser)
    await page.goto(`${stack.url}/rendered.html`)
    const { panels, buttons, disabled, pressed } = await page.evaluate(async () => {
      const all = (root: ParentNode): Element[] =>
        [...root.querySelectorAll('*')].flatMap((one) => [
          one,
          ...(one.shadowRoot ? all(one.shadowRoot) : []),
        ])
      for (const one of all(document)) await (one as Element & { updateComplete?: unknown }).updateComplete
      const elements = all(document)
      const content = (root: ShadowRoot): Element[] =>
        [...root.children].filter((one) => one.localName !== 'style')
      return {
        panels: elements.flatMap(({ shadowRoot }) => (shadowRoot ? content(shadowRoot).length : [])),
        buttons: elements.filter((one) => one.localName === 'voice-start-button').length,
        disabled: elements.filter((one) => one.matches('button:disabled')).length,
        pressed: elements.filter((one) => one.matches('[aria-pressed=true]')).length,
      }
    })
    assert.deepEqual(problems, [])
    assert.deepEqual(new Set(panels), new Set([1]))
    assert.equal(buttons, /start-button|voice-agent/.test(markup) ? 1 : 0)
    // Alone, a control has no agent to start.
    assert.equal(disabled, /^<voice-(start|mute)-button/.test(markup) ? 1 : 0)
    assert.equal(pressed, / muted/.test(markup) ? 1 : 0)
    await page.close()
  })
}
