import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { type Browser, chromium, type Page } from 'playwright'
import { chromiumOptions } from '../support/chromium.mjs'
import { startStack } from '../support/stack.ts'
import { watchedPage } from '../support/watched-page.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const README = readFileSync(`${ROOT}/README.md`, 'utf8')

let browser: Browser

before(async () => {
  browser = await chromium.launch(chromiumOptions())
})
after(() => browser.close())

/** @returns The first example in a language, as it stands in the README. */
function example(language: string): string {
  const [, code] = new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``).exec(README) ?? []
  return code ?? assert.fail(`The README has no example in ${language}`)
}

/** Serves a page that holds an example, with its script, and does with it what a reader would. */
async function tryOut(
  html: string,
  { script, check }: { script: { path: string; code: string }; check: (page: Page) => Promise<void> },
): Promise<void> {
  const head = '<!doctype html><html lang="en"><title>Example</title><link rel="icon" href="data:,">'
  const stack = await startStack({ files: { '/example.html': head + html, [script.path]: script.code } })
  const { page, problems } = await watchedPage(browser)
  try {
    await page.goto(`${stack.url}/example.html`)
    await check(page)
    assert.deepEqual(problems, [])
  } finally {
    await page.close()
    await stack.close()
  }
}

test('README: the script tag works as it stands', { timeout: 60_000 }, () => {
  const code = readFileSync(`${ROOT}/dist/voice-agent.js`, 'utf8')
  return tryOut(example('html'), {
    script: { path: '/voice-agent.js', code },
    check: async (page) => {
      await page.getByRole('button', { name: /start/i }).click()
      await page
        .getByRole('log')
        .getByText(/\w+ \w+/)
        .first()
        .waitFor()
    },
  })
})

test('README: the ES module works as it stands, with a bundler', { timeout: 60_000 }, async () => {
  // A page may not ask for another port than its own here, so the relay of the example is that of the page.
  const contents = example('ts').replace('https://relay.example.com/', '/')
  const stdin = { contents, resolveDir: ROOT, loader: 'ts' as const }
  const { outputFiles } = await build({ stdin, bundle: true, format: 'esm', write: false, logLevel: 'error' })
  // Where the bundler's output lies, the package's worklets lie beside it.
  const script = { path: '/dist/example.js', code: outputFiles[0]?.text ?? '' }
  await tryOut('<button>Talk</button><script type="module" src="/dist/example.js"></script>', {
    script,
    check: async (page) => {
      const said = page.waitForEvent('console', (message) => /^assistant: \w/.test(message.text()))
      await page.getByRole('button').click()
      await said
    },
  })
})
