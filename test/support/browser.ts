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

/** Starts the browser of this run, whose microphones are granted and hear recorded speech. */
export async function launchBrowser(): Promise<Browser> {
  if (!FIREFOX) return chromium.launch(chromiumOptions())
  const path = findFirefox()
  if (!path) throw new Error('Firefox was not found: install firefox-esr, or set FIREFOX_PATH')
  const sound = await startSoundServer()
  // Every page asks for less motion, as Firefox has no command for it.
  const browser = await firefox.launch(
    playwrightFirefoxOptions(path, sound, { 'ui.prefersReducedMotion': 1 }),
  )
  browser.once('disconnected', () => void sound?.close())
  return browser
}
