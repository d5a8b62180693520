import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { type Browser, chromium, type Page } from 'playwright'
import type { EmulatorConnection } from '../../server/emulator/src/index.ts'
import { launchBrowser, notInFirefox } from '../support/browser.ts'
import { chromiumOptions } from '../support/chromium.mjs'
import { type Stack, startStack } from '../support/stack.ts'
import { watchedPage } from '../support/watched-page.ts'

let stack: Stack
let browser: Browser

before(async () => {
  browser = await launchBrowser()
  stack = await startStack({ emulator: { pace: { thinkMs: 0 } } })
})
after(async () => {
  await browser.close()
  await stack.close()
})

/** Opens the page of one script tag and no set-up, and starts its agent by a click. */
async function startByClick(
  provider: string,
): Promise<{ page: Page; problems: string[]; connection: EmulatorConnection }> {
  const { page, problems } = await watchedPage(browser)
  await page.goto(`${stack.url}/tools.html?provider=${provider}&input=none`)
  const connecting = stack.emulator.once('connection')
  await page.getByRole('button', { name: 'Start talking' }).click()
  const connection = (await connecting) as EmulatorConnection
  await page.getByRole('button', { name: 'End' }).waitFor()
  return { page, problems, connection }
}

const say = (page: Page, text: string): Promise<void> =>
  page.evaluate((words) => {
    const { page: driver } = globalThis as unknown as { page: { say(text: string): void } }
    driver.say(words)
  }, text)

/** Waits until something was said. */
async function heard(page: Page, words: RegExp): Promise<void> {
  const said = (): Promise<string[]> => page.evaluate('page.said()')
  while (!(await said()).some((text) => words.test(text))) await delay(20)
}

for (const provider of ['openai-realtime', 'deepgram-agent'] as const) {
  test(`tools: ${provider} calls what the page's HTML describes`, { timeout: 60_000 }, async () => {
    const { page, problems, connection } = await startByClick(provider)
    await say(page, 'Please set color to teal')
    await heard(page, /The tool set color says: painted teal/)
    assert.equal(await page.getAttribute('body', 'data-color'), 'teal')
    assert.deepEqual(await page.evaluate('page.calls'), ['set_color running', 'set_color done'])

    assert.deepEqual(problems, [])
    await page.close()
    if (!connection.closed) await connection.once('close')
  })
}

test('tools: one that the page adds in mid-conversation is called', { timeout: 60_000 }, async () => {
  const { page, problems, connection } = await startByClick('openai-realtime')
  const updates = () => connection.received.filter(({ type }) => type === 'session.update')
  assert.equal(updates().length, 1)
  await page.evaluate("page.add('get_time')")
  while (updates().length < 2) await delay(20)
  const { session } = updates()[1]!.data as { session: { tools: { name: string }[] } }
  const names = session.tools.map(({ name }) => name)
  assert.deepEqual(names, ['set_color', 'get_time'])
  await say(page, 'Please get time')
  await heard(page, /The tool get time says: noon/)
  assert.deepEqual(problems, [])
  await page.close()
  if (!connection.closed) await connection.once('close')
})

for (const provider of ['deepgram-listen', 'deepgram-flux'] as const) {
  test(`tools: ${provider} writes down what the user says, though there is no agent`, {
    timeout: 60_000,
  }, async () => {
    const listening = await startStack({ emulator: { transcripts: ['Good morning.'] } })
    try {
      const { page, problems } = await watchedPage(browser)
      await page.goto(`${listening.url}/tools.html?provider=${provider}&input=microphone`)
      await page.getByRole('button', { name: 'Start talking' }).click()
      await heard(page, /Good morning/)
      assert.deepEqual(problems, [])
      await page.close()
    } finally {
      await listening.close()
    }
  })
}

test('recovery: a microphone that is refused is explained, and noticed when it is allowed', {
  ...notInFirefox('a permission that a driver refuses and grants'),
  timeout: 60_000,
}, async () => {
  const { args = [], ...options } = chromiumOptions()
  // A browser that nobody answers for: it refuses what was not allowed before.
  const strict = await chromium.launch({
    ...options,
    args: args.filter((argument) => argument !== '--use-fake-ui-for-media-stream'),
  })
  try {
    const context = await strict.newContext()
    const page = await context.newPage()
    await page.goto(`${stack.url}/tools.html?provider=openai-realtime&input=microphone`)
    await page.getByRole('button', { name: 'Start talking' }).click()
    const help = page.getByRole('group', { name: 'What you can do' })
    await help.getByRole('listitem').first().waitFor()
    await context.grantPermissions(['microphone'])
    await help.getByText('The microphone is allowed now').waitFor()
    const retry = help.getByRole('button', { name: 'Try again' })
    assert.equal(await retry.evaluate((button) => button.matches(':focus')), true)
    await page.keyboard.press('Enter')
    await page.getByRole('button', { name: 'End' }).waitFor()
    assert.equal(await help.count(), 0)
    await page.close()
  } finally {
    await strict.close()
  }
})
