import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import type { Browser, Page } from 'playwright'
import type { EmulatorOptions } from '../../server/emulator/src/index.ts'
import { launchBrowser } from '../support/browser.ts'
import { startStack } from '../support/stack.ts'
import { watchedPage } from '../support/watched-page.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

let browser: Browser

before(async () => {
  browser = await launchBrowser()
})
after(() => browser.close())

/** @returns The examples in a language, as they stand in a document. */
function examples(document: string, language: string): string[] {
  const text = readFileSync(`${ROOT}/${document}`, 'utf8')
  const found = text.matchAll(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, 'g'))
  return [...found].map(([, code = '']) => code)
}

/** Serves a page that holds an example, with its script, and does with it what a reader would. */
async function tryOut(
  html: string,
  {
    script,
    check,
    files = {},
    emulator = {},
  }: {
    script: { path: string; code: string }
    check: (page: Page) => Promise<void>
    files?: Record<string, string>
    emulator?: EmulatorOptions
  },
): Promise<void> {
  const head = '<!doctype html><html lang="en"><title>Example</title><link rel="icon" href="data:,">'
  const stack = await startStack({
    emulator,
    files: { '/example.html': head + html, [script.path]: script.code, ...files },
  })
  const { page, problems } = await watchedPage(browser)
  try {
    await page.goto(`${stack.url}/example.html`)
    await check(page)
    assert.deepEqual(problems, [])
  } finally {
    await page.close()
    await stack.close()
  }
}

test('README: the script tag works as it stands', { timeout: 60_000 }, () => {
  const code = readFileSync(`${ROOT}/dist/voice-agent.js`, 'utf8')
  return tryOut(examples('README.md', 'html')[0]!, {
    script: { path: '/voice-agent.js', code },
    check: async (page) => {
      await page.getByRole('button', { name: /start/i }).click()
      await page
        .getByRole('log')
        .getByText(/\w+ \w+/)
        .first()
        .waitFor()
    },
  })
})

async function bundle(code: string): Promise<{ path: string; code: string }> {
  // A page may not ask for another port than its own here, so the relay of the example is that of the page.
  const contents = code.replace('https://relay.example.com/', '/')
  const stdin = { contents, resolveDir: ROOT, loader: 'ts' as const }
  const { outputFiles } = await build({ stdin, bundle: true, format: 'esm', write: false, logLevel: 'error' })
  // Where the bundler's output lies, the package's worklets lie beside it.
  return { path: '/dist/example.js', code: outputFiles[0]?.text ?? '' }
}

test('README: the ES module works as it stands, with a bundler', { timeout: 60_000 }, async () => {
  const script = await bundle(examples('README.md', 'ts')[0]!)
  await tryOut('<button>Talk</button><script type="module" src="/dist/example.js"></script>', {
    script,
    check: async (page) => {
      const said = page.waitForEvent('console', (message) => /^assistant: \w/.test(message.text()))
      await page.getByRole('button').click()
      await said
    },
  })
})

test('docs/sound.md: the example works as it stands', { timeout: 60_000 }, async () => {
  const code = `${examples('docs/sound.md', 'ts')[0]}
    session.on('transcript', ({ entry }) => console.log(entry.role, entry.text))
    document.querySelector('button').onclick = async () => {
      await session.start()
      setTimeout(async () => {
        await session.stop()
        console.log('recorded', (await recorder.stop()).size)
      }, 2000)
    }`
  await tryOut('<button>Talk</button><script type="module" src="/dist/example.js"></script>', {
    script: await bundle(code),
    check: async (page) => {
      const recorded = page.waitForEvent('console', (message) => /^recorded \d{5,}/.test(message.text()))
      await page.getByRole('button').click()
      await recorded
    },
  })
})

test('docs/captions.md: the captions are written as it stands, and exported at the end', {
  timeout: 60_000,
}, async () => {
  const html =
    '<button>Talk</button><a id="stop" href="#">Stop</a><p id="captions"></p><script type="module" src="/dist/example.js"></script>'
  await tryOut(html, {
    script: await bundle(examples('docs/captions.md', 'ts')[0]!),
    emulator: { transcribe: () => 'Ask not what your country can do for you' },
    check: async (page) => {
      const final = page.waitForEvent('console', (message) => /^final ask not what/i.test(message.text()))
      await page.getByRole('button').click()
      await final
      assert.match((await page.locator('#captions').textContent()) ?? '', /ask not what/i)
      const exported = page.waitForEvent('console', (message) => message.text().startsWith('WEBVTT'))
      await page.locator('#stop').click()
      assert.match((await exported).text(), /-->.*\n<v User>ask not what/i)
    },
  })
})

test('docs/tools.md: the tool is called as it stands', { timeout: 60_000 }, async () => {
  const code = `${examples('docs/tools.md', 'ts')[0]}
    document.querySelector('button').onclick = async () => {
      session.muted = true // The recorded speech would interrupt the answer.
      await session.start()
      session.sendText('Please get weather for Rome')
    }`
  await tryOut('<button>Talk</button><script type="module" src="/dist/example.js"></script>', {
    script: await bundle(code),
    files: { '/weather': 'Sunny, 31 degrees' },
    check: async (page) => {
      const done = page.waitForEvent('console', (message) => message.text().startsWith('get_weather done'))
      await page.getByRole('button').click()
      assert.equal((await done).text(), 'get_weather done Sunny, 31 degrees')
    },
  })
})

test('docs/tools.md: the tool in HTML is called as it stands', { timeout: 60_000 }, async () => {
  const html = `<script type="module" src="/dist/voice-agent.js"></script>${examples('docs/tools.md', 'html')[0]}
    <script type="module" src="/dist/example.js"></script>`
  const code = `${examples('docs/tools.md', 'js')[0]}
    const agent = document.querySelector('voice-agent')
    agent.muted = true // The recorded speech would interrupt the answer.
    agent.addEventListener('statechange', ({ detail }) => {
      if (detail.state === 'open') agent.session.sendText('Please set color to teal')
    })
    agent.addEventListener('toolcall', ({ detail }) => {
      if (detail.status === 'done') console.log(detail.output, document.body.style.background)
    })`
  await tryOut(html, {
    script: { path: '/dist/example.js', code },
    check: async (page) => {
      const painted = page.waitForEvent('console', (message) => message.text().startsWith('It is'))
      await page.getByRole('button', { name: 'Start talking' }).click()
      assert.equal((await painted).text(), 'It is painted teal')
    },
  })
})
