import { openBrowser, openSite } from '../support/browser.ts'
import { bundle } from '../support/bundle.ts'
import { median, quantile, table } from '../support/report.ts'
import type { Answer } from './playback.page.ts'
import { SCENARIOS } from './scenarios.ts'

const CUTS = 120
const MOMENTS = 120
const TONES = [1000, 9000] as const

type Call = (name: string, options?: object) => Promise<unknown>

async function inPage<T>(work: (call: Call) => Promise<T>): Promise<T> {
  const folder = await bundle({
    playback: 'bench/playback/playback.page.ts',
    'playback.worklet': 'src/audio/worklets/playback.worklet.ts',
  })
  const site = await openSite()
  const browser = await openBrowser()
  try {
    const page = await browser.newPage()
    await page.goto(`${site.url}/bench/playback/blank.html`)
    await page.addScriptTag({ url: `${folder}/playback.js`, type: 'module' })
    await page.waitForFunction('globalThis.positions')
    return await work((name, options) => page.evaluate(`${name}(${JSON.stringify({ folder, ...options })})`))
  } finally {
    await browser.close()
    await site.close()
  }
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)

function row(name: string, answers: readonly Answer[]): (string | number)[] {
  const gaps = answers.map(({ gapMs }) => gapMs)
  return [
    name,
    sum(gaps).toFixed(0),
    gaps[0]!.toFixed(0),
    sum(answers.map(({ gaps }) => gaps)),
    sum(answers.map(({ clicks }) => clicks)),
    answers[0]!.firstMs.toFixed(0),
    median(answers.map(({ firstMs }) => firstMs)).toFixed(0),
    median(answers.map(({ delayMs }) => delayMs)).toFixed(0),
  ]
}

const HEAD = [
  '',
  'gaps, ms in 60 s',
  'of these in the first answer',
  'gaps',
  'clicks',
  'first sound, first answer, ms',
  'first sound, median, ms',
  'delay, median, ms',
]

const spread = (values: number[], digits: number) => {
  const sizes = values.map(Math.abs)
  return [median(values), quantile(sizes, 0.95), Math.max(...sizes)].map((value) => value.toFixed(digits))
}

export async function run(): Promise<string> {
  const sections = await inPage(async (call) => {
    const tables: string[] = []
    for (const [title, scenario] of Object.entries(SCENARIOS)) {
      const players = (await call('play', { scenario })) as Record<string, Answer[]>
      const rows = Object.entries(players).map(([name, answers]) => row(name, answers))
      tables.push(`### ${title[0]!.toUpperCase()}${title.slice(1)}\n\n${table([HEAD, ...rows])}`)
    }
    const residuals: Record<string, number>[] = []
    for (const frequency of TONES) {
      residuals.push((await call('residuals', { frequency })) as Record<string, number>)
    }
    const tones = Object.keys(residuals[0]!).map((name) => [
      name,
      ...residuals.map((r) => r[name]!.toFixed(0)),
    ])
    tables.push(`### What is beside a tone of 24 kHz played at 48 kHz, in dB of the tone

${table([['', ...TONES.map((hz) => `${hz / 1000} kHz`)], ...tones])}`)
    const lengths = (await call('lengths', { cuts: CUTS })) as number[]
    const positions = (await call('positions', { moments: MOMENTS })) as number[]
    tables.push(`### How much was played

Voicewire alone tells it. The length that its worklet tells of ${CUTS} answers cut off at random moments, against their
recordings, in samples of 24 kHz; and what \`heard()\` tells at ${MOMENTS} random moments, against the recording at the
context's time less its \`outputLatency\`, in ms.

${table([
  ['', 'median', '95th percentile of the size', 'most'],
  ['played length, samples', ...spread(lengths, 1)],
  ['`heard()`, ms', ...spread(positions, 1)],
])}`)
    return tables
  })
  return `Six answers of 10 s (and one of 60 s), half a second or more between them, are given to all strategies at once, chunk by chunk, in one
context of Chromium at 48 kHz, and recorded at the output of each. A gap is a run of zeros inside an answer (there are
none in the sound); a click is a place that is 1.5 times sharper (second difference) than anything in what the same
strategy gives of one undisturbed piece. The delay is that of what was rendered against a line that has each sample
when it is due. Where the page itself is held up for a moment, no strategy is given its chunks: on the calm line that
is the only cause of gaps.

${sections.join('\n\n')}`
}
