import { openBrowser, openSite } from '../support/browser.ts'
import { describeAccuracy } from './accuracy.ts'
import { describeHeap } from './heap.ts'
import { describeSwaps } from './swaps.ts'

/** The microphone in Chromium: what is lost, how late it is, what it leaves behind, and how devices change. */
export async function run(): Promise<string> {
  const site = await openSite()
  const browser = await openBrowser()
  try {
    const sections = [
      await describeAccuracy(browser, site),
      await describeSwaps(site),
      await describeHeap(browser, site),
    ]
    return sections.join('\n\n')
  } finally {
    await browser.close()
    await site.close()
  }
}
