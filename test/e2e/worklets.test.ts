import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Browser, Page } from 'playwright'
import { launchBrowser } from '../support/browser.ts'
import { type Stack, type StackOptions, startStack } from '../support/stack.ts'

const STRICT = "default-src 'self'; img-src data:; connect-src 'self' ws:"

let browser: Browser

before(async () => {
  browser = await launchBrowser()
})
after(() => browser.close())

/** What came of a start: the session's state, or the code of the error. */
async function start(page: Page, stack: Stack): Promise<string> {
  await page.goto(`${stack.url}/plain.html`)
  await page.getByRole('button').click()
  const result = page.locator('output')
  await result.filter({ hasText: /\w/ }).waitFor()
  return (await result.textContent()) ?? ''
}

async function withStack(
  options: StackOptions,
  check: (result: string, stack: Stack) => void,
): Promise<void> {
  const stack = await startStack(options)
  const page = await browser.newPage()
  try {
    check(await start(page, stack), stack)
  } finally {
    await page.close()
    await stack.close()
  }
}

const FILES = /^\/dist\/worklets\//

test('worklets: real files work under a strict policy', () =>
  withStack({ csp: STRICT }, (result, { requests }) => {
    assert.equal(result, 'open')
    assert.deepEqual(requests.filter((path) => FILES.test(path)).sort(), [
      '/dist/worklets/capture.js',
      '/dist/worklets/playback.js',
    ])
  }))

test('worklets: the built-in copies take the place of files that a bundler left behind', () =>
  withStack({ csp: STRICT.replace("'self'", "'self' blob:"), missing: FILES }, (result) => {
    assert.equal(result, 'open')
  }))

test('worklets: a policy that lets neither in is an error that says what to do', () =>
  withStack({ csp: STRICT, missing: FILES }, (result) => {
    assert.match(result, /^worklet-blocked: .*CSP/)
  }))
