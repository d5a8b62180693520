/** `npm run screenshots`: every layout of `<voice-agent>` in `docs/screenshots/`, light and dark, in a real conversation. */

import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { chromium } from 'playwright'
import { chromiumOptions, SPEECH_FILE } from '../test/support/chromium.mjs'
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

/** Nobody cuts anybody off: the user waits for the greeting, and says what comes before the first pause of the speech. */
const WAIT_SECONDS = 4
const SAID_SECONDS = 2.4
const SAID_FILE = `${ROOT}/.cache/screenshots.wav`
const WAV_HEADER_BYTES = 44

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

/** Writes what the user says to a file of its own. */
async function cutSpeech() {
  const speech = await readFile(SPEECH_FILE)
  const bytesPerSecond = speech.readUInt32LE(28)
  const words = speech.subarray(WAV_HEADER_BYTES, WAV_HEADER_BYTES + SAID_SECONDS * bytesPerSecond)
  const header = Buffer.from(speech.subarray(0, WAV_HEADER_BYTES))
  const silence = Buffer.alloc(WAIT_SECONDS * bytesPerSecond)
  const dataBytes = silence.length + words.length
  header.writeUInt32LE(WAV_HEADER_BYTES - 8 + dataBytes, 4)
  header.writeUInt32LE(dataBytes, WAV_HEADER_BYTES - 4)
  await writeFile(SAID_FILE, Buffer.concat([header, silence, words]))
}

/** Waits for the question and the agent's answer, and for its voice where it is heard. */
async function converse(browserPage) {
  await browserPage.evaluate(() => document.querySelector('voice-agent').start())
  const typed = await browserPage.evaluate(() => document.querySelector('voice-agent').mode === 'text')
  if (typed) {
    await browserPage.waitForFunction(
      () => document.querySelector('voice-agent').session.transcript[0]?.final,
    )
    await browserPage.evaluate(
      (text) => document.querySelector('voice-agent').session.sendText(text),
      QUESTION,
    )
  }
  await browserPage.waitForFunction((answer) => {
    const last = document.querySelector('voice-agent').session.transcript.at(-1)
    return last?.role === 'assistant' && answer.startsWith(last.text.slice(0, 12)) && last.text.length > 30
  }, ANSWER)
  if (typed) return
  await browserPage.waitForFunction(() => document.querySelector('voice-agent').session.outputLevel > 0.1)
}

await build()
await mkdir(FOLDER, { recursive: true })
await cutSpeech()
const stack = await startStack({
  files: { ...files, '/screenshots.css': CSS },
  emulator: { transcripts: [QUESTION], respond: (text) => (text === QUESTION ? ANSWER : GREETING) },
})
const browser = await chromium.launch(chromiumOptions({ speechFile: `${SAID_FILE}%noloop` }))
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
