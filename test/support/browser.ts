import { type Browser, chromium, firefox } from 'playwright'
import { chromiumOptions } from './chromium.mjs'
import { findFirefox, playwrightFirefoxOptions } from './firefox.ts'
import { startSoundServer } from './sound-server.ts'

/** Whether this run of the end-to-end tests drives Firefox (`TEST_BROWSER=firefox`); by default it is Chromium. */
export const FIREFOX = process.env['TEST_BROWSER'] === 'firefox'

/** What skips a test in Firefox, with the reason; nothing in Chromium. */
export function notInFirefox(reason: string): { skip?: string } {
  return FIREFOX ? { skip: reason } : {}
}

/**
 * Starts the browser of this run, whose microphones are granted and hear recorded speech.
 *
 * @param options `lessMotion`: all pages of Firefox ask for it, where those of Chromium are told one by one.
 */
export async function launchBrowser({ lessMotion = false } = {}): Promise<Browser> {
  if (!FIREFOX) return chromium.launch(chromiumOptions())
  const path = findFirefox()
  if (!path) throw new Error('Firefox was not found: install firefox-esr, or set FIREFOX_PATH')
  const sound = await startSoundServer()
  const preferences = { 'ui.prefersReducedMotion': Number(lessMotion) }
  const browser = await firefox.launch(playwrightFirefoxOptions(path, sound, preferences))
  browser.once('disconnected', () => void sound?.close())
  return browser
}
