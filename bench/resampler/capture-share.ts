import { openBrowser } from '../support/browser.ts'
import { bundleText } from '../support/bundle.ts'
import { table } from '../support/report.ts'

const ROUNDS = 21
/** A prototype of a SIMD kernel took half of the time of Speex's SIMD build at q5, which the tables above have. */
const SIMD_SPEEDUP = 2.4

/** What part of the capture path the resampler is, which is what a faster kernel could save. */
export async function captureShare(): Promise<string> {
  const script = await bundleText("export * from './bench/resampler/capture-page.ts'", 'capture')
  const browser = await openBrowser()
  try {
    const page = await browser.newPage()
    const times = (await page.evaluate(`${script}\ncapture.measureCapture(${ROUNDS})`)) as number[]
    return describe(times)
  } finally {
    await browser.close()
  }
}

function describe([
  resampler = Number.NaN,
  push = Number.NaN,
  posted = Number.NaN,
]: readonly number[]): string {
  const faster = posted - resampler * (1 - 1 / SIMD_SPEEDUP)
  const percent = (part: number, whole: number) => `${((100 * part) / whole).toFixed(0)} %`
  return [
    `The capture path, 48 → 16 kHz, in Chromium (medians of ${ROUNDS}): what the audio thread spends on a second of sound.`,
    table([
      ['', 'ms per second', 'resampler’s part'],
      ['resampler', resampler.toFixed(2), ''],
      ['with mixing, 16-bit samples and level', push.toFixed(2), percent(resampler, push)],
      ['with each 20 ms chunk posted', posted.toFixed(2), percent(resampler, posted)],
    ]),
    [
      `A SIMD kernel, ${SIMD_SPEEDUP} times as fast, would leave ${percent(faster, posted)} of the whole path: it would save`,
      `${((posted - faster) / 10).toFixed(2)} % of one core.`,
    ].join(' '),
  ].join('\n\n')
}
