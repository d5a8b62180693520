import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import type { Browser, ElementHandle, Page } from 'puppeteer-core'
import type { TranscriptEntry } from '../../src/index.ts'
import { type Stack, type StackOptions, startStack } from './stack.ts'

/** What `report()` of `agent.js` gives of one `<voice-agent>`. */
export interface Status {
  readonly state: string
  readonly agentState: string
  readonly transcript: readonly TranscriptEntry[]
  readonly inputLevel: number
  readonly loudestInput: number
  readonly loudestOutput: number
  readonly violations: readonly string[]
  readonly errors: readonly { name: string; code?: string; hint?: string }[]
}

export interface StrictPage {
  readonly page: Page
  readonly stack: Stack
  /** What a user would find in the console. */
  readonly problems: string[]
}

/** All that a page may be asked for: no inline script or style, no `blob:`, no `data:`. */
export const strict = (host: string): string => `default-src 'self'; connect-src 'self' ws://${host}`

/** @returns A page with `agent.js`, all elements and this markup. */
export function pageOf(markup: string, lang = 'en'): string {
  return `<!doctype html>
<html lang="${lang}">
  <head>
    <meta charset="utf-8" />
    <title>A strict page</title>
    <link rel="icon" href="favicon.svg" />
    <script src="agent.js"></script>
    <script type="module" src="/dist/voice-agent.js"></script>
  </head>
  <body>${markup}</body>
</html>`
}

/** Opens a page that has a `<voice-agent>`, and gives everything back afterwards. */
export async function withPage(
  browser: Browser,
  { path = '/agent.html', ...options }: StackOptions & { path?: string },
  run: (opened: StrictPage) => Promise<void>,
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

/** Resolved when an expression of the page holds: its policy forbids the evaluation that a driver's own waits need. */
export async function untilTrue(page: Page, expression: string): Promise<void> {
  for (const end = Date.now() + 30_000; !(await page.evaluate(`Boolean(${expression})`)); await delay(20))
    if (Date.now() > end) assert.fail(`This did not come true: ${expression}`)
}

/** @returns What the page's agent reports as soon as that fits; of the first one where it has several. */
export async function until(
  page: Page,
  what: string,
  condition: (status: Status) => boolean,
  agent = 0,
): Promise<Status> {
  for (const end = Date.now() + 30_000; ; await delay(20)) {
    const status = (await page.evaluate(`report(${agent})`)) as Status
    if (condition(status)) return status
    if (Date.now() > end) assert.fail(`${what} did not come: ${JSON.stringify(status)}`)
  }
}

/** @returns An expression for what a path of selectors leads to, through one shadow root after the other. */
export function inside(...path: readonly [string, ...string[]]): string {
  const [first, ...rest] = path.map((selector) => `querySelector(${JSON.stringify(selector)})`)
  return [`document.${first}`, ...rest].join('?.shadowRoot?.')
}

/** @returns What a path leads to, once it is there. */
export async function found(page: Page, ...path: [string, ...string[]]): Promise<ElementHandle<Element>> {
  await untilTrue(page, inside(...path))
  return (await page.evaluateHandle(inside(...path))) as ElementHandle<Element>
}

/** Clicks what a path leads to, as a user would. */
export async function press(page: Page, ...path: [string, ...string[]]): Promise<void> {
  await (await found(page, ...path)).click()
}

/** @returns Whether somebody said something. */
export const says = (role: string, text: RegExp) => (status: Status) =>
  status.transcript.some((entry) => entry.role === role && text.test(entry.text))

/** Ends the conversation by itself, and finds nothing forbidden, failed or in the console. */
export async function endsClean({ page, problems }: StrictPage): Promise<void> {
  await page.evaluate('void agent.stop()')
  const { violations, errors } = await until(page, 'the end', ({ state }) => state === 'closed')
  assert.deepEqual({ violations, errors, problems }, { violations: [], errors: [], problems: [] })
}
