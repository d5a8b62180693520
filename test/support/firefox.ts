import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import type { LaunchOptions } from 'puppeteer-core'

const NAMES = ['firefox-esr', 'firefox', 'firefox.exe']
const APPS = [
  '/Applications/Firefox.app/Contents/MacOS/firefox',
  'C:\\Program Files\\Mozilla Firefox\\firefox.exe',
]

/** @returns The path of a Firefox, `FIREFOX_PATH` before all others; null where there is none. */
export function findFirefox(): string | null {
  const { FIREFOX_PATH, PATH = '' } = process.env
  if (FIREFOX_PATH) return FIREFOX_PATH
  const candidates = PATH.split(delimiter).flatMap((folder) => NAMES.map((name) => join(folder, name)))
  return [...candidates, ...APPS].find((path) => existsSync(path)) ?? null
}

/**
 * How tests start a stock Firefox: its fake microphone hums a tone, and is granted without a prompt.
 *
 * @param env Added to the environment: where it plays its sound, which stands still without a device.
 */
export function firefoxOptions(
  executablePath: string,
  env: Readonly<Record<string, string>> = {},
): LaunchOptions {
  return {
    browser: 'firefox',
    executablePath,
    headless: true,
    env: { ...process.env, ...env },
    extraPrefsFirefox: {
      'media.navigator.streams.fake': true,
      'media.navigator.permission.disabled': true,
    },
  }
}
