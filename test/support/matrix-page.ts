import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import type { Browser, Page } from 'playwright'
import type { TranscriptEntry } from '../../src/index.ts'

/** What `matrix.status()` of `matrix.html` gives. */
export interface Status {
  readonly state: string
  readonly agentState: string
  readonly states: readonly string[]
  readonly errors: readonly string[]
  readonly warnings: readonly string[]
  /** What the page's tool was asked for. */
  readonly calls: readonly string[]
  readonly transcript: readonly TranscriptEntry[]
}

/** Opens `matrix.html` of a stack. */
export async function openPage(browser: Browser, url: string): Promise<Page> {
  const page = await browser.newPage()
  await page.goto(`${url}/matrix.html`)
  await page.waitForSelector('html[data-ready]', { state: 'attached', timeout: 8000 })
  return page
}

export function status(page: Page): Promise<Status> {
  return page.evaluate('matrix.status()')
}

/** @returns What the page's `start` was rejected with: a code or a name; null if it was not. */
export function start(page: Page, config: object): Promise<string | null> {
  return page.evaluate((given) => {
    const { matrix } = globalThis as unknown as { matrix: { start(config: object): Promise<string | null> } }
    return matrix.start(given)
  }, config)
}

/** The page's own policy forbids the evaluation that Playwright's waits need, so the state is asked for. */
export async function until(
  page: Page,
  condition: (status: Status) => boolean,
  what: string,
): Promise<Status> {
  for (const end = Date.now() + 20_000; ; await delay(20)) {
    const now = await status(page)
    if (condition(now)) return now
    if (Date.now() > end) assert.fail(`${what} did not come: ${JSON.stringify(now)}`)
  }
}

/** Stops the session, and fails where it leaves anything behind. */
export async function stop(page: Page): Promise<void> {
  await page.evaluate('matrix.stop()')
  // A socket says that it is closed when the other end has answered.
  for (const end = Date.now() + 3000; Date.now() < end; await delay(20)) {
    const left = (await page.evaluate('matrix.leaks()')) as object
    if (Object.keys(left).length === 0) break
  }
  assert.deepEqual(await page.evaluate('matrix.leaks()'), {}, 'something was not given back')
  assert.equal((await status(page)).state, 'closed')
}
