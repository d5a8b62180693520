/** The resampler for every pair of rates, and beside its peers for the pairs that voice agents use. */
import { interleave, table } from '../support/report.ts'
import { captureShare } from './capture-share.ts'
import { measureConstruction } from './construction.ts'
import { measureBorders, measureDelay, measureQuality, type Quality, tone } from './measure.ts'
import { type Candidate, openCandidates, type Stream } from './peers.ts'
import type { Rates } from './rates.ts'

const RATES = [8000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000]
const ALL_PAIRS = RATES.flatMap((inputRate) => RATES.map((outputRate) => ({ inputRate, outputRate }))).filter(
  ({ inputRate, outputRate }) => inputRate !== outputRate,
)
/** Microphone to recogniser, and an agent's speech to the speaker. */
const PEER_PAIRS: readonly Rates[] = [
  { inputRate: 48_000, outputRate: 16_000 },
  { inputRate: 44_100, outputRate: 16_000 },
  { inputRate: 48_000, outputRate: 24_000 },
  { inputRate: 24_000, outputRate: 48_000 },
  { inputRate: 16_000, outputRate: 48_000 },
  { inputRate: 8000, outputRate: 48_000 },
]
const CPU_ROUNDS = 21
/** Below this a float holds nothing. */
const FLOOR_DB = -160

const METHOD = `
Sines through each, in 20 ms chunks, judged in double precision; N is Nyquist's frequency of the lower rate. *Ripple*:
the largest departure from 0 dB of twelve tones up to 0.875 N. *Loss*: at 0.9375 N. *Alias, image*: the largest of
what is left of 24 tones from 1.125 N up, and of all that appears beside a tone up to 0.875 N. *THD+N*: all beside a
tone of 1 kHz. *Delay*: of the filter and of what is held back, fed by 128 samples. *Border*: what cutting into 20 ms
changes, beside the whole signal at once. *CPU*: time for a second of sound as a ratio to ours, in Node, interleaved,
medians of ${CPU_ROUNDS}. *Size*: what a page loads, gzip. wave-resampler knows whole signals only and is given them;
the box average of single chunks is given 128 samples at a time, and rounds what each becomes: where that is not
exact, the pitch is wrong, and a tone is not found where it should be.
`

export async function run(): Promise<string> {
  const candidates = await openCandidates()
  const ours = candidates[0]!
  const sections = [METHOD.trim(), await ownFigures(ours)]
  for (const rates of PEER_PAIRS) sections.push(await besidePeers(candidates, rates))
  return [...sections, measureConstruction(), await captureShare()].join('\n\n')
}

async function ownFigures(ours: Candidate): Promise<string> {
  const rows: { pair: string; quality: Quality; delay: number; samples: number }[] = []
  for (const rates of ALL_PAIRS) {
    const quality = measureQuality(await ours.open(rates), rates, chunkLength(ours, rates))
    const delay = await measureDelay(() => ours.open(rates), rates)
    const samples = (delay * Math.min(rates.inputRate, rates.outputRate)) / 1000
    rows.push({ pair: nameOf(rates), quality, delay, samples })
  }
  const worst = (title: string, value: (row: (typeof rows)[number]) => number, digits: number) => {
    const row = rows.reduce((a, b) => (value(b) > value(a) ? b : a))
    return [title, value(row).toFixed(digits), row.pair]
  }
  return [
    `All ${rows.length} pairs of ${RATES.map((rate) => rate / 1000).join(', ')} kHz, ours alone: the worst of each.`,
    table([
      ['over all pairs', 'worst', 'of'],
      worst('ripple, dB', ({ quality }) => quality.ripple, 4),
      worst('loss at 0.9375 N, dB', ({ quality }) => quality.loss, 2),
      worst('alias, image, dB', ({ quality }) => quality.alias, 1),
      worst('THD+N, dB', ({ quality }) => quality.noise, 1),
      worst('delay, samples of the lower rate', ({ samples }) => samples, 2),
      worst('delay, ms', ({ delay }) => delay, 2),
    ]),
  ].join('\n\n')
}

async function besidePeers(candidates: readonly Candidate[], rates: Rates): Promise<string> {
  const able = candidates.filter(({ lowersOnly }) => !(lowersOnly && rates.inputRate < rates.outputRate))
  const times = await measureTimes(able, rates)
  const rows = [
    [
      'ripple, dB',
      'loss, dB',
      'alias, image, dB',
      'THD+N, dB',
      'delay, ms',
      'border, dB',
      'CPU, × ours',
      'size, KB',
    ],
  ].map((head) => [nameOf(rates), ...head])
  for (const [i, candidate] of able.entries()) {
    const open = () => candidate.open(rates)
    const { ripple, loss, alias, noise } = measureQuality(await open(), rates, chunkLength(candidate, rates))
    const delay = candidate.takes === '20 ms' ? Math.max(0, await measureDelay(open, rates)).toFixed(2) : '–'
    rows.push([
      candidate.name,
      ripple.toFixed(3),
      Math.max(0, loss).toFixed(2),
      level(alias),
      level(noise),
      delay,
      level(await measureBorders(open, rates)),
      (times[i]! / times[0]!).toFixed(2),
      candidate.bytes === null ? '–' : (candidate.bytes / 1024).toFixed(1),
    ])
  }
  return `${table(rows)}\n\nOurs takes ${times[0]!.toFixed(2)} ms for a second of sound.`
}

/** @returns What a second of sound costs each, in ms. */
async function measureTimes(candidates: readonly Candidate[], rates: Rates): Promise<number[]> {
  const input = tone(440, rates.inputRate, 1)
  const work: (() => void)[] = []
  for (const candidate of candidates)
    work.push(second(await candidate.open(rates), input, chunkLength(candidate, rates)))
  interleave(3, work)
  return interleave(CPU_ROUNDS, work)
}

function second(stream: Stream, input: Float32Array, length: number): () => void {
  return () => {
    for (let at = 0; at < input.length; at += length) stream(input.subarray(at, at + length))
  }
}

function chunkLength({ takes }: Candidate, { inputRate }: Rates): number {
  if (takes === '128 samples') return 128
  return takes === 'all' ? inputRate : Math.round(inputRate / 50)
}

function nameOf({ inputRate, outputRate }: Rates): string {
  return `${inputRate / 1000} → ${outputRate / 1000}`
}

function level(db: number): string {
  return db < FLOOR_DB ? 'none' : db.toFixed(1)
}
