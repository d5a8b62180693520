import { fileURLToPath } from 'node:url'

/** The recorded speech that Chromium's fake microphone plays, in a loop. */
export const SPEECH_FILE = fileURLToPath(new URL('../fixtures/speech-44k1.wav', import.meta.url))

/**
 * How tests start Chromium: two fake microphones that play recorded speech and are granted without a prompt.
 * The autoplay policy stays the browser's own unless a test asks.
 *
 * @param {{ speechFile?: string, args?: string[] }} [options]
 */
export function chromiumOptions({ speechFile = SPEECH_FILE, args = [] } = {}) {
  return {
    executablePath: process.env.CHROMIUM_PATH || '/usr/bin/chromium',
    headless: true,
    args: [
      ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
      '--use-fake-ui-for-media-stream',
      '--use-fake-device-for-media-stream=device-count=2',
      `--use-file-for-fake-audio-capture=${speechFile}`,
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--no-first-run',
      ...args,
    ],
  }
}
