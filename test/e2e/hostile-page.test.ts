import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import type { Browser, Page } from 'playwright'
import type { VoiceAgent } from '../../elements/index.ts'
import { launchBrowser } from '../support/browser.ts'
import { type Stack, startStack } from '../support/stack.ts'

/** Where pictures that differ are put, for the eye. */
const PICTURES = new URL('../../.cache/hostile-page/', import.meta.url)

/** Where elements stand and how wide they are is the page's; nothing of it is on trial here. */
const LAYOUT = `
  voice-agent, voice-agent > * {
    position: absolute !important;
    inset: 8px auto auto 8px !important;
    display: block !important;
    box-sizing: border-box !important;
    width: 400px !important;
    margin: 0 !important;
    padding: 0 !important;
    border: 0 !important;
  }
  head, p { display: none !important; }
  #whole[layout='panel'] { height: 440px !important; }
  #home { top: 480px !important; }
  voice-meter { top: 100px !important; }
  voice-transcript { top: 160px !important; }
  voice-start-button { top: 400px !important; }
  voice-mute-button { top: 460px !important; }`

/** What pages do to all that they hold, none of which is to change a pixel inside an element. */
const HOSTILE: Readonly<Record<string, string>> = {
  'rules for everything': `* {
    all: unset !important;
    display: block !important;
    color: red !important;
    font: italic 900 30px/3 monospace !important;
    letter-spacing: 9px !important;
    word-spacing: 20px !important;
    text-align: right !important;
    text-transform: uppercase !important;
    text-indent: 30px !important;
    text-shadow: 2px 2px red !important;
    white-space: pre !important;
    cursor: wait !important;
    list-style: square !important;
    visibility: visible !important;
  }`,
  'all: unset': 'voice-agent, voice-agent * { all: unset } p { display: none }',
  'all: revert': '*, *::before, *::after { all: revert !important }',
  'a reset': `*, ::before, ::after { box-sizing: border-box; margin: 0; padding: 0; border: 0 solid; }
    button, [role], svg, i, p, span, div { all: unset; }
    ol, ul { list-style: none } svg, img { display: block; vertical-align: middle }`,
  'large type at the root': 'html { font-size: 40px }',
  'tiny type at the root': 'html { font-size: 6px }',
  'inherited type': `html { font: italic 900 26px/3 serif; font-variant: small-caps; font-stretch: condensed;
    font-feature-settings: "smcp"; font-kerning: none; font-size-adjust: 0.8; font-synthesis: none }`,
  'inherited text': `body { line-height: 3; text-transform: uppercase; letter-spacing: 5px; word-spacing: 1em;
    text-align: end; text-align-last: justify; text-indent: 3em; text-shadow: 0 0 4px red; white-space: pre;
    word-break: break-all; hyphens: auto; tab-size: 1; text-rendering: geometricPrecision; text-wrap: balance;
    -webkit-text-stroke: 1px red; -webkit-text-fill-color: red; text-emphasis: dot; text-underline-offset: 9px;
    hanging-punctuation: first; line-break: anywhere; text-orientation: upright; ruby-position: under;
    text-combine-upright: all; -webkit-font-smoothing: none; -webkit-line-break: after-white-space }`,
  'inherited paint': `body { color: red; fill: red; stroke: red; stroke-width: 9; stroke-dasharray: 2 2;
    stroke-linecap: butt; stroke-linejoin: bevel; stroke-opacity: 0.2; fill-opacity: 0.2; fill-rule: evenodd;
    accent-color: red; caret-color: red; scrollbar-color: red blue; shape-rendering: crispEdges;
    paint-order: stroke; image-rendering: pixelated; color-interpolation: linearRGB }`,
  'inherited boxes': `body { border-collapse: collapse; border-spacing: 30px; empty-cells: hide; orphans: 9;
    list-style: square inside; quotes: "a" "b"; caption-side: bottom; cursor: wait; user-select: none }`,
  'vertical writing': 'voice-agent, voice-agent > * { writing-mode: vertical-rl }',
  decorations: 'voice-agent, voice-agent > * { text-decoration: underline wavy red }',
  'first lines':
    'body::first-line, voice-agent::first-line, * ::first-letter { color: red; font-size: 60px }',
  'selectors for what is inside': `button, .root, .card, [part], voice-start-button button, svg, i, .controls
    { display: none !important; background: red !important }`,
  'properties named like those inside': `* { --accent: red; --on-accent: red; --surface: red; --text: red;
    --secondary: red; --border: red; --danger: red; --success: red }`,
}

let stack: Stack
let browser: Browser
const files: Record<string, string> = { '/layout.css': LAYOUT, '/rules.css': '' }

before(async () => {
  browser = await launchBrowser()
  stack = await startStack({ files })
})
after(async () => {
  await browser.close()
  await stack.close()
})

/** Opens the page with a style sheet, in the middle of a conversation that came to nothing. */
async function open(rules: string, layout = 'inline'): Promise<Page> {
  files['/rules.css'] = rules
  const page = await browser.newPage({ reducedMotion: 'reduce', viewport: { width: 800, height: 2400 } })
  await page.goto(`${stack.url}/styled.html`)
  await page.evaluate(async (layout) => {
    const whole = document.querySelector('#whole') as VoiceAgent
    whole.setAttribute('layout', layout)
    whole.open = true
    for (const agent of document.querySelectorAll<VoiceAgent>('voice-agent')) {
      const history = [
        { role: 'user', text: 'What is this?' },
        { role: 'assistant', text: 'A page that would like to have it its own way.' },
      ] as const
      agent.sessionOptions = { history, input: 'none' }
      await agent.start().catch(() => {})
    }
  }, layout)
  return page
}

/** @returns What is seen inside of every element, by its name. */
async function pictures(page: Page): Promise<Map<string, Buffer>> {
  const boxes = await page.evaluate(() =>
    [
      '#whole',
      'voice-status',
      'voice-meter',
      'voice-transcript',
      'voice-start-button',
      'voice-mute-button',
    ].map((selector) => {
      const root = document.querySelector(selector)?.shadowRoot?.querySelector('.root')
      const { x, y, width, height } = root?.getBoundingClientRect() ?? new DOMRect()
      return { selector, clip: { x, y, width, height } }
    }),
  )
  const found = new Map<string, Buffer>()
  for (const { selector, clip } of boxes) {
    assert.ok(clip.width > 0 && clip.height > 0, `${selector} has no size`)
    found.set(selector, await page.screenshot({ clip, animations: 'disabled' }))
  }
  return found
}

/** @returns The elements whose pictures differ from those of another page. */
async function differences(rules: string, reference = ''): Promise<string[]> {
  const [quiet, page] = [await open(reference), await open(rules)]
  try {
    const [expected, actual] = [await pictures(quiet), await pictures(page)]
    const different = [...actual].filter(([name, picture]) => !expected.get(name)?.equals(picture))
    for (const [name, picture] of different) {
      mkdirSync(PICTURES, { recursive: true })
      writeFileSync(new URL(`${encodeURIComponent(name)} expected.png`, PICTURES), expected.get(name) ?? '')
      writeFileSync(new URL(`${encodeURIComponent(name)} actual.png`, PICTURES), picture)
    }
    return different.map(([name]) => name)
  } finally {
    await quiet.close()
    await page.close()
  }
}

for (const [name, rules] of Object.entries(HOSTILE)) {
  test(`hostile page: ${name} changes no pixel inside`, async () => {
    assert.deepEqual(await differences(rules), [])
  })
}

/** What a layout shows, by selectors in its shadow root. */
const LAYOUTS: Readonly<Record<string, readonly string[]>> = {
  panel: ['.root'],
  orb: ['.root'],
  floating: ['.dialog', '.launcher'],
  bar: ['.line', '.sheet'],
}

/** The hardest of them all, at once, but for those that undo each other. */
const WORST = ['rules for everything', 'inherited type', 'inherited paint', 'vertical writing', 'decorations']
  .map((name) => HOSTILE[name])
  .concat('html { font-size: 40px }')
  .join('\n')

for (const [layout, selectors] of Object.entries(LAYOUTS)) {
  test(`hostile page: nothing changes a pixel inside the layout ${layout}`, async () => {
    // One after the other: Firefox shows what has the focus in the page that is in front alone.
    const [expected, actual] = [await insides('', layout, selectors), await insides(WORST, layout, selectors)]
    for (const [index, selector] of selectors.entries())
      assert.ok(expected[index]!.equals(actual[index]!), selector)
  })
}

/** @returns A picture of each selector on a page with these rules. */
async function insides(rules: string, layout: string, selectors: readonly string[]): Promise<Buffer[]> {
  const page = await open(rules, layout)
  const found: Buffer[] = []
  for (const selector of selectors) found.push(await inside(page, selector))
  await page.close()
  return found
}

/** @returns A picture of something in the shadow root of the whole agent. */
async function inside(page: Page, selector: string): Promise<Buffer> {
  const clip = await page.evaluate((selector) => {
    const element = document.querySelector('#whole')?.shadowRoot?.querySelector(selector)
    const { x, y, width, height } = element?.getBoundingClientRect() ?? new DOMRect()
    return { x, y, width, height }
  }, selector)
  assert.ok(clip.width > 0 && clip.height > 0, `${selector} has no size`)
  return page.screenshot({ clip, animations: 'disabled' })
}

test('quiet page: what is documented does change the look', async () => {
  const rules: Readonly<Record<string, readonly string[]>> = {
    'voice-agent { --voicewire-accent: #0a0 }': ['#whole', 'voice-transcript', 'voice-start-button'],
    'html { --voicewire-font-size: 20px }': [
      ...[
        '#whole',
        'voice-status',
        'voice-meter',
        'voice-transcript',
        'voice-start-button',
        'voice-mute-button',
      ],
    ],
    '#whole::part(panel) { background: #eee }': ['#whole'],
    'voice-status::part(message) { color: #0a0 }': ['voice-status'],
  }
  for (const [rule, changed] of Object.entries(rules))
    assert.deepEqual(await differences(rule), changed, rule)
})

test('a page that reads from right to left turns the elements as dir on them does', async () => {
  assert.deepEqual(await differences('html { direction: rtl }', 'voice-agent { direction: rtl }'), [])
})

test('a page’s own content inside a <voice-agent> looks and is measured as the page says', async () => {
  const page = await open(
    '#home { --border: 7px; font: italic 30px/2 serif; color: rgb(1 2 3) } p { display: block !important; outline: solid; outline-width: var(--border) }',
  )
  const own = await page.evaluate(() => {
    const { fontSize, fontStyle, fontFamily, color, outlineWidth, lineHeight } = getComputedStyle(
      document.querySelector('#home > p') as Element,
    )
    return { fontSize, fontStyle, fontFamily, color, outlineWidth, lineHeight }
  })
  await page.close()
  assert.deepEqual(own, {
    fontSize: '30px',
    fontStyle: 'italic',
    fontFamily: 'serif',
    color: 'rgb(1, 2, 3)',
    outlineWidth: '7px',
    lineHeight: '60px',
  })
})

test('hidden hides an element whatever display the page gives it', async () => {
  const page = await open('voice-agent { display: block }')
  const display = await page.evaluate(() => {
    const agent = document.querySelector('#whole') as HTMLElement
    agent.hidden = true
    return getComputedStyle(agent).display
  })
  await page.close()
  assert.equal(display, 'none')
})
