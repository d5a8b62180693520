import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { test } from 'node:test'
import { launchBrowser } from '../support/browser.ts'
import { startStack } from '../support/stack.ts'

/** A provider whose sound is so wide that a line which stands still shows within seconds, whatever the buffers. */
const PAGE = `
import { VoiceSession } from '/dist/voicewire.js'

const provider = {
  name: 'wide',
  inputFormat: { encoding: 'pcm16', sampleRate: 16_000 },
  outputFormat: null,
  endpoint: () => ({ url: new URLSearchParams(location.search).get('server'), protocols: [] }),
  open: () => [{ type: 'ready' }],
  decode: () => [],
  encode: () => [],
  encodeAudio: (pcm) => new Uint8Array(200 * pcm.byteLength),
}
const session = new VoiceSession({ provider, getToken: () => 'token' })
const warnings = []
session.on('warning', ({ code }) => warnings.push(code))
globalThis.look = () => ({ warnings, state: session.state, stats: session.stats })
document.querySelector('button').onclick = () => session.start()
document.documentElement.dataset.ready = ''
`

interface Status {
  readonly warnings: readonly string[]
  readonly state: string
  readonly stats: { readonly droppedMs: number; readonly bytesSent: number }
}

/** A server that accepts a WebSocket and leaves its bytes alone until it is told to read them. */
async function openServer() {
  const server = createServer()
  const connected = new Promise<Duplex>((resolve) => {
    server.on('upgrade', ({ headers }, socket) => {
      const accept = createHash('sha1').update(
        `${headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`,
      )
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept.digest('base64')}\r\n\r\n`,
      )
      resolve(socket)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return { url: `ws://127.0.0.1:${port}`, connected, close: () => server.close() }
}

test('congestion: a line that stands still costs the oldest sound, and the session goes on', {
  timeout: 60_000,
}, async () => {
  const server = await openServer()
  const stack = await startStack({
    csp: '',
    files: {
      '/wide.html': '<!doctype html><button>Start</button><script type="module" src="wide.js"></script>',
      '/wide.js': PAGE,
    },
  })
  const browser = await launchBrowser()
  try {
    const page = await browser.newPage()
    await page.goto(`${stack.url}/wide.html?server=${server.url}`)
    await page.waitForSelector('html[data-ready]', { state: 'attached' })
    await page.getByRole('button').click()
    const socket = await server.connected
    const until = async (condition: string): Promise<Status> => {
      await page.waitForFunction(condition)
      return page.evaluate('look()')
    }
    const congested = await until("look().warnings.includes('uplink-congested')")
    assert.equal(congested.state, 'open')
    await until(`look().stats.droppedMs > ${congested.stats.droppedMs}`)
    socket.resume()
    // What waited leaves, and then every chunk at once: nothing is dropped any more.
    const { bytesSent } = await until(
      `look().stats.bytesSent > ${congested.stats.bytesSent} + 200 * 64_000`,
    ).then(({ stats }) => stats)
    const relieved = await until(`look().stats.bytesSent > ${bytesSent} + 200 * 32_000`)
    assert.equal(relieved.state, 'open')
    assert.equal(relieved.warnings.filter((code) => code === 'uplink-congested').length, 1)
    await page.close()
  } finally {
    await browser.close()
    await stack.close()
    ;(await server.connected).destroy()
    server.close()
  }
})
