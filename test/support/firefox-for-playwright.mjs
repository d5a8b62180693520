#!/usr/bin/env node
/**
 * Stands for a stock Firefox (`FIREFOX_PATH`) where Playwright starts one, and passes on what they say to each
 * other by WebDriver BiDi. Playwright emulates media features in every page, and gives up where Firefox knows no
 * command for it: that is answered here, and nothing is emulated.
 *
 * @see https://w3c.github.io/webdriver-bidi/
 */
import { spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'

// The relay's own, as the one at the root is somebody else's old version.
const { WebSocket, WebSocketServer } = createRequire(
  new URL('../../server/node/package.json', import.meta.url),
)('ws')

const LISTENING = /^WebDriver BiDi listening on (ws:\/\/\S+)$/
const UNKNOWN_HERE = 'emulation.setMediaFeaturesOverride'

const firefox = spawn(process.env.FIREFOX_PATH ?? 'firefox', process.argv.slice(2), {
  stdio: ['ignore', 'inherit', 'pipe'],
})
firefox.on('exit', (code) => process.exit(code ?? 1))
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => firefox.kill(signal))

for await (const line of createInterface({ input: firefox.stderr })) {
  const [, url] = LISTENING.exec(line) ?? []
  console.error(url ? `WebDriver BiDi listening on ${await serve(url)}` : line)
}

/** @returns Where Playwright finds what stands for Firefox. */
async function serve(url) {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 })
  server.on('connection', (client, { url: path }) => join(client, new WebSocket(url + path)))
  await new Promise((resolve) => server.once('listening', resolve))
  return `ws://127.0.0.1:${server.address().port}`
}

function join(client, browser) {
  const opened = new Promise((resolve) => browser.once('open', resolve))
  client.on('message', async (data) => {
    const text = String(data)
    const { id, method } = text.includes(UNKNOWN_HERE) ? JSON.parse(text) : {}
    if (method === UNKNOWN_HERE) client.send(JSON.stringify({ type: 'success', id, result: {} }))
    else {
      await opened
      browser.send(text)
    }
  })
  browser.on('message', (data) => client.send(String(data)))
  browser.on('close', () => client.close())
  client.on('close', () => {
    browser.close()
    // Nobody is left to end it.
    firefox.kill()
  })
}
