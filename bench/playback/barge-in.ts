import { openBrowser, openSite } from '../support/browser.ts'
import { bundle } from '../support/bundle.ts'
import { median, quantile, table } from '../support/report.ts'
import type { Cuts } from './barge-in.page.ts'

const CUTS = 60

/** Runs one page's function in Chromium. */
async function measure(busy: boolean): Promise<Record<string, Cuts>> {
  const folder = await bundle({
    'barge-in': 'bench/playback/barge-in.page.ts',
    'playback.worklet': 'src/audio/worklets/playback.worklet.ts',
  })
  const site = await openSite()
  const browser = await openBrowser()
  try {
    const page = await browser.newPage()
    await page.goto(`${site.url}/bench/playback/blank.html`)
    await page.addScriptTag({ url: `${folder}/barge-in.js`, type: 'module' })
    await page.waitForFunction('globalThis.bargeIn')
    const options = JSON.stringify({ folder, cuts: CUTS, busy })
    return (await page.evaluate(`bargeIn(${options})`)) as Record<string, Cuts>
  } finally {
    await browser.close()
    await site.close()
  }
}

const three = (values: number[]) =>
  [median(values), quantile(values, 0.95), Math.max(...values)].map((ms) => ms.toFixed(1)).join(' / ')

export async function run(): Promise<string> {
  const idle = await measure(false)
  const busy = await measure(true)
  const rows = Object.entries(idle).map(([name, cuts]) => [
    name,
    three(cuts.to40),
    three(cuts.to60),
    three(busy[name]!.to60),
    median(cuts.toneDb).toFixed(0),
    median(cuts.voiceDb).toFixed(0),
  ])
  return `An answer that came whole is cut off at ${CUTS} random moments, by all at the same time in one context of Chromium at
48 kHz. Time runs from the page's call, as the context's clock has it, until the sound at the node's output stays below −40 or −60 dB of full scale,
in ms (median / 95th percentile / most; the device's own latency comes on top for all); on an idle page, and on one
that works for 60 of every 100 ms. The click is what the cut puts between 4 and 12 kHz, where the sound itself has
nothing, in dB of full scale: of a tone of 1 kHz, and of a sum of tones that swells like speech.

${table([['', 'to −40 dB', 'to −60 dB', 'to −60 dB, busy page', 'click, tone', 'click, voice'], ...rows])}`
}
