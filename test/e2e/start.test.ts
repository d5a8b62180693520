import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import type { Browser, Locator, Page } from 'playwright'
import { launchBrowser } from '../support/browser.ts'
import { npmStart, type Started } from '../support/npm-start.ts'
import { type WatchedPage, watchedPage } from '../support/watched-page.ts'

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

let started: Started
let browser: Browser

before(async () => {
  started = await npmStart()
  browser = await launchBrowser()
})
after(async () => {
  await browser.close()
  await started.stop()
})

/** Opens a page of the demo, noting all that a user would find in the console. */
async function open(path: string): Promise<WatchedPage> {
  const watched = await watchedPage(browser)
  await watched.page.goto(new URL(path, started.url).href)
  return watched
}

/** Runs axe in the page over the debugging protocol, which the page's own policy does not hold back. */
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

test('npm start: prints one URL, as its last line', () => {
  assert.equal(started.lines.filter((line) => line.includes('http')).length, 1)
  assert.equal(started.lines.at(-1), started.url)
})

test('npm start: every answer has the headers that docs/security.md advises', async () => {
  const advised = readFileSync(new URL('../../docs/security.md', import.meta.url), 'utf8')
  const lines = advised
    .match(/```http\n([\s\S]*?)```/)![1]!
    .trim()
    .split('\n')
    .slice(1)
  for (const path of ['/', '/dist/voice-agent.js', '/nothing-here']) {
    const { headers } = await fetch(new URL(path, started.url))
    for (const line of lines) {
      const [name, value] = line.split(/: (.*)/s) as [string, string]
      // The pages may speak to a relay elsewhere, so that they can be tried with one.
      if (name === 'Content-Security-Policy')
        assert.match(headers.get(name) ?? '', /^default-src 'self';.*object-src 'none'$/)
      else assert.equal(headers.get(name), value, `${name} of ${path}`)
    }
  }
})

for (const path of ['/', '/?provider=deepgram-agent']) {
  test(`npm start: one click on ${path}, and the agent answers`, { timeout: 90_000 }, async () => {
    const { page, problems } = await open(path)
    assert.deepEqual(await audit(page), [])
    await page.getByRole('button', { name: /start/i }).click()
    const log = page.getByRole('log')
    await log
      .getByText(/\w+ \w+ \w+/)
      .first()
      .waitFor()
    await page.waitForFunction(() => {
      const { session } = document.querySelector('voice-agent') as unknown as {
        session: { outputLevel: number } | null
      }
      return session !== null && session.outputLevel > 0
    })
    assert.deepEqual(await audit(page), [])
    await page.getByRole('button', { name: /stop|end/i }).click()
    await page.getByRole('button', { name: /start/i }).waitFor()
    assert.deepEqual(problems, [])
    await page.close()
  })
}

for (const path of ['/core.html', '/composed.html']) {
  test(`npm start: ${path} opens and talks without an error or warning`, { timeout: 90_000 }, async () => {
    const { page, problems } = await open(path)
    assert.deepEqual(await audit(page), [])
    await page.getByRole('button', { name: /^(start|talk)$/i }).click()
    await page
      .getByText(/listening|speaking|thinking/i)
      .first()
      .waitFor()
    assert.deepEqual(problems, [])
    await page.close()
  })
}

test('npm start: /text.html converses in writing, and nobody is asked for the microphone', {
  timeout: 90_000,
}, async () => {
  const { page, problems } = await open('/text.html')
  await page.evaluate(() => {
    navigator.mediaDevices.getUserMedia = () => Promise.reject(new Error('The microphone was asked for'))
  })
  assert.deepEqual(await audit(page), [])
  await page.getByRole('textbox', { name: 'Ask something' }).fill('What is this?')
  await page.keyboard.press('Enter')
  await page.getByRole('log').getByText('Agent', { exact: true }).waitFor()
  assert.deepEqual(await audit(page), [])
  assert.deepEqual(problems, [])
  await page.close()
})

test('npm start: /two.html has two agents, and one is not touched by the other', {
  timeout: 90_000,
}, async () => {
  const { page, problems } = await open('/two.html')
  assert.deepEqual(await audit(page), [])
  // Not by their role: where Playwright reckons the name of a region, a process of Firefox 153 crashes.
  const [first, second] = ['OpenAI Realtime', 'Deepgram Agent'].map((name) =>
    page.locator('section').filter({ has: page.getByRole('heading', { name }) }),
  )
  assert.ok(first && second)
  const converses = (agent: Locator) =>
    agent
      .getByRole('log')
      .getByText(/^(You|Agent)$/)
      .first()
      .waitFor()
  await first.getByRole('button', { name: /start/i }).click()
  await converses(first)
  await second.getByText('Ready').waitFor()
  await second.getByText('What you say appears here').waitFor()
  await second.getByRole('button', { name: /start/i }).click()
  await converses(second)
  await first.getByRole('button', { name: /end/i }).click()
  await first.getByText('Ready').waitFor()
  await second.getByRole('button', { name: /end/i }).waitFor()
  assert.deepEqual(problems, [])
  await page.close()
})

test('npm start: a busy port is one clear line that says what to do', async () => {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await assert.rejects(npmStart({ PORT: String(port) }), (error: Error) => {
    assert.match(error.message, new RegExp(`port ${port} is in use: choose another`))
    assert.equal(error.message.split('\n').length, 1)
    return true
  })
  server.close()
})

test('npm start: a wrong port is one clear line that says what to do', async () => {
  await assert.rejects(
    npmStart({ PORT: 'eighty' }),
    /PORT must be a whole number from 0 to 65535: current value is eighty/,
  )
})
