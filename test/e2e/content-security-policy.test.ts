import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, type TestContext, test } from 'node:test'
import { type Browser, launch } from 'puppeteer-core'
import { chromiumOptions } from '../support/chromium.mjs'
import { findFirefox, firefoxOptions } from '../support/firefox.ts'
import { startSoundServer } from '../support/sound-server.ts'
import {
  endsClean,
  found,
  inside,
  pageOf,
  press,
  type StrictPage,
  says,
  strict,
  until,
  untilTrue,
  withPage,
} from '../support/strict-page.ts'

const NONCE = 'only-for-this-page'

/** Where the button is that starts and ends. */
const START = ['voice-agent', 'voice-start-button', 'button'] as const

const RELAY = 'proxy-endpoint="/" token-endpoint="/api/voice-agent/token"'
const GREETING = 'greeting="Hello, and welcome to this page."'

/** The page with a nonce on its scripts. */
function withNonce(): string {
  const page = readFileSync(new URL('pages/agent.html', import.meta.url), 'utf8')
  return page.replaceAll('<script', `<script nonce="${NONCE}"`)
}

/** What every page has to do, in any browser. */
async function judge(t: TestContext, browser: Browser): Promise<void> {
  await t.test('a whole conversation under a strict policy, with nothing forbidden', () =>
    withPage(browser, { csp: strict }, async ({ page, problems }) => {
      // The fake microphone never pauses, which would cut the agent off: it is heard on its own.
      await page.evaluate(`agent.muted = true`)
      await press(page, ...START)
      await until(page, 'the greeting', says('assistant', /welcome/))
      await until(page, 'the agent’s voice', ({ loudestOutput }) => loudestOutput > 0.01)
      await page.evaluate(`agent.muted = false`)
      await until(page, 'the user’s voice', ({ loudestInput }) => loudestInput > 0.01)
      await page.evaluate(`agent.muted = true`)
      await page.evaluate(`agent.session.sendText('Tell me of turtles')`)
      await until(page, 'what was typed', says('user', /turtles/))
      await until(page, 'the answer to it', says('assistant', /turtles/))
      await press(page, ...START)
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
      await press(page, ...START)
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

async function blocked({ page }: StrictPage): Promise<void> {
  await press(page, ...START)
  const { errors, state } = await until(page, 'the error', (status) => status.errors.length > 0)
  assert.equal(state, 'closed')
  assert.equal(errors.length, 1)
  assert.equal(errors[0]?.name, 'VoiceError')
  assert.equal(errors[0]?.code, 'worklet-blocked')
  assert.match(errors[0]?.hint ?? '', /workletUrls.*CSP \(script-src 'self'\)/)
}

/** Opens a strict page with this markup, has it tried, and finds nothing forbidden, failed or in the console. */
async function tried(
  browser: Browser,
  markup: string,
  run: (opened: StrictPage) => Promise<void>,
  lang?: string,
): Promise<void> {
  const files = { '/strict.html': pageOf(markup, lang) }
  await withPage(browser, { csp: strict, files, path: '/strict.html' }, async (opened) => {
    await run(opened)
    await endsClean(opened)
  })
}

/** Layouts, and how a user comes to the button that starts. */
const LAYOUTS: Readonly<Record<string, (opened: StrictPage) => Promise<void>>> = {
  panel: async () => {},
  floating: async ({ page }) => {
    await press(page, 'voice-agent', '.launcher')
    await untilTrue(page, `${inside('voice-agent', '.dialog')}.matches(':popover-open')`)
  },
  bar: async ({ page }) => {
    await press(page, 'voice-agent', '.chevron')
    await untilTrue(page, `${inside('voice-agent', '.sheet')}.checkVisibility()`)
  },
  orb: async () => {},
}

/** What loads code of its own, or draws by itself. */
async function judgeParts(t: TestContext, browser: Browser): Promise<void> {
  for (const [layout, show] of Object.entries(LAYOUTS)) {
    await t.test(`layout="${layout}" is shown, and converses`, () =>
      tried(
        browser,
        `<voice-agent ${RELAY} ${GREETING} layout="${layout}"></voice-agent>`,
        async (opened) => {
          const { page } = opened
          await show(opened)
          await page.evaluate('agent.muted = true')
          await press(page, ...START)
          await until(page, 'the greeting', says('assistant', /welcome/))
          await until(page, 'the agent’s voice', ({ loudestOutput }) => loudestOutput > 0.01)
          if (layout === 'bar') return
          // What is drawn by scripts moves with the sound.
          await untilTrue(page, `${inside('voice-agent', 'voice-orb', '.ball')}.style.transform`)
        },
      ),
    )
  }

  await t.test('mode="text": what is typed is answered, and talking goes on from there', () =>
    tried(browser, `<voice-agent ${RELAY} mode="text"></voice-agent>`, async ({ page }) => {
      await press(page, 'voice-agent', 'voice-text-input', 'textarea')
      await page.keyboard.type('Tell me of turtles')
      await page.keyboard.press('Enter')
      await until(page, 'what was typed', says('user', /turtles/))
      await until(page, 'the answer to it', says('assistant', /\w/))
      await press(page, 'voice-agent', 'voice-mode-button', 'button')
      await until(page, 'the user’s voice', ({ loudestInput }) => loudestInput > 0.01)
    }),
  )

  await t.test('<voice-tool>: what plain HTML describes is called', () =>
    withPage(
      browser,
      { csp: strict, path: '/tools.html?provider=openai-realtime&input=none' },
      async (opened) => {
        const { page } = opened
        await press(page, ...START)
        await until(page, 'the agent', ({ state }) => state === 'open')
        await page.evaluate(`agent.session.sendText('Please set color to teal')`)
        await until(page, 'the answer', says('assistant', /The tool set color says: painted teal/))
        assert.equal(await page.evaluate('document.body.dataset.color'), 'teal')
        await endsClean(opened)
      },
    ),
  )

  await t.test('push-to-talk: what is said while Space is held is answered', () =>
    tried(browser, `<voice-agent ${RELAY} push-to-talk></voice-agent>`, async ({ page }) => {
      // A press of this driver's mouse has no force, as one that assistive technology makes.
      await (await found(page, 'voice-agent', 'voice-talk-button', 'button')).focus()
      await page.keyboard.down(' ')
      await until(page, 'the user’s voice', ({ inputLevel }) => inputLevel > 0.01)
      await untilTrue(page, 'agent.session.stats.bytesSent > 30_000')
      await page.keyboard.up(' ')
      await untilTrue(page, 'agent.muted')
      await until(page, 'the answer', says('assistant', /\w/))
    }),
  )

  await t.test('<voice-device-select>: a microphone is chosen in mid-conversation', () => {
    const controls = `<voice-device-select></voice-device-select><voice-start-button></voice-start-button>`
    return tried(browser, `<voice-agent ${RELAY}>${controls}</voice-agent>`, async ({ page }) => {
      await press(page, 'voice-start-button', 'button')
      await until(page, 'the agent', ({ state }) => state === 'open')
      const select = inside('voice-device-select', 'select')
      await untilTrue(page, `${select}?.options.length > 1`)
      // A loudspeaker's monitor, which Firefox offers too, is silent where nothing plays.
      const wanted = (await page.evaluate(
        `[...${select}.options].findLast(({ label }) => !/^Monitor/.test(label)).value`,
      )) as string
      await (await found(page, 'voice-device-select', 'select')).select(wanted)
      await untilTrue(page, `agent.session.stats.microphone?.deviceId === ${JSON.stringify(wanted)}`)
      await until(page, 'its sound', ({ inputLevel }) => inputLevel > 0.01)
    })
  })

  await t.test('<voice-recovery>: a microphone that is refused is explained, and tried again', () =>
    withPage(browser, { csp: strict }, async (opened) => {
      const { page, problems } = opened
      await page.evaluate(`
        const { mediaDevices } = navigator
        mediaDevices.getUserMedia = () => {
          delete mediaDevices.getUserMedia
          return Promise.reject(new DOMException('Nobody answered', 'NotAllowedError'))
        }`)
      await press(page, ...START)
      const recovery = ['voice-agent', 'voice-status', 'voice-recovery'] as const
      await found(page, ...recovery, 'li')
      await press(page, ...recovery, '[part~=retry-button]')
      const { errors, violations } = await until(page, 'the agent', ({ state }) => state === 'open')
      const codes = errors.map(({ code }) => code)
      assert.deepEqual(
        { codes, violations, problems },
        { codes: ['microphone-denied'], violations: [], problems: [] },
      )
    }),
  )

  await t.test('debug: the overlay opens, and shows how the session fares', () =>
    tried(browser, `<voice-agent ${RELAY} ${GREETING} debug></voice-agent>`, async ({ page }) => {
      await page.evaluate('agent.muted = true')
      await press(page, ...START)
      await press(page, 'voice-agent', 'voice-debug', '[part~=toggle-button]')
      await untilTrue(
        page,
        `/provider.*openai/s.test(${inside('voice-agent', 'voice-debug', '[part=facts]')}?.textContent)`,
      )
      await until(page, 'the greeting', says('assistant', /welcome/))
      await press(page, 'voice-agent', 'voice-debug', '[part~=download-button]')
      await untilTrue(page, `${inside('voice-agent', 'voice-debug', '[role=status]')}.textContent`)
    }),
  )

  await t.test('lang="de": the words are loaded', () =>
    tried(
      browser,
      `<voice-agent ${RELAY}></voice-agent>`,
      async ({ page }) => {
        await untilTrue(page, `/Gespräch beginnen/.test(${inside(...START)}?.textContent)`)
        await page.evaluate('agent.muted = true')
        await press(page, ...START)
        await until(page, 'the agent', ({ state }) => state === 'open')
        await untilTrue(page, `/Beenden/.test(${inside(...START)}.textContent)`)
      },
      'de',
    ),
  )

  await t.test('two agents on a page each converse', () => {
    const second = `<voice-agent ${RELAY} ${GREETING} provider="deepgram-agent" id="second"></voice-agent>`
    return tried(browser, `<voice-agent ${RELAY} ${GREETING}></voice-agent>${second}`, async ({ page }) => {
      await page.evaluate('for (const each of document.querySelectorAll("voice-agent")) each.muted = true')
      await press(page, ...START)
      await press(page, '#second', 'voice-start-button', 'button')
      await until(page, 'the first greeting', says('assistant', /welcome/), 0)
      await until(page, 'the second greeting', says('assistant', /welcome/), 1)
      await page.evaluate(`void document.querySelector('#second').stop()`)
      await until(page, 'the second’s end', ({ state }) => state === 'closed', 1)
      await until(page, 'the first going on', ({ state }) => state === 'open', 0)
    })
  })
}

const firefox = findFirefox()
const skip = firefox ? false : 'Firefox was not found: install firefox-esr, or set FIREFOX_PATH'

// Mostly they wait, so they do so together.
describe('Content-Security-Policy', { concurrency: true }, () => {
  test('in Chromium', { timeout: 180_000 }, async (t) => {
    const { executablePath = '', args = [] } = chromiumOptions()
    const browser = await launch({ executablePath, headless: true, args })
    t.after(() => browser.close())
    await judge(t, browser)
    await judgeParts(t, browser)
  })

  test('in Firefox', { skip, timeout: 180_000 }, async (t) => {
    const sound = await startSoundServer()
    if (!sound && process.platform === 'linux') return t.skip('PulseAudio was not found: install pulseaudio')
    t.after(() => sound?.close())
    const browser = await launch(firefoxOptions(firefox ?? '', sound))
    t.after(() => browser.close())
    await judge(t, browser)
    await judgeParts(t, browser)
  })
})
