import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { after, before, test } from 'node:test'
import type { Browser, Page } from 'playwright'
import { launchBrowser, notInFirefox } from '../support/browser.ts'
import { npmStart, type Started } from '../support/npm-start.ts'
import { watchPage } from '../support/watched-page.ts'

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const SCHEMES = ['light', 'dark'] as const
const NO_MEDIA = 'emulated media features, for which Firefox has no command'

/** What the tests need of a `<voice-agent>`. */
interface Agent extends HTMLElement {
  readonly session: { readonly state: string; readonly outputLevel: number } | null
  mode: string
  start(): Promise<void>
  stop(): Promise<void>
}

let started: Started
let browser: Browser

before(async () => {
  started = await npmStart()
  browser = await launchBrowser({ lessMotion: true })
})
after(async () => {
  await browser.close()
  await started.stop()
})

interface Opened {
  readonly page: Page
  readonly problems: string[]
  close(): Promise<void>
}

async function open(
  query: string,
  colorScheme: 'light' | 'dark' = 'light',
  before?: string,
): Promise<Opened> {
  const context = await browser.newContext({
    colorScheme,
    viewport: { width: 900, height: 760 },
    reducedMotion: 'reduce',
  })
  const { page, problems } = watchPage(await context.newPage())
  if (before) await page.addInitScript(before)
  await page.goto(new URL(`/layouts.html?${query}`, started.url).href)
  await page.waitForFunction(() => {
    const agent = document.querySelector('voice-agent') as (HTMLElement & { hasUpdated?: boolean }) | null
    return agent?.hasUpdated
  })
  return { page, problems, close: () => context.close() }
}

/** All of axe's rules, best practice too, over the debugging protocol: the page's own policy allows no script of ours. */
async function audit(page: Page): Promise<string[]> {
  await page.evaluate(AXE)
  return page.evaluate(async () => {
    const { axe } = globalThis as unknown as {
      axe: {
        run(): Promise<{ violations: { id: string; help: string; nodes: { html: string }[] }[] }>
      }
    }
    const { violations } = await axe.run()
    return violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ html }) => html)}`)
  })
}

async function startTalking(page: Page): Promise<void> {
  await page.evaluate(() => (document.querySelector('voice-agent') as unknown as Agent).start())
  await page.waitForFunction(() => {
    const { session } = document.querySelector('voice-agent') as unknown as Agent
    return session !== null && session.outputLevel > 0
  })
}

/** Attributes by look; what is not named is not set. */
const LOOKS: readonly Readonly<Record<string, string>>[] = [
  { layout: 'inline' },
  { layout: 'inline', mode: 'text' },
  { layout: 'inline', 'push-to-talk': '' },
  { layout: 'panel' },
  { layout: 'panel', mode: 'text' },
  { layout: 'floating' },
  { layout: 'floating', open: '' },
  { layout: 'floating', open: '', mode: 'text' },
  { layout: 'bar' },
  { layout: 'bar', open: '' },
  { layout: 'bar', open: '', mode: 'text' },
  { layout: 'orb' },
  { layout: 'orb', mode: 'text' },
]

/** Audits every look, one after the other, of an agent that goes on with what it does. */
async function auditLooks(page: Page): Promise<Record<string, string[]>> {
  const faults: Record<string, string[]> = {}
  for (const look of LOOKS) {
    await page.evaluate(async (look) => {
      const agent = document.querySelector('voice-agent') as HTMLElement & {
        updateComplete: Promise<unknown>
      }
      for (const name of ['layout', 'mode', 'open', 'push-to-talk']) {
        if (name in look) agent.setAttribute(name, look[name] ?? '')
        else if (name === 'mode') agent.setAttribute(name, 'voice')
        else agent.removeAttribute(name)
      }
      document.body.dataset['layout'] = look['layout']
      await agent.updateComplete
    }, look)
    const found = await audit(page)
    if (found.length > 0) faults[JSON.stringify(look)] = found
  }
  return faults
}

for (const scheme of SCHEMES) {
  const options = scheme === 'dark' ? notInFirefox(NO_MEDIA) : {}
  test(
    `<voice-agent> is clean to axe in every layout, before and in a conversation, ${scheme}`,
    options,
    async () => {
      const { page, problems, close } = await open('layout=inline', scheme)
      assert.deepEqual(await auditLooks(page), {})
      await startTalking(page)
      assert.deepEqual(await auditLooks(page), {})
      assert.equal(
        await page.evaluate(() => (document.querySelector('voice-agent') as unknown as Agent).session?.state),
        'open',
      )
      assert.deepEqual(problems, [])
      await close()
    },
  )
}

/** Where the focus is: the innermost element's name, and whether a user can see it. */
async function focused(page: Page): Promise<string> {
  return page.evaluate(() => {
    let element = document.activeElement
    while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement
    if (!element || element === document.body) return 'page'
    const { left, top, right, bottom, width, height } = element.getBoundingClientRect()
    const inside = left >= 0 && top >= 0 && right <= innerWidth && bottom <= innerHeight
    const seen = width > 4 && height > 4 && inside && element.checkVisibility({ visibilityProperty: true })
    const spoken = [...(element as HTMLElement).querySelectorAll('[aria-hidden=true]')].map(
      (hidden) => hidden.textContent,
    )
    const text = spoken.reduce((text, hidden) => text?.replace(hidden ?? '', ''), element.textContent)
    const name = element.getAttribute('aria-label') ?? text ?? ''
    return `${name.replace(/\s+/g, ' ').trim()}${seen ? '' : ' (not to be seen)'}`
  })
}

/** The stops of the Tab key from the last link above the agent on. */
async function walk(page: Page, presses: number): Promise<string[]> {
  const stops: string[] = []
  await page.locator('nav a').last().focus()
  for (let press = 0; press < presses; press++) {
    await page.keyboard.press('Tab')
    stops.push(await focused(page))
  }
  return stops
}

const WALKS: Readonly<Record<string, readonly string[]>> = {
  'layout=inline': ['Conversation', 'Start talking', 'Mute', 'Type instead'],
  'layout=inline&push-to-talk': ['Conversation', 'Hold to talk', 'Type instead'],
  'layout=inline&mode=text': ['Conversation', 'Type a message', 'Send', 'Talk instead'],
  'layout=panel': ['Conversation', 'Start talking', 'Mute', 'Type instead'],
  'layout=floating': ['Open voice agent'],
  'layout=floating&open': ['Close', 'Conversation', 'Start talking', 'Mute', 'Type instead'],
  'layout=bar': ['Show conversation', 'Start talking', 'Mute', 'Type instead'],
  'layout=bar&open': ['Conversation', 'Show conversation', 'Start talking', 'Mute', 'Type instead'],
  'layout=orb': ['Start talking', 'Mute', 'Type instead'],
}

for (const [look, stops] of Object.entries(WALKS)) {
  test(`<voice-agent> ${look} is walked through by Tab: ${stops.join(', ')}`, async () => {
    const { page, close } = await open(look)
    await page.evaluate(() => {
      document.querySelector('main')?.scrollIntoView()
    })
    assert.deepEqual(await walk(page, stops.length), stops)
    await page.keyboard.press('Tab')
    assert.equal(await focused(page), 'page')
    await close()
  })
}

test('<voice-agent layout="floating"> opens by key, takes the focus, and gives it back at Escape', async () => {
  const { page, close } = await open('layout=floating')
  const launcher = page.getByRole('button', { name: 'Open voice agent' })
  await launcher.focus()
  await page.keyboard.press('Enter')
  await page.getByRole('dialog').waitFor()
  assert.equal(await focused(page), 'Start talking')
  await page.keyboard.press('Escape')
  await page.getByRole('dialog').waitFor({ state: 'hidden' })
  assert.equal(await focused(page), 'Open voice agent')
  assert.equal(await page.locator('voice-agent').getAttribute('open'), null)
  await close()
})

test('<voice-agent layout="floating"> goes on talking while it is closed', async () => {
  const { page, close } = await open('layout=floating&open')
  await startTalking(page)
  await page.getByRole('button', { name: 'Close' }).click()
  await page.getByRole('dialog').waitFor({ state: 'hidden' })
  assert.equal(
    await page.evaluate(() => (document.querySelector('voice-agent') as unknown as Agent).session?.state),
    'open',
  )
  await close()
})

/** Notes all that asks for the microphone or the network. */
const NOTE = `
  globalThis.asked = []
  const note = (target, name) => {
    const call = target[name]
    target[name] = function (...given) { asked.push(name); return call.apply(this, given) }
  }
  // Firefox also runs this in the empty page before, which has none.
  if (globalThis.MediaDevices) note(MediaDevices.prototype, 'getUserMedia')
  note(globalThis, 'fetch')
  globalThis.WebSocket = class extends WebSocket { constructor(...given) { asked.push('WebSocket'); super(...given) } }
`
const asked = (page: Page): Promise<string[]> => page.evaluate('asked')

test('<voice-agent> with something to consent to asks for nothing before', async () => {
  const { page, problems, close } = await open('layout=inline&consent', 'light', NOTE)
  await page.getByRole('button', { name: 'Start talking' }).click()
  await page.getByText('This conversation is recorded').waitFor()
  assert.deepEqual(await audit(page), [])
  await page.getByRole('button', { name: 'Not now' }).click()
  await page.getByRole('button', { name: 'Start talking' }).waitFor()
  assert.equal(await focused(page), 'Start talking')
  assert.deepEqual(await asked(page), [])
  await page.keyboard.press('Enter')
  await page.getByRole('button', { name: 'Continue' }).click()
  await page
    .getByText(/listening|speaking|thinking/i)
    .first()
    .waitFor()
  assert.deepEqual(new Set(await asked(page)), new Set(['getUserMedia', 'fetch', 'WebSocket']))
  assert.equal(await page.locator('voice-agent').getAttribute('consented'), '')
  assert.deepEqual(problems, [])
  await close()
})

test('<voice-agent mode="text"> converses without the microphone, and takes it when the user would talk', async () => {
  const { page, problems, close } = await open('layout=inline&mode=text', 'light', NOTE)
  await page.getByRole('textbox').fill('Good morning')
  await page.keyboard.press('Enter')
  await page.getByRole('log').getByText('Good morning').first().waitFor()
  await page.waitForFunction(() => {
    const log = document
      .querySelector('voice-agent')
      ?.shadowRoot?.querySelector('voice-transcript')?.shadowRoot
    return (log?.querySelectorAll('.assistant:not([aria-hidden])').length ?? 0) > 1
  })
  assert.ok(!(await asked(page)).includes('getUserMedia'))
  await page.getByRole('button', { name: 'Talk instead' }).click()
  await page.waitForFunction("asked.includes('getUserMedia')")
  await page
    .getByText(/\d seconds of speech/)
    .first()
    .waitFor()
  assert.deepEqual(problems, [])
  await close()
})
