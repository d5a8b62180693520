import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { LaunchOptions as PlaywrightOptions } from 'playwright'
import type { LaunchOptions } from 'puppeteer-core'
import type { SoundServer } from './sound-server.ts'

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
 * Microphones are granted without a prompt; without a sound server of the test's own there is a fake one. The page
 * hears that focus comes and goes, and is told of devices, though no window manager gives its window the focus.
 */
const preferences = (sound: SoundServer | null) => ({
  'media.navigator.streams.fake': sound === null,
  'media.navigator.permission.disabled': true,
  'focusmanager.testmode': true,
  'media.devices.unfocused.enabled': true,
})

/** How tests start a stock Firefox. Its sound stands still where it has neither a device nor a sound server. */
export function firefoxOptions(executablePath: string, sound: SoundServer | null): LaunchOptions {
  return {
    browser: 'firefox',
    executablePath,
    headless: true,
    env: { ...process.env, ...sound?.env },
    extraPrefsFirefox: preferences(sound),
  }
}

/** The same for Playwright, which otherwise knows only a Firefox of its own making; with further preferences. */
export function playwrightFirefoxOptions(
  executablePath: string,
  sound: SoundServer | null,
  more: Readonly<Record<string, string | number | boolean>> = {},
): PlaywrightOptions {
  return {
    channel: 'moz-firefox',
    executablePath: fileURLToPath(new URL('firefox-for-playwright.mjs', import.meta.url)),
    headless: true,
    env: { ...process.env, FIREFOX_PATH: executablePath, ...sound?.env },
    firefoxUserPrefs: { ...preferences(sound), ...more },
  }
}
