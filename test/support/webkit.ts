import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, globSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { delimiter, join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import type { BrowserLauncher } from '@web/test-runner-core'

/** Where Debian has the small browser that comes with WebKitGTK. */
const BROWSERS = ['/usr/lib/*/webkit2gtk-4.*/MiniBrowser', '/usr/libexec/webkit2gtk-4.*/MiniBrowser']

const OPTIONS = [
  '--automation',
  // Microphones that need no device, and ask no one.
  '--enable-mock-capture-devices=true',
  // Most tests have no gesture.
  '--autoplay-policy=allow',
]

/** @returns The path of a MiniBrowser of WebKitGTK; null where there is none, or no driver or screen for it. */
export function findWebKit(): string | null {
  const { PATH = '' } = process.env
  const folders = PATH.split(delimiter)
  const installed = (program: string): boolean => folders.some((folder) => existsSync(join(folder, program)))
  if (!installed('WebKitWebDriver') || !installed('Xvfb')) return null
  return globSync(BROWSERS).sort().at(-1) ?? null
}

/** How the protocol writes keys that write nothing. */
const KEYS: Readonly<Record<string, string>> = {
  Backspace: '\ue003',
  Enter: '\ue007',
  Shift: '\ue008',
  Space: ' ',
  End: '\ue010',
  Home: '\ue011',
  ArrowLeft: '\ue012',
  ArrowUp: '\ue013',
  ArrowRight: '\ue014',
  ArrowDown: '\ue015',
}

/** What is written with Shift on the driver's keyboard. */
const SHIFTED = /^[A-Z?!:]$/

const BUTTONS = ['left', 'middle', 'right'] as const

type Button = (typeof BUTTONS)[number]

interface Browser {
  open(url: string): Promise<void>
  url(): Promise<string>
  /** Does with a keyboard or a mouse what a user would. */
  act(type: 'key' | 'pointer', actions: readonly object[]): Promise<void>
  close(): Promise<void>
}

/** What the runner's commands ask of a launcher of type `webdriver`. */
interface Input {
  sendKeys(sessionId: string, keys: readonly string[]): Promise<void>
  sendMouseMove(sessionId: string, x: number, y: number): Promise<void>
  sendMouseDown(sessionId: string, button?: Button): Promise<void>
  sendMouseUp(sessionId: string, button?: Button): Promise<void>
  resetMouse(sessionId: string): Promise<void>
}

/**
 * A WebKitGTK on a screen that nobody sees. One page is shown at a time, so that it has the focus.
 *
 * @see https://www.w3.org/TR/webdriver2/
 */
export function webkitLauncher(
  binary: string,
  env: Readonly<Record<string, string>> = {},
): BrowserLauncher & Input {
  let browser: Browser
  let shown: string | null = null
  return {
    name: 'WebKit',
    type: 'webdriver',
    concurrency: 1,
    async startSession(sessionId, url) {
      browser ??= await startWebKit(binary, { ...process.env, ...env })
      shown = sessionId
      await browser.open(url)
    },
    isActive: (sessionId) => sessionId === shown,
    getBrowserUrl: () => browser.url(),
    async stopSession() {
      shown = null
      // Ends what still runs in the page.
      await browser.open('about:blank')
      return {}
    },
    async startDebugSession() {
      throw new Error('Cannot debug in WebKit as its screen is seen by nobody')
    },
    async stop() {
      await browser?.close()
    },
    sendKeys: (_, keys) => browser.act('key', keys.flatMap(presses)),
    sendMouseMove: (_, x, y) => browser.act('pointer', [{ type: 'pointerMove', duration: 0, x, y }]),
    sendMouseDown: (_, button = 'left') =>
      browser.act('pointer', [{ type: 'pointerDown', button: BUTTONS.indexOf(button) }]),
    sendMouseUp: (_, button = 'left') =>
      browser.act('pointer', [{ type: 'pointerUp', button: BUTTONS.indexOf(button) }]),
    // To release all actions lets go of no button here.
    resetMouse: () =>
      browser.act('pointer', [
        { type: 'pointerUp', button: 0 },
        { type: 'pointerMove', duration: 0, x: 0, y: 0 },
      ]),
  }
}

/** @param keys One key, or several with `+` between them. */
function presses(keys: string): object[] {
  const names = SHIFTED.test(keys) ? ['Shift', keys] : keys === '+' ? [keys] : keys.split('+')
  const values = names.map((key) => KEYS[key] ?? key)
  const all = (type: string, of: readonly string[]): object[] => of.map((value) => ({ type, value }))
  return [...all('keyDown', values), ...all('keyUp', values.toReversed())]
}

async function startWebKit(binary: string, env: NodeJS.ProcessEnv): Promise<Browser> {
  const screen = spawn('Xvfb', ['-displayfd', '3', '-screen', '0', '1280x1024x24', '-nolisten', 'tcp'], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
  })
  const [display] = await once(createInterface({ input: screen.stdio[3] as Readable }), 'line')
  const port = await freePort()
  // A group of its own, so that the browser ends with it in any case.
  const driver = spawn('WebKitWebDriver', ['--host=127.0.0.1', `--port=${port}`], {
    stdio: 'ignore',
    detached: true,
    env: { ...env, DISPLAY: `:${display}`, GDK_BACKEND: 'x11' },
  })
  const end = (): void => {
    screen.kill()
    if (driver.exitCode === null && driver.signalCode === null) process.kill(-driver.pid!)
  }
  process.once('exit', end)
  process.once('SIGTERM', () => process.exit(1))
  const base = `http://127.0.0.1:${port}/session`
  await listening(port, driver)
  const options = { binary, args: OPTIONS }
  const { sessionId } = await command<{ sessionId: string }>(base, {
    capabilities: { alwaysMatch: { pageLoadStrategy: 'none', 'webkitgtk:browserOptions': options } },
  })
  const session = `${base}/${sessionId}`
  return {
    open: (url) => command(`${session}/url`, { url }),
    url: () => command(`${session}/url`),
    act: (type, actions) => command(`${session}/actions`, { actions: [{ type, id: type, actions }] }),
    async close() {
      await command(session, undefined, 'DELETE')
      const ended = Promise.all([once(driver, 'exit'), once(screen, 'exit')])
      end()
      await ended
    },
  }
}

/** @returns What the driver answers. */
async function command<T>(url: string, body?: object, method = body ? 'POST' : 'GET'): Promise<T> {
  const response = await fetch(url, { method, ...(body && { body: JSON.stringify(body) }) })
  const { value } = (await response.json()) as { value: T & { error?: string; message?: string } }
  if (!response.ok) throw new Error(`WebKitWebDriver: ${value.error}: ${value.message}`)
  return value
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/** Resolved when the driver can be asked. */
async function listening(port: number, driver: ChildProcess): Promise<void> {
  for (;;) {
    const ready = await fetch(`http://127.0.0.1:${port}/status`).catch(() => null)
    if (ready) return
    if (driver.exitCode !== null) throw new Error(`WebKitWebDriver ended with ${driver.exitCode}`)
    await delay(20)
  }
}
