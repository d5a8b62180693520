import { setTimeout as delay } from 'node:timers/promises'
import type { Page } from 'playwright'

/** One entry of the page's transcript. */
export interface Entry {
  readonly id: string
  readonly role: 'user' | 'assistant'
  readonly text: string
  readonly final: boolean
  readonly interrupted: boolean
}

/** One time that the agent was cut off. */
export interface Interruption {
  /** The context's frame when the server's signal reached the page. */
  readonly frame: number
  readonly entryId?: string
  readonly heardMs?: number
  readonly receivedMs?: number
}

/** What `page.status()` of `session.html` gives. */
export interface Status {
  readonly state: string
  readonly agentState: string
  readonly stats: { readonly droppedMs: number; readonly underruns: number }
  readonly states: readonly string[]
  readonly errors: readonly string[]
  readonly transcript: readonly Entry[]
  readonly interruptions: readonly Interruption[]
  readonly sampleRate: number
  readonly contexts: readonly string[]
  readonly tracks: readonly string[]
  readonly sockets: readonly number[]
}

export function status(page: Page): Promise<Status> {
  return page.evaluate('page.status()')
}

/** The page's own policy forbids the evaluation that Playwright's waits need, so the state is asked for. */
export async function until(page: Page, condition: (status: Status) => boolean): Promise<Status> {
  for (;;) {
    const now = await status(page)
    if (condition(now)) return now
    await delay(50)
  }
}

/** Opens `session.html` of a stack. */
export async function openSessionPage(page: Page, url: string): Promise<void> {
  await page.goto(`${url}/session.html`)
  await page.waitForSelector('html[data-ready]', { state: 'attached' })
}

/** @returns What the page's `start` was rejected with, as `code: message`, or null. */
export function start(page: Page, config: object): Promise<string | null> {
  return page.evaluate(async (given) => {
    const { page: driver } = globalThis as unknown as { page: { start(config: object): Promise<void> } }
    try {
      await driver.start(given)
      return null
    } catch (error) {
      const { code, message } = error as { code: string; message: string }
      return `${code}: ${message}`
    }
  }, config)
}
