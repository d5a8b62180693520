import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import type { Browser } from 'playwright'
import type { VoiceAgent } from '../../elements/index.ts'
import { launchBrowser } from '../support/browser.ts'
import { startStack } from '../support/stack.ts'
import { watchedPage } from '../support/watched-page.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

const PAGE = `<!doctype html><html lang="en"><title>Elements by a bundler</title><link rel="icon" href="data:,">
  <script type="module" src="/dist/app.js"></script>
  <voice-agent proxy-endpoint="/" token-endpoint="/api/voice-agent/token"></voice-agent>`

let browser: Browser

before(async () => {
  // Nothing here needs a policy of its own: the gesture is a real click.
  browser = await launchBrowser()
})
after(() => browser.close())

/** What a bundler makes of the elements: the files by their paths, beside the package's worklets. */
async function bundle(): Promise<Record<string, string>> {
  const { outputFiles } = await build({
    stdin: { contents: "import 'voicewire/elements'", resolveDir: ROOT, sourcefile: 'app.js' },
    outdir: `${ROOT}/dist`,
    entryNames: 'app',
    bundle: true,
    splitting: true,
    format: 'esm',
    write: false,
    logLevel: 'error',
  })
  return Object.fromEntries(outputFiles.map(({ path, text }) => [path.slice(ROOT.length - 1), text]))
}

/** Starts the page's agent by a click and hears it; @returns the files that the page asked for. */
async function talk({ late }: { late: boolean }): Promise<readonly string[]> {
  const files = await bundle()
  const stack = await startStack({ files: { ...files, '/page.html': PAGE } })
  const { page, problems } = await watchedPage(browser)
  const clicked = Promise.withResolvers<void>()
  if (!late) clicked.resolve()
  await page.route(/openai-realtime/, async (route) => {
    await clicked.promise
    await route.continue()
  })
  try {
    const asked = page.waitForRequest(/openai-realtime/)
    const answered = late ? null : page.waitForResponse(/openai-realtime/)
    await page.goto(`${stack.url}/page.html`)
    const start = page.getByRole('button', { name: 'Start talking' })
    await start.waitFor()
    await page.locator('voice-agent').evaluate(async (agent: VoiceAgent) => agent.updateComplete)
    assert.deepEqual(named(stack.requests, /agent-session|openai-realtime/), [], 'nobody has come near')
    await start.hover()
    await asked
    await answered
    await start.click()
    if (late) await page.getByRole('button', { name: 'Cancel' }).waitFor()
    clicked.resolve()
    await page
      .getByRole('log')
      .getByText(/\w+ \w+/)
      .first()
      .waitFor()
    await page.locator('voice-agent:state(speaking)').waitFor()
    assert.deepEqual(problems, [])
    return [...stack.requests]
  } finally {
    await page.close()
    await stack.close()
  }
}

const named = (files: readonly string[], name: RegExp): readonly string[] =>
  files.filter((path) => name.test(path))

test('adapters: a page loads the one that it needs when the pointer comes, before the click', {
  timeout: 60_000,
}, async () => {
  const files = await talk({ late: false })
  assert.equal(named(files, /openai-realtime/).length, 1)
  assert.deepEqual(named(files, /deepgram|voice-recovery|voice-debug/), [])
})

test('adapters: one that is late keeps the gesture, and the agent is heard', { timeout: 60_000 }, () =>
  talk({ late: true }).then((files) => assert.equal(named(files, /openai-realtime/).length, 1)),
)
