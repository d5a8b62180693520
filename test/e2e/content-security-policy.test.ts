import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { type Browser, type ElementHandle, launch, type Page } from 'puppeteer-core'
import type { TranscriptEntry } from '../../src/index.ts'
import { chromiumOptions } from '../support/chromium.mjs'
import { findFirefox, firefoxOptions } from '../support/firefox.ts'
import { startSoundServer } from '../support/sound-server.ts'
import { type Stack, type StackOptions, startStack } from '../support/stack.ts'

/** All that a page may be asked for: no inline script or style, no `blob:`, no `data:`. */
const strict = (host: string): string => `default-src 'self'; connect-src 'self' ws://${host}`

const NONCE = 'only-for-this-page'

/** The page with a nonce on its scripts. */
function withNonce(): string {
  const page = readFileSync(new URL('pages/agent.html', import.meta.url), 'utf8')
  return page.replaceAll('<script', `<script nonce="${NONCE}"`)
}

/** What `report()` of `agent.js` gives. */
interface Status {
  readonly state: string
  readonly agentState: string
  readonly transcript: readonly TranscriptEntry[]
  readonly loudestInput: number
  readonly loudestOutput: number
  readonly violations: readonly string[]
  readonly errors: readonly { name: string; code?: string; hint?: string }[]
}

interface Opened {
  readonly page: Page
  readonly stack: Stack
  /** What a user would find in the console. */
  readonly problems: string[]
}

/** Opens a page that has a `<voice-agent>`, and gives everything back afterwards. */
async function withPage(
  browser: Browser,
  { path = '/agent.html', ...options }: StackOptions & { path?: string },
  run: (opened: Opened) => Promise<void>,
): Promise<void> {
  const stack = await startStack(options)
  const page = await browser.newPage()
  const problems: string[] = []
  page.on('console', (message) => {
    if (['error', 'warn'].includes(message.type())) problems.push(message.text())
  })
  page.on('pageerror', (error) => problems.push(String(error)))
  try {
    await page.goto(`${stack.url}${path}`)
    await run({ page, stack, problems })
  } finally {
    await page.close()
    await stack.close()
  }
}

/** The page's policy forbids the evaluation that a driver's own waits need, so the status is asked for. */
async function until(page: Page, what: string, condition: (status: Status) => boolean): Promise<Status> {
  for (const end = Date.now() + 30_000; ; await delay(20)) {
    const status = (await page.evaluate('report()')) as Status
    if (condition(status)) return status
    if (Date.now() > end) assert.fail(`${what} did not come: ${JSON.stringify(status)}`)
  }
}

/** Presses the button that starts and ends, with a real click. */
async function press(page: Page): Promise<void> {
  const button = await page.evaluateHandle(
    `agent.shadowRoot.querySelector('voice-start-button').shadowRoot.querySelector('button')`,
  )
  await (button as ElementHandle<Element>).click()
}

const says = (role: string, text: RegExp) => (status: Status) =>
  status.transcript.some((entry) => entry.role === role && text.test(entry.text))

/** What every page has to do, in any browser. */
async function judge(t: TestContext, browser: Browser): Promise<void> {
  await t.test('a whole conversation under a strict policy, with nothing forbidden', () =>
    withPage(browser, { csp: strict }, async ({ page, problems }) => {
      // The fake microphone never pauses, which would cut the agent off: it is heard on its own.
      await page.evaluate(`agent.muted = true`)
      await press(page)
      await until(page, 'the greeting', says('assistant', /welcome/))
      await until(page, 'the agent’s voice', ({ loudestOutput }) => loudestOutput > 0.01)
      await page.evaluate(`agent.muted = false`)
      await until(page, 'the user’s voice', ({ loudestInput }) => loudestInput > 0.01)
      await page.evaluate(`agent.muted = true`)
      await page.evaluate(`agent.session.sendText('Tell me of turtles')`)
      await until(page, 'what was typed', says('user', /turtles/))
      await until(page, 'the answer to it', says('assistant', /turtles/))
      await press(page)
      const { violations, errors } = await until(page, 'the end', ({ state }) => state === 'closed')
      assert.deepEqual({ violations, errors, problems }, { violations: [], errors: [], problems: [] })
    }),
  )

  await t.test('a policy that lets only scripts with a nonce in is told as worklet-blocked', () => {
    const csp = (host: string): string => `${strict(host)}; script-src 'nonce-${NONCE}'`
    return withPage(browser, { csp, files: { '/nonce.html': withNonce() }, path: '/nonce.html' }, blocked)
  })

  await t.test('a script loaded by one with a nonce works where the policy trusts it to', () => {
    const csp = (host: string): string => `${strict(host)}; script-src 'nonce-${NONCE}' 'strict-dynamic'`
    const files = { '/nonce.html': withNonce() }
    return withPage(browser, { csp, files, path: '/nonce.html' }, async ({ page, problems }) => {
      await press(page)
      const { violations } = await until(page, 'the agent', ({ state }) => state === 'open')
      assert.deepEqual({ violations, problems }, { violations: [], problems: [] })
    })
  })

  await t.test('a wrong path is told as worklet-blocked', () =>
    withPage(browser, { csp: strict }, async (opened) => {
      await opened.page.evaluate(`agent.sessionOptions = { workletUrls: { capture: '/nowhere.js' } }`)
      await blocked(opened)
    }),
  )

  await t.test('a test that can fail: an inline script is forbidden', () =>
    withPage(browser, { csp: strict }, async ({ page }) => {
      await page.evaluate(
        `document.body.append(Object.assign(document.createElement('script'), { text: '0' }))`,
      )
      await until(page, 'the violation', ({ violations }) =>
        /^script-src-elem inline$/.test(violations.join()),
      )
    }),
  )
}

async function blocked({ page }: Opened): Promise<void> {
  await press(page)
  const { errors, state } = await until(page, 'the error', (status) => status.errors.length > 0)
  assert.equal(state, 'closed')
  assert.equal(errors.length, 1)
  assert.equal(errors[0]?.name, 'VoiceError')
  assert.equal(errors[0]?.code, 'worklet-blocked')
  assert.match(errors[0]?.hint ?? '', /workletUrls.*CSP \(script-src 'self'\)/)
}

test('Content-Security-Policy in Chromium', { timeout: 120_000 }, async (t) => {
  const { executablePath = '', args = [] } = chromiumOptions()
  const browser = await launch({ executablePath, headless: true, args })
  t.after(() => browser.close())
  await judge(t, browser)
})

const firefox = findFirefox()
const skip = firefox ? false : 'Firefox was not found: install firefox-esr, or set FIREFOX_PATH'

test('Content-Security-Policy in Firefox', { skip, timeout: 180_000 }, async (t) => {
  const sound = await startSoundServer()
  if (!sound && process.platform === 'linux') return t.skip('PulseAudio was not found: install pulseaudio')
  t.after(() => sound?.close())
  const browser = await launch(firefoxOptions(firefox ?? '', sound?.env))
  t.after(() => browser.close())
  await judge(t, browser)
})
