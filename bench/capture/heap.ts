import { setTimeout as sleep } from 'node:timers/promises'
import type { Browser } from 'playwright'
import type { Site } from '../support/browser.ts'
import { median, table } from '../support/report.ts'
import { Isolate } from './isolate.ts'
import { openPage } from './open-page.ts'
import type { bench as PageBench } from './page.ts'

declare const bench: typeof PageBench

/** How long the heaps are watched; `BENCH_MINUTES` shortens it for trying. */
const { BENCH_MINUTES = '10' } = process.env
const MINUTES = Number(BENCH_MINUTES)
/** Looks at each heap in that time. */
const LOOKS = 20
/** Until then code is compiled and caches fill. */
const WARM_UP_MS = 60_000

const METHOD = `The microphone sends messages of 20 ms for ${MINUTES} minutes, after one to warm up. ${LOOKS} times, evenly spread, garbage is collected and the JavaScript heap measured, of
the page and of the audio worklet. _Growth_ is the slope by least squares, ± twice its standard error; _garbage_ is how
much the heap grows in the second after a collection, the median. The last row is a page without a microphone that
sends as many messages of the same length by \`setInterval\`.`

/** What the microphone leaves behind. */
export async function describeHeap(browser: Browser, site: Site): Promise<string> {
  const page = await openPage(browser, site)
  await page.evaluate(() => bench.captureForever('/-/capture'))
  const other = await openPage(browser, site)
  await other.evaluate(() => bench.sendForever('/-/send'))
  const watched = [
    { name: 'page', isolate: await Isolate.ofPage(page), points: [] as Point[] },
    { name: 'audio worklet', isolate: await Isolate.ofWorklet(page), points: [] as Point[] },
    { name: 'a page that only sends', isolate: await Isolate.ofPage(other), points: [] as Point[] },
  ]
  await sleep(WARM_UP_MS)
  for (let look = 0; look < LOOKS; look++) {
    const next = sleep((MINUTES * 60_000) / LOOKS)
    for (const { isolate, points } of watched) {
      const { bytes, garbage } = await isolate.look()
      points.push({ minutes: performance.now() / 60_000, bytes, garbage })
    }
    await next
  }
  await page.context().close()
  await other.context().close()
  const head = ['heap', 'at the end, bytes', 'growth, bytes/min', 'garbage, bytes/s']
  return ['### What is left behind', METHOD, table([head, ...watched.map(row)])].join('\n\n')
}

interface Point {
  readonly minutes: number
  readonly bytes: number
  readonly garbage: number
}

function row({ name, points }: { name: string; points: readonly Point[] }): string[] {
  const { slope, error } = line(points)
  return [
    name,
    String(points.at(-1)?.bytes),
    `${slope.toFixed(0)} ± ${(2 * error).toFixed(0)}`,
    median(points.map(({ garbage }) => garbage)).toFixed(0),
  ]
}

/** @returns The slope of the line that fits best, and its standard error. */
function line(points: readonly Point[]): { slope: number; error: number } {
  const n = points.length
  const x = points.reduce((sum, { minutes }) => sum + minutes, 0) / n
  const y = points.reduce((sum, { bytes }) => sum + bytes, 0) / n
  const xx = points.reduce((sum, { minutes }) => sum + (minutes - x) ** 2, 0)
  const slope = points.reduce((sum, { minutes, bytes }) => sum + (minutes - x) * (bytes - y), 0) / xx
  const rest = points.reduce((sum, { minutes, bytes }) => sum + (bytes - y - slope * (minutes - x)) ** 2, 0)
  return { slope, error: Math.sqrt(rest / (n - 2) / xx) }
}
