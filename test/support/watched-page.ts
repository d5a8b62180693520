import type { Browser, Page } from 'playwright'

/** A page, and all that a user would find in its console. */
export interface WatchedPage {
  readonly page: Page
  readonly problems: string[]
}

/** Opens an empty page and notes its errors, warnings and failed requests from now on. */
export async function watchedPage(browser: Browser): Promise<WatchedPage> {
  return watchPage(await browser.newPage())
}

/** Notes a page's errors, warnings and failed requests from now on. */
export function watchPage(page: Page): WatchedPage {
  const problems: string[] = []
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) problems.push(message.text())
  })
  page.on('pageerror', (error) => problems.push(error.message))
  page.on('response', (response) => {
    if (response.status() >= 400) problems.push(`${response.url()} answered ${response.status()}`)
  })
  return { page, problems }
}
