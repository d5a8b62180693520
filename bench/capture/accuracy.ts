import type { Browser } from 'playwright'
import { referenceResample } from '../../test/support/signal.ts'
import type { Site } from '../support/browser.ts'
import { quantile, table } from '../support/report.ts'
import { openPage } from './open-page.ts'
import type { CaptureResult, CaptureRun, Load, bench as PageBench, Tally } from './page.ts'
import { collect, float32Of, float64Of, int16Of, type Wire } from './wire.ts'

declare const bench: typeof PageBench

const WIRE_RATE = 16_000

/** How long each run for the first table lasts, and half of it each for the second; for trying, less will do. */
const { BENCH_SECONDS = '60' } = process.env
const SECONDS = Number(BENCH_SECONDS)

const IDLE: Load = { busyMs: 0, periodMs: 0 }
const LOADS: readonly Load[] = [
  { busyMs: 50, periodMs: 200 },
  { busyMs: 150, periodMs: 400 },
]

const METHOD = `${SECONDS} s of noise each, which the microphone and its peers hear at the same time in one context, while the page is blocked for part
of the time. All send 16-bit sound at 16 kHz over WebSockets of their own to a server on this machine. _Sound lost_
is how much shorter the sound on the wire is than the time it was captured in; for the peers it is known to ± the
longest block of the page. _Largest difference_ is that between the wire and a slow reference resampler in double
precision, fed with what the capture worklet was given, sample by sample; _quanta missed_ are render quanta that the
context rendered without the worklet.

The peers: "ScriptProcessorNode" takes blocks of 4,096 samples on the page, "every quantum" posts each 128 samples
from a worklet to the page; both average the samples that fall into one of 16 kHz, block by block.`

const LATENCY_METHOD = `_To \`send\`_ is the time from the call of the worklet in which the last sample of a message came in to the return of \`WebSocket.send\`
on the page; _to the server_ is the time until the server has the message. The worklet's clock is \`Date.now()\`, in
whole ms, so each time is known to ± 0.5 ms and the mean of the two ends is taken; page and server tie
\`performance.now()\` to \`Date.now()\` where that ticks.`

/** Loss, accuracy and latency, on a busy page and on an idle one. */
export async function describeAccuracy(browser: Browser, site: Site): Promise<string> {
  const wire = collect(site)
  const loss = [
    [
      'context, page blocked',
      'way',
      'messages/s from the audio thread',
      'sound lost, ms',
      'quanta missed',
      'largest difference, LSB',
      'samples that differ',
    ],
  ]
  const delays = [
    ['page', 'way', 'to `send`: median, ms', 'p95', 'p99', 'to the server: median, ms', 'p95', 'p99'],
  ]
  for (const rate of [44_100, 48_000]) {
    for (const load of LOADS) {
      const path = `/capture/${rate}/${load.busyMs}`
      const result = await capture(browser, site, { path, rate, load, peers: true, seconds: SECONDS })
      loss.push(...lossRows(`${rate / 1000} kHz, ${nameOf(load)}`, { result, rate, path, wire }))
    }
  }
  for (const load of [IDLE, ...LOADS]) {
    const path = `/latency/${load.busyMs}`
    const setting = { path, rate: 48_000, load, seconds: SECONDS / 2 }
    const { ours } = await capture(browser, site, { ...setting, peers: false })
    delays.push(delayRow(nameOf(load), 'Voicewire, 20 ms', ours, wire(`${path}/ours`)))
    // The peer would disturb, so it has runs of its own, in which ours is not looked at.
    const { quanta } = await capture(browser, site, { ...setting, path: `${path}/peer`, peers: true })
    delays.push(delayRow(nameOf(load), 'every quantum', quanta, wire(`${path}/peer/quanta`)))
  }
  return ['### What is lost', METHOD, table(loss), '### How late', LATENCY_METHOD, table(delays)].join('\n\n')
}

async function capture(browser: Browser, site: Site, setting: CaptureRun): Promise<CaptureResult> {
  const page = await openPage(browser, site)
  const result = await page.evaluate((run) => bench.capture(run), setting)
  await page.context().close()
  return result
}

function nameOf({ busyMs, periodMs }: Load): string {
  return busyMs === 0 ? 'idle' : `blocked ${busyMs} of ${periodMs} ms`
}

interface Outcome {
  readonly result: CaptureResult
  readonly rate: number
  readonly path: string
  readonly wire: (path: string) => Wire
}

function lossRows(setting: string, { result, rate, path, wire }: Outcome): string[][] {
  const { ours, scriptProcessor, quanta } = result
  const ourWire = int16Of(wire(`${path}/ours`).messages)
  const accuracy = compare(ourWire, wire(`${path}/tap`), rate)
  const peers = [
    ['ScriptProcessorNode', scriptProcessor, 'script-processor'],
    ['every quantum', quanta, 'quanta'],
  ] as const
  return [
    [
      setting,
      'Voicewire',
      perSecond(ours),
      ((accuracy.missing / WIRE_RATE) * 1000).toFixed(1),
      String(accuracy.missedQuanta),
      String(accuracy.largest),
      `${accuracy.different} of ${accuracy.compared}`,
    ],
    ...peers.map(([name, tally, socket]) => {
      const sent = int16Of(wire(`${path}/${socket}`).messages).length
      const first = sent / tally.messages
      const lostMs = (tally.last - tally.first - (sent - first) / WIRE_RATE) * 1000
      return ['', name, perSecond(tally), lostMs.toFixed(0), '–', '–', '–']
    }),
  ]
}

function perSecond({ messages, first, last }: Tally): string {
  return ((messages - 1) / (last - first)).toFixed(1)
}

/** Compares the wire with what the worklet was given. */
function compare(sent: Int16Array, tap: Wire, rate: number) {
  const frames = float64Of(tap.messages.filter((_, i) => i % 2 === 0))
  const heard = float32Of(tap.messages.filter((_, i) => i % 2 === 1))
  const span = ((frames.at(-1) ?? 0) - (frames[0] ?? 0)) / 128 + 1
  // A chunk that is not full does not leave, and the tap reports in batches, so each may end before the other.
  const chunk = WIRE_RATE / 50
  const due = Math.floor((heard.length * WIRE_RATE) / rate / chunk) * chunk
  const reference = referenceResample(heard, { inputRate: rate, outputRate: WIRE_RATE, count: due })
  let largest = 0
  let different = 0
  const compared = Math.min(due, sent.length)
  for (let i = 0; i < compared; i++) {
    const expected = Math.min(32_767, Math.max(-32_768, Math.floor((reference[i] ?? 0) * 32_768 + 0.5)))
    const difference = Math.abs((sent[i] ?? 0) - expected)
    largest = Math.max(largest, difference)
    if (difference > 0) different++
  }
  return {
    missing: Math.max(0, due - sent.length),
    missedQuanta: span - frames.length,
    largest,
    different,
    compared,
  }
}

function delayRow(page: string, name: string, { delays, sentAt }: Tally, { receivedAt }: Wire): string[] {
  const toServer = sentAt.map((at, i) => (receivedAt[i] ?? Number.NaN) - at - 0.5)
  const figures = [delays, toServer].flatMap((times) => [0.5, 0.95, 0.99].map((q) => quantile(times, q)))
  return [page, name, ...figures.map((ms) => ms.toFixed(1))]
}
