import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type Browser, chromium, type Page } from 'playwright'
import type { EmulatorConnection } from '../../server/emulator/src/index.ts'
import { chromiumOptions } from '../support/chromium.mjs'
import { type Held, held, shown, watchHeld } from '../support/demo-page.ts'
import { npmStart } from '../support/npm-start.ts'
import { type Stack, startStack } from '../support/stack.ts'
import { watchedPage } from '../support/watched-page.ts'

const BUILT = fileURLToPath(new URL('../../.cache/demos', import.meta.url))
const FAVICON = fileURLToPath(new URL('../../demo/favicon.svg', import.meta.url))
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const APPS = { vue: 'Vue', svelte: 'Svelte', react: 'React', angular: 'Angular' } as const

const FREE: Held = { agents: 1, contexts: 0, tracks: 0, sockets: 0 }
const TALKING: Held = { agents: 1, contexts: 1, tracks: 1, sockets: 1 }

let stack: Stack
let browser: Browser

before(async () => {
  const paths = globSync('*/**/*.{html,css,js,svg}', { cwd: BUILT })
  for (const name of Object.keys(APPS)) {
    assert.ok(paths.includes(`${name}/index.html`), `demo/${name} is not built: npm run demos`)
  }
  const files = paths.map((path) => [`/${path}`, readFileSync(`${BUILT}/${path}`, 'utf8')])
  browser = await chromium.launch(chromiumOptions())
  stack = await startStack({
    // That of `npm start`: nothing here needs another.
    csp: "default-src 'self'; connect-src 'self' ws:; frame-ancestors 'none'",
    files: { ...Object.fromEntries(files), '/favicon.svg': readFileSync(FAVICON, 'utf8') },
    emulator: { transcribe: () => 'Please set color to teal' },
  })
})
after(async () => {
  await browser.close()
  await stack.close()
})

/** The page's policy forbids the evaluation that Playwright's waits need, so it is asked. */
async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 20_000; !(await condition()); await delay(20)) {
    assert.ok(Date.now() < end, `${what} did not come`)
  }
}

async function untilShown(page: Page, name: string, value: string): Promise<void> {
  await until(`${name} ${value}`, async () => (await shown(page, name)) === value)
}

/** Presses the start button. @returns The connection that this one press led to. */
async function start(page: Page): Promise<EmulatorConnection> {
  const connected = stack.emulator.once('connection') as Promise<EmulatorConnection>
  await page.getByRole('button', { name: /start/i }).click()
  await untilShown(page, 'Session', 'open')
  return connected
}

/** Fails where anything that a session takes is not given back. */
async function assertOver(page: Page, expected: Held, connection: EmulatorConnection): Promise<void> {
  await until('the end at the provider', () => connection.closed !== null)
  await until('the end of the session at the relay', () => stack.relay.sessions === 0)
  // A socket says that it is closed when the other end has answered.
  await until('the end of the socket', async () => (await held(page)).sockets === 0)
  assert.deepEqual(await held(page), expected)
  assert.equal(connection.closed?.code, 1000)
}

/** Closes a page; what it could still hold where its test failed is no concern of the next. */
async function letGo(page: Page): Promise<void> {
  await page.close()
  await until('the end of the session at the relay', () => stack.relay.sessions === 0)
}

/** What the agent was answered by the tool. */
function toolOutputs(connection: EmulatorConnection): unknown[] {
  return connection.received
    .map(({ data }) => (data as { item?: { type: string; output: unknown } }).item)
    .filter((item) => item?.type === 'function_call_output')
    .map((item) => item?.output)
}

async function audit(page: Page): Promise<string[]> {
  await page.evaluate(AXE)
  return page.evaluate(async () => {
    const { axe } = globalThis as unknown as {
      axe: { run(): Promise<{ violations: { id: string; help: string }[] }> }
    }
    const { violations } = await axe.run()
    return violations.map(({ id, help }) => `${id}: ${help}`)
  })
}

for (const [name, title] of Object.entries(APPS)) {
  test(`frameworks: ${title} talks, paints the page by a tool, and lets go of everything`, {
    timeout: 90_000,
  }, async (t) => {
    const { page, problems } = await watchedPage(browser)
    t.after(() => letGo(page))
    await watchHeld(page)
    await page.goto(`${stack.url}/${name}/index.html`)
    await page.getByRole('heading', { name: `What ${title} knows` }).waitFor()
    assert.deepEqual(await audit(page), [])
    assert.deepEqual(await held(page), FREE)
    assert.equal(await shown(page, 'Session'), 'closed')
    const before = stack.emulator.connections.length

    // The framework's own state follows the session, and its list the transcript.
    const first = await start(page)
    await untilShown(page, 'Agent', 'speaking')
    await page
      .locator('aside li', { hasText: /^assistant: .*\w/ })
      .first()
      .waitFor()
    assert.equal(Number(await shown(page, 'Entries')) > 0, true)
    assert.deepEqual(await held(page), TALKING)
    assert.equal(stack.relay.sessions, 1)

    // What the user is heard to say names the tool: its handler paints the page, and the agent is told.
    await untilShown(page, 'Color', 'teal')
    assert.equal(
      await page.locator('.app').evaluate((app) => getComputedStyle(app).getPropertyValue('--color').trim()),
      'teal',
    )
    await until('the answer of the tool', () => toolOutputs(first).includes('The page is teal now'))
    assert.deepEqual(await audit(page), [])

    await page.getByRole('button', { name: /end/i }).click()
    await untilShown(page, 'Session', 'closed')
    await assertOver(page, FREE, first)

    // Taken away in the middle of a conversation.
    const second = await start(page)
    await page.getByRole('button', { name: 'Remove the agent' }).click()
    await assertOver(page, { ...FREE, agents: 0 }, second)

    await page.getByRole('button', { name: 'Bring it back' }).click()
    assert.equal(await shown(page, 'Session'), 'closed')
    assert.equal(await shown(page, 'Entries'), '0')
    const third = await start(page)
    assert.deepEqual(await held(page), TALKING)
    assert.equal(stack.relay.sessions, 1)
    await page.getByRole('button', { name: /end/i }).click()
    await assertOver(page, FREE, third)

    assert.equal(stack.emulator.connections.length - before, 3, 'one session for each start')
    assert.deepEqual(problems, [])
  })
}

test('npm start: the apps that are built are linked, and open without an error or warning', {
  timeout: 60_000,
}, async () => {
  const started = await npmStart()
  try {
    const { page, problems } = await watchedPage(browser)
    for (const title of Object.values(APPS)) {
      await page.goto(started.url)
      await page.getByRole('link', { name: title, exact: true }).click()
      await page.getByRole('heading', { name: `What ${title} knows` }).waitFor()
    }
    assert.deepEqual(problems, [])
    await page.close()
  } finally {
    await started.stop()
  }
})
