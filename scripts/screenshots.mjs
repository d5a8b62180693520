/** `npm run screenshots`: every layout of `<voice-agent>` in `docs/screenshots/`, light and dark, in a real conversation. */

import { mkdir } from 'node:fs/promises'
import { chromium } from 'playwright'
import { chromiumOptions } from '../test/support/chromium.mjs'
import { startStack } from '../test/support/stack.ts'
import { build } from './build.mjs'
import { ROOT } from './environment.mjs'

const FOLDER = `${ROOT}/docs/screenshots`
const SCHEMES = ['light', 'dark']

/** What to photograph: the tag's attributes, how wide the window is, and whether a conversation is going on. */
const SHOTS = {
  inline: { attributes: '', live: true },
  text: { attributes: 'mode="text"', live: true },
  panel: { attributes: 'layout="panel"', live: true },
  floating: { attributes: 'layout="floating" open', live: true, window: true },
  launcher: { attributes: 'layout="floating"', window: true },
  bar: { attributes: 'layout="bar"', live: true, window: true },
  'bar-open': { attributes: 'layout="bar" open', live: true, window: true },
  orb: { attributes: 'layout="orb"', live: true },
  ready: { attributes: '' },
  narrow: { attributes: 'layout="floating" open', live: true, window: true, width: 390 },
}

const GREETING = 'Hello! How may I help you with your order?'
const QUESTION = 'Where is my parcel?'
const ANSWER = 'It left the warehouse this morning, and should be with you tomorrow before noon.'

const page = (attributes) => `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <title>Layouts</title>
    <link rel="stylesheet" href="/screenshots.css">
    <script type="module" src="/dist/voice-agent.js"></script>
  </head>
  <body>
    <voice-agent proxy-endpoint="/" token-endpoint="/api/voice-agent/token" greeting="${GREETING}" ${attributes}></voice-agent>
  </body>
</html>`

const files = Object.fromEntries(
  Object.entries(SHOTS).map(([name, { attributes }]) => [`/${name}.html`, page(attributes)]),
)

/** A quiet page, with something like text where the window is shown. */
const CSS = `
:root { color-scheme: light dark; }
body { margin: 0; padding: 32px; background: light-dark(#f3f4f9, #0e1016); font-family: system-ui, sans-serif; }
voice-agent { display: block; inline-size: 23em; }
voice-agent[layout='panel'] { block-size: 36em; }
`

/** Waits for the agent's answer, and for its voice. */
async function converse(browserPage) {
  await browserPage.evaluate(() => document.querySelector('voice-agent').start())
  await browserPage.waitForFunction((answer) => {
    const { session } = document.querySelector('voice-agent')
    const last = session.transcript.at(-1)
    return last?.role === 'assistant' && answer.startsWith(last.text.slice(0, 12)) && last.text.length > 30
  }, ANSWER)
  await browserPage.waitForFunction(() => document.querySelector('voice-agent').session.outputLevel > 0.1)
}

await build()
await mkdir(FOLDER, { recursive: true })
const stack = await startStack({
  files: { ...files, '/screenshots.css': CSS },
  emulator: { transcripts: [QUESTION], respond: () => ANSWER },
})
const browser = await chromium.launch(chromiumOptions())
try {
  for (const colorScheme of SCHEMES) {
    for (const [name, { live, window, width = 760 }] of Object.entries(SHOTS)) {
      const context = await browser.newContext({
        colorScheme,
        viewport: { width, height: 640 },
        deviceScaleFactor: 2,
      })
      const browserPage = await context.newPage()
      await browserPage.goto(`${stack.url}/${name}.html`)
      await browserPage.waitForFunction(() => document.querySelector('voice-agent').hasUpdated)
      if (live) await converse(browserPage)
      const path = `${FOLDER}/${name}-${colorScheme}.png`
      const clip = window ? undefined : await browserPage.locator('voice-agent').boundingBox()
      const around = clip && {
        x: clip.x - 32,
        y: clip.y - 32,
        width: clip.width + 64,
        height: clip.height + 64,
      }
      await browserPage.screenshot({ path, ...(around && { clip: around }) })
      await context.close()
    }
  }
} finally {
  await browser.close()
  await stack.close()
}
