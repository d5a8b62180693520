import { LocalSpeechDetector } from '../../src/audio/local-speech-detector.ts'
import { encodePCM16 } from '../../src/audio/pcm.ts'
import { rms } from '../../src/testing/loudness.ts'
import { readWav, referenceResample } from '../../test/support/signal.ts'
import { median, quantile, table } from '../support/report.ts'
import { describeEcho } from './echo.ts'
import { NOISES } from './noises.ts'
import { openWebRTC } from './webrtc.ts'

const RATE = 16_000
const CHUNK = RATE / 50
const FIXTURE = new URL('../../test/fixtures/speech-44k1.wav', import.meta.url).pathname
/** Silence before the speech, in which a detector gets to know the room, in s. */
const BEFORE_SECONDS = 2
const SNRS = [20, 10, 5]

/** Something that says after each chunk of 20 ms whether there is speech. */
interface Judge {
  readonly name: string
  /** A fresh one for each sound. */
  open(): (chunk: Int16Array<ArrayBuffer>) => boolean
}

interface Score {
  readonly hits: number
  readonly alarms: number
  readonly onsets: readonly number[]
}

function levelsOf(sound: Float32Array): number[] {
  return Array.from({ length: Math.floor(sound.length / CHUNK) }, (_, k) => {
    let energy = 0
    for (const x of sound.subarray(k * CHUNK, (k + 1) * CHUNK)) energy += x * x
    return 10 * Math.log10(energy / CHUNK + 1e-12)
  })
}

/** Speech is what is at most 25 dB below the loud parts of the clean recording, and pauses up to 240 ms within. */
function labelsOf(clean: Float32Array): boolean[] {
  const levels = levelsOf(clean)
  const floor = quantile(levels, 0.95) - 25
  const labels = levels.map((level) => level > floor)
  let last = Number.NEGATIVE_INFINITY
  for (const [k, speech] of labels.slice().entries()) {
    if (!speech) continue
    if (k - last <= 12) labels.fill(true, last, k)
    last = k
  }
  return labels
}

function judge(judgeOf: Judge, sound: Float32Array): boolean[] {
  const decide = judgeOf.open()
  const pcm = encodePCM16(sound)
  return Array.from({ length: Math.floor(pcm.length / CHUNK) }, (_, k) =>
    decide(pcm.slice(k * CHUNK, (k + 1) * CHUNK)),
  )
}

/** What comes within 320 ms of speech is no false alarm: a detector holds on. */
function score(said: readonly boolean[], labels: readonly boolean[]): Score {
  let [hits, speech, alarms, pauses] = [0, 0, 0, 0]
  const onsets: number[] = []
  for (const [k, label] of labels.entries()) {
    if (label) {
      speech++
      if (said[k]) hits++
      if (!labels[k - 1] && !said[k - 1]) onsets.push((said.indexOf(true, k) - k + 1) * 20)
    } else if (!labels.slice(Math.max(0, k - 16), k).includes(true)) {
      pauses++
      if (said[k]) alarms++
    }
  }
  return { hits: hits / speech, alarms: alarms / pauses, onsets }
}

const percent = (share: number) => `${(100 * share).toFixed(0)} %`

/** A level above which sound is speech, as most software has; −40 dB. */
const THRESHOLD: Judge = {
  name: 'level above −40 dB',
  open: () => (chunk) => {
    let energy = 0
    for (const x of chunk) energy += (x / 32_768) ** 2
    return energy / chunk.length > 1e-4
  },
}

const OURS: Judge = {
  name: '`LocalSpeechDetector`',
  open: () => {
    const detector = new LocalSpeechDetector()
    return (chunk) => detector.process(chunk, RATE)
  },
}

function microsecondsOf(judgeOf: Judge, sound: Float32Array): number {
  const chunks = levelsOf(sound).length
  const rounds = Array.from({ length: 9 }, () => {
    const start = performance.now()
    judge(judgeOf, sound)
    return ((performance.now() - start) * 1000) / chunks
  })
  return median(rounds)
}

/** How well speech is told from other sound, and the agent's echo from the user. */
export async function run(): Promise<string> {
  const { samples, sampleRate } = readWav(FIXTURE)
  const speech = referenceResample(samples, { inputRate: sampleRate, outputRate: RATE })
  const clean = new Float32Array(speech.length + BEFORE_SECONDS * RATE)
  clean.set(speech, BEFORE_SECONDS * RATE)
  const labels = labelsOf(clean)
  const loudness = rms(clean.filter((_, i) => labels[Math.floor(i / CHUNK)]))
  const judges = [OURS, await openWebRTC(), THRESHOLD]

  const rows: (string | number)[][] = [
    ['noise', 'detector', ...SNRS.flatMap((snr) => [`${snr} dB: speech found`, 'false alarms']), 'alone'],
  ]
  const onsets = new Map<string, number[]>(judges.map(({ name }) => [name, []]))
  for (const [noiseName, make] of Object.entries(NOISES)) {
    const noise = make(clean.length, RATE)
    const gain = loudness / rms(noise)
    for (const each of judges) {
      const scores = SNRS.map((snr) => {
        const mixed = clean.map((x, i) => x + gain * 10 ** (-snr / 20) * (noise[i] ?? 0))
        return score(judge(each, mixed), labels)
      })
      for (const { onsets: found } of scores) onsets.get(each.name)?.push(...found)
      const alone = judge(
        each,
        noise.map((x) => (gain * x) / 3),
      )
      rows.push([
        noiseName,
        each.name,
        ...scores.flatMap(({ hits, alarms }) => [percent(hits), percent(alarms)]),
        percent(alone.filter(Boolean).length / alone.length),
      ])
    }
  }

  const costs = judges.map((each) => microsecondsOf(each, clean))
  const summary = judges.map(({ name }, i) => {
    const found = onsets.get(name) ?? []
    const cost = costs[i] ?? Number.NaN
    return [
      name,
      `${median(found).toFixed(0)} / ${quantile(found, 0.95).toFixed(0)}`,
      `${cost.toFixed(1)} (${(cost / (costs[0] ?? 1)).toFixed(2)})`,
    ]
  })

  return `### Speech detector

The recorded speech of the tests (11 s after 2 s of silence) at 16 kHz in chunks of 20 ms, with noises made here, so many
dB below the speech. Speech is what is within 25 dB of the loud parts of the clean recording, and pauses up to 240 ms
in between; *false alarms* are chunks of the other time but for the 320 ms after speech; *alone* is the share of chunks
called speech where there is nothing but the noise, 10 dB below the speech. The peers: WebRTC's detector compiled to WASM
(\`@echogarden/fvad-wasm\`, mode 2), and a fixed level.

${table(rows)}

From the label to the decision at the end of a chunk, over all of these; and the time that a chunk takes, in
Node, with the ratio to ours.

${table([['detector', 'onset: median / p95, ms', 'µs a chunk (ratio)'], ...summary])}

${describeEcho()}`
}
