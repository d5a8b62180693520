import { setTimeout as sleep } from 'node:timers/promises'
import type { Browser } from 'playwright'
import type { Site } from '../support/browser.ts'
import { table } from '../support/report.ts'
import { openPage } from './open-page.ts'
import type { bench as PageBench } from './page.ts'

declare const bench: typeof PageBench

/** How long the heap is watched; `BENCH_MINUTES` shortens it for trying. */
const { BENCH_MINUTES = '10' } = process.env
const MINUTES = Number(BENCH_MINUTES)
/** Looks at the heap in that time, after those in which caches fill. */
const LOOKS = 20
const WARM_UP = 3

const METHOD = `The microphone sends chunks of 20 ms for ${MINUTES} minutes; ${LOOKS} times, evenly spread, garbage is collected and the page's JavaScript heap measured.
*Growth* is the slope by least squares, ± twice its standard error.`

/** What the microphone leaves behind in the page. */
export async function describeHeap(browser: Browser, site: Site): Promise<string> {
  const page = await openPage(browser, site)
  await page.evaluate(() => bench.captureForever('/-/heap'))
  const session = await page.context().newCDPSession(page)
  const points: { minutes: number; bytes: number }[] = []
  for (let look = -WARM_UP; look < LOOKS; look++) {
    await sleep((MINUTES * 60_000) / LOOKS)
    await session.send('HeapProfiler.collectGarbage')
    const { usedSize } = await session.send('Runtime.getHeapUsage')
    if (look >= 0) points.push({ minutes: performance.now() / 60_000, bytes: usedSize })
  }
  await page.context().close()
  const { slope, error } = line(points)
  const rows = [
    ['', 'heap at the end, bytes', 'growth, bytes/min'],
    ['page', String(points.at(-1)?.bytes), `${slope.toFixed(0)} ± ${(2 * error).toFixed(0)}`],
  ]
  return ['### What is left behind', METHOD, table(rows)].join('\n\n')
}

/** @returns The slope of the line that fits best, and its standard error. */
function line(points: readonly { minutes: number; bytes: number }[]): { slope: number; error: number } {
  const n = points.length
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / n
  const x = mean(points.map(({ minutes }) => minutes))
  const y = mean(points.map(({ bytes }) => bytes))
  const xx = points.reduce((sum, { minutes }) => sum + (minutes - x) ** 2, 0)
  const slope = points.reduce((sum, { minutes, bytes }) => sum + (minutes - x) * (bytes - y), 0) / xx
  const rest = points.reduce((sum, { minutes, bytes }) => sum + (bytes - y - slope * (minutes - x)) ** 2, 0)
  return { slope, error: Math.sqrt(rest / (n - 2) / xx) }
}
