import { openBrowser } from '../support/browser.ts'
import { bundleText } from '../support/bundle.ts'
import { table } from '../support/report.ts'
import { measure, type Timing } from './methods.ts'

const CHUNKS_MS = [20, 100]
const ROUNDS = 31

async function measureInPage(chunkMs: number): Promise<Timing[]> {
  const script = await bundleText("export * from './bench/encoding/methods.ts'", 'encoding')
  const browser = await openBrowser()
  try {
    const page = await browser.newPage()
    return (await page.evaluate(`${script}\nencoding.measure(${chunkMs}, ${ROUNDS})`)) as Timing[]
  } finally {
    await browser.close()
  }
}

/** A column: what a call takes, and that as a ratio to the first of its task. */
function column(timings: readonly Timing[]): Map<string, string> {
  const first = new Map<string, number>()
  return new Map(
    timings.map(({ task, method, microseconds, native }) => {
      if (!first.has(task)) first.set(task, microseconds)
      const ratio = microseconds / (first.get(task) ?? Number.NaN)
      return [
        `${task}|${method}${native ? ', native' : ''}`,
        `${microseconds.toFixed(1)} (${ratio.toFixed(2)})`,
      ]
    }),
  )
}

/** How fast sound becomes bytes and text, and comes back. */
export async function run(): Promise<string> {
  const columns: [string, Map<string, string>][] = []
  for (const ms of CHUNKS_MS) {
    columns.push([`Node, ${ms} ms`, column(measure(ms, ROUNDS))])
    columns.push([`Chromium, ${ms} ms`, column(await measureInPage(ms))])
  }
  const keys = new Set(columns.flatMap(([, values]) => [...values.keys()]))
  let last = ''
  const rows = [...keys].sort(byTask).map((key) => {
    const [task = '', method = ''] = key.split('|')
    const shown = task === last ? '' : task
    last = task
    return [shown, method, ...columns.map(([, values]) => values.get(key) ?? '–')]
  })
  return `Chunks of 20 and 100 ms at 24 kHz: µs a call, and in brackets the ratio to the first of the task; medians of ${ROUNDS}
interleaved rounds. "ours" of base64 is what browsers before 2025 are given, "native" what it uses where there is \`toBase64\`.

${table([['', 'way', ...columns.map(([name]) => name)], ...rows])}`
}

/** Keeps the order of the tasks, with what native support makes of ours beside it. */
function byTask(a: string, b: string): number {
  const order = ['float to', '16 bits to', 'bytes to', 'base64 to', 'G.711']
  return order.findIndex((task) => a.startsWith(task)) - order.findIndex((task) => b.startsWith(task))
}
