/** Finds a Chromium for the tests, or gets one. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { environment, fail } from './environment.mjs'
import { installDebianPackages } from './packages.mjs'

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome.exe']
const APPS = [
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
]

function installed() {
  const { CHROMIUM_PATH, PATH = '' } = process.env
  if (CHROMIUM_PATH) {
    if (!existsSync(CHROMIUM_PATH)) fail(`CHROMIUM_PATH names no file: ${CHROMIUM_PATH}`)
    return CHROMIUM_PATH
  }
  const candidates = PATH.split(delimiter).flatMap((folder) => NAMES.map((name) => join(folder, name)))
  return [...candidates, ...APPS].find((path) => existsSync(path)) ?? null
}

async function downloaded() {
  const { chromium } = await import('playwright')
  const path = chromium.executablePath()
  return path && existsSync(path) ? path : null
}

function download() {
  console.log('Downloading Chromium with Playwright (once) …')
  spawnSync('playwright', ['install', 'chromium'], { env: environment(), stdio: 'ignore' })
}

/** @returns The path of a Chromium. Ends the process with advice where there is none to be had. */
export async function ensureChromium() {
  let path = installed() ?? (await downloaded())
  if (path) return path
  installDebianPackages(['chromium'])
  path = installed()
  if (path) return path
  download()
  path = await downloaded()
  if (path) return path
  return fail(
    'no Chromium was found and none could be installed: run "sudo apt-get install chromium" or "npx playwright install chromium", or set CHROMIUM_PATH',
  )
}
