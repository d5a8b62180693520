import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { Browser, Page } from 'playwright'
import { launchBrowser, notInFirefox } from '../support/browser.ts'
import { npmStart, type Started } from '../support/npm-start.ts'
import { type WatchedPage, watchedPage } from '../support/watched-page.ts'

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

/** Opens the demo with controls of our own in its agent, which does not greet. */
async function open(path: string, controls: string): Promise<WatchedPage> {
  const watched = await watchedPage(browser)
  await watched.page.goto(new URL(path, started.url).href)
  await watched.page.evaluate((markup) => {
    const agent = document.querySelector('voice-agent') as HTMLElement
    agent.removeAttribute('greeting')
    agent.innerHTML = markup
  }, controls)
  return watched
}

/**
 * Resolved when an expression of the page's `agent` and its `session` holds. The page's own policy forbids the
 * evaluation that Playwright's waits need, so it is asked for.
 */
async function until(page: Page, expression: string): Promise<void> {
  const given = `(() => {
    const agent = document.querySelector('voice-agent')
    const { session } = agent
    return Boolean(session && ${expression})
  })()`
  while (!(await page.evaluate(given))) await delay(50)
}

async function stop(page: Page): Promise<void> {
  await page.evaluate(() =>
    (document.querySelector('voice-agent') as HTMLElement & { stop(): unknown }).stop(),
  )
  await page.close()
}

for (const path of ['/', '/?provider=deepgram-agent']) {
  test(`<voice-text-input>: a line typed on ${path} starts a conversation and is answered`, {
    timeout: 90_000,
  }, async () => {
    const { page, problems } = await open(
      path,
      '<voice-orb></voice-orb><voice-transcript></voice-transcript><voice-text-input></voice-text-input>',
    )
    const field = page.getByRole('textbox', { name: 'Type a message' })
    await field.fill('What is this page about?')
    await field.press('Enter')
    await until(page, "session.transcript.some(({ role, text }) => role === 'assistant' && text)")
    await until(page, 'session.outputLevel > 0')
    await until(page, "agent.querySelector('voice-orb').shadowRoot.querySelector('.ball').style.transform")
    assert.equal(await field.inputValue(), '')
    assert.deepEqual(problems, [])
    await stop(page)
  })

  test(`<voice-talk-button>: what is said while it is held on ${path} is answered when it is released`, {
    timeout: 90_000,
  }, async () => {
    const { page, problems } = await open(path, '<voice-talk-button></voice-talk-button>')
    await page.getByRole('button', { name: 'Hold to talk' }).hover()
    await page.mouse.down()
    await until(page, "session.state === 'open' && session.inputLevel > 0.4")
    assert.equal(await page.getByRole('button', { pressed: true }).count(), 1)
    await until(page, 'session.stats.bytesSent > 60_000')
    await page.mouse.up()
    await until(page, 'session.muted')
    await until(page, "session.transcript.some(({ role, text }) => role === 'assistant' && text)")
    assert.deepEqual(problems, [])
    await stop(page)
  })
}

test('<voice-device-select>: a microphone chosen before the start is the one that is asked for', {
  ...notInFirefox('the names of devices before one is in use'),
  timeout: 90_000,
}, async () => {
  const { page, problems } = await open(
    '/',
    '<voice-device-select></voice-device-select><voice-start-button></voice-start-button>',
  )
  const select = page.getByRole('combobox', { name: 'Microphone' })
  const options = select.locator('option')
  await options.nth(2).waitFor({ state: 'attached' })
  const wanted = await options.last().getAttribute('value')
  await select.selectOption(wanted)
  // The browser's answer is no proof: one that grants by itself, as in tests, gives its own default first.
  const asked = page.evaluate(
    () =>
      new Promise<unknown>((resolve) => {
        const { mediaDevices } = navigator
        const original = mediaDevices.getUserMedia
        mediaDevices.getUserMedia = (constraints) => {
          resolve((constraints as { audio: MediaTrackConstraints }).audio.deviceId)
          return original.call(mediaDevices, constraints)
        }
      }),
  )
  await page.getByRole('button', { name: /start/i }).click()
  assert.equal(await asked, wanted)
  await until(page, "session.state === 'open'")
  await select.selectOption('')
  await select.selectOption(wanted)
  await until(page, `session.stats.microphone?.deviceId === ${JSON.stringify(wanted)}`)
  assert.equal(await select.inputValue(), wanted)
  assert.deepEqual(problems, [])
  await stop(page)
})
