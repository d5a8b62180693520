import type { PlaybackMessage } from '../../src/audio/worklet-messages.ts'
import { decibels } from '../../src/testing/loudness.ts'
import { fitSine, noise, sine } from '../../test/audio/support/signal.ts'
import { Recorder, reached } from './recorder.ts'
import { ring, STREAM_RATE, type Strategy, scheduledSources, voicewire } from './strategies.ts'
import { voiceLike } from './voice-like.ts'

/** Zeros in a row, in the context's samples, that no sound has: 0.7 ms. */
const GAP = 32
/** A second difference that is this much larger than any in the sound as it should be is a click. */
const CLICK = 1.5
/** What a cut takes, in the context's samples: Voicewire's fade. */
const FADE = 240

/** When the chunks of one answer come, in ms; the same for all. */
export interface Scenario {
  readonly chunkMs: number
  readonly answers: readonly (readonly number[])[]
}

/** What was heard of one answer. */
export interface Answer {
  readonly gapMs: number
  readonly gaps: number
  readonly clicks: number
  /** From the first chunk's arrival to the first sound, in ms. */
  readonly firstMs: number
  /** How much later than a line without delay would have had it, in ms: the median over all samples. */
  readonly delayMs: number
}

async function openAll(folder: string) {
  const context = new AudioContext({ sampleRate: 48_000 })
  await context.audioWorklet.addModule('/bench/playback/bench.worklet.js')
  const ours = await voicewire(context, `${folder}/playback.worklet.js`)
  const strategies: Record<string, Strategy> = {
    Voicewire: ours,
    'scheduled buffer sources': scheduledSources(context),
    'scheduled buffer sources, fixed pre-roll of 100 ms': scheduledSources(context, { preroll: 0.1 }),
    'ring, fixed pre-roll of 100 ms': ring(context, { preroll: 0.1 }),
  }
  return { context, ours, strategies }
}

/** The largest second difference of a sound that a strategy plays undisturbed, from one piece. */
async function sharpest(context: AudioContext, strategy: Strategy): Promise<number> {
  const recorder = new Recorder(strategy.output)
  const length = 2 * STREAM_RATE
  strategy.play('reference', voiceLike(length))
  strategy.end('reference')
  const from = context.currentTime * context.sampleRate
  await recorder.until(from + 2.3 * context.sampleRate)
  const all = recorder.slice(Math.round(from), recorder.end)
  const first = all.findIndex((x) => x !== 0)
  return secondDifferences(all.subarray(first + 1000, first + 2 * length - 1000)).reduce((a, b) =>
    Math.max(a, b),
  )
}

const secondDifferences = (samples: Float32Array) =>
  samples.map((x, i) => Math.abs(x - 2 * (samples[i - 1] ?? x) + (samples[i - 2] ?? samples[i - 1] ?? x)))

/**
 * @param samples All that was recorded of one answer, and silence around it.
 * @param begun Where in them a line without delay would have had the answer's first sample.
 * @param came Where in them its first chunk came.
 */
function judge(
  samples: Float32Array,
  { begun, came, limit }: { begun: number; came: number; limit: number },
): Answer {
  const first = samples.findIndex((x) => x !== 0)
  const last = samples.findLastIndex((x) => x !== 0)
  const sharp = secondDifferences(samples)
  const delays: number[] = []
  let [gap, gaps, clicks, run, position, lastClick] = [0, 0, 0, 0, 0, Number.NEGATIVE_INFINITY]
  for (let i = first; i <= last; i++) {
    run = samples[i] === 0 ? run + 1 : 0
    position++
    if (run === GAP) {
      gaps++
      gap += GAP
      position -= GAP
    } else if (run > GAP) {
      gap++
      position--
    }
    if (i % 480 === 0) delays.push(i - begun - position)
    if (sharp[i]! > CLICK * limit && i > first + 2) {
      // One seam rings for some samples.
      if (i - lastClick > GAP) clicks++
      lastClick = i
    }
  }
  delays.sort((a, b) => a - b)
  const toMs = (count: number) => count / 48
  return {
    gapMs: toMs(gap),
    gaps,
    clicks,
    firstMs: toMs(first - came),
    delayMs: toMs(delays[delays.length >> 1]!),
  }
}

/** Gives every strategy the same chunks at the same moments, and judges what each made of every answer. */
export async function play({ folder, scenario }: { folder: string; scenario: Scenario }) {
  const { context, strategies } = await openAll(folder)
  const limits = await Promise.all(Object.values(strategies).map((strategy) => sharpest(context, strategy)))
  const players = Object.entries(strategies).map(([name, strategy], i) => ({
    name,
    strategy,
    limit: limits[i]!,
    recorder: new Recorder(strategy.output),
    answers: [] as Answer[],
  }))
  const length = (scenario.chunkMs / 1000) * STREAM_RATE
  for (const [answer, arrivals] of scenario.answers.entries()) {
    const sound = voiceLike(length * arrivals.length, answer)
    const begun = context.currentTime + 0.15
    let came = 0
    for (const [i, arrival] of arrivals.entries()) {
      await reached(context, begun + arrival / 1000)
      if (i === 0) came = context.currentTime
      for (const { strategy } of players) {
        strategy.play(`${answer}`, sound.slice(i * length, (i + 1) * length))
        if (i === arrivals.length - 1) strategy.end(`${answer}`)
      }
    }
    const rate = context.sampleRate
    const start = Math.round((begun - 0.1) * rate)
    // The longest burst, and any pre-roll, are over by then.
    const end = start + (sound.length / STREAM_RATE + 1.5) * rate
    for (const { recorder, answers, limit } of players) {
      await recorder.until(end)
      const samples = recorder.slice(start, end)
      answers.push(judge(samples, { begun: 0.1 * rate, came: came * rate - start, limit }))
      recorder.clear()
    }
  }
  await context.close()
  return Object.fromEntries(players.map(({ name, answers }) => [name, answers]))
}

/** What is beside a tone, in dB of the tone, for each strategy. */
export async function residuals({ folder, frequency }: { folder: string; frequency: number }) {
  const { context, strategies } = await openAll(folder)
  const tone = sine(frequency, STREAM_RATE, STREAM_RATE, 0.8)
  const result: Record<string, number> = {}
  for (const [name, strategy] of Object.entries(strategies)) {
    const recorder = new Recorder(strategy.output)
    strategy.play('tone', tone)
    strategy.end('tone')
    const from = Math.round(context.currentTime * context.sampleRate)
    await recorder.until(from + 1.3 * context.sampleRate)
    const samples = recorder.slice(from, recorder.end)
    const first = samples.findIndex((x) => x !== 0)
    const { amplitude, residual } = fitSine(samples.slice(first + 2000, first + 40_000), frequency, 48_000)
    result[name] = decibels(residual / amplitude)
  }
  await context.close()
  return result
}

/** Cuts a constant off at random moments, and compares its length with what the worklet told: samples of the stream. */
export async function lengths({ folder, cuts }: { folder: string; cuts: number }): Promise<number[]> {
  const told: number[] = []
  const Native = globalThis.AudioWorkletNode
  // The speaker tells whole milliseconds; its worklet tells samples.
  globalThis.AudioWorkletNode = class extends Native {
    constructor(context: BaseAudioContext, name: string, options?: AudioWorkletNodeOptions) {
      super(context, name, options)
      this.port.addEventListener('message', ({ data }: MessageEvent<PlaybackMessage>) => {
        if (data.type === 'cleared') told.push(data.progress.items[0]!.rendered)
      })
    }
  }
  const { context, ours } = await openAll(folder)
  const recorder = new Recorder(ours.output)
  const errors: number[] = []
  const constant = new Float32Array(STREAM_RATE).fill(0.5)
  for (const moment of noise(cuts, 0.5, 11)) {
    const from = Math.round(context.currentTime * context.sampleRate)
    ours.play(`${errors.length}`, constant)
    await reached(context, context.currentTime + 0.1 + (moment + 0.5) * 0.2)
    await ours.speaker.clear()
    await recorder.until(context.currentTime * context.sampleRate + FADE + 1024)
    const samples = recorder.slice(from, recorder.end)
    // A step of half the height is where the first sample begins; the fade out leaves nothing but its last value, 0.
    const rise = samples.findIndex((x) => x >= 0.25)
    const begun = rise - (samples[rise]! - 0.25) / (samples[rise]! - samples[rise - 1]!)
    const end = samples.findLastIndex((x) => Math.abs(x) > 1e-6) + 2
    errors.push(told.at(-1)! - ((end - begun) / 2 - 0.5))
    recorder.clear()
  }
  globalThis.AudioWorkletNode = Native
  await context.close()
  return errors
}

/** Asks for what was heard at random moments, and compares it with the recording at the context's time, in ms. */
export async function positions({ folder, moments }: { folder: string; moments: number }): Promise<number[]> {
  const { context, ours } = await openAll(folder)
  const recorder = new Recorder(ours.output)
  const from = Math.round(context.currentTime * context.sampleRate)
  ours.play('a', voiceLike(STREAM_RATE * moments * 0.08))
  const latency = Math.min(0.5, Math.max(0, context.outputLatency || 0))
  await reached(context, context.currentTime + 0.2 + latency)
  const asked: { time: number; heardMs: number }[] = []
  for (const moment of noise(moments, 0.02, 3)) {
    await new Promise((resolve) => setTimeout(resolve, 1000 * (0.04 + moment)))
    asked.push({ heardMs: ours.speaker.heard()[0]!.heardMs, time: context.currentTime })
  }
  await recorder.until(context.currentTime * context.sampleRate)
  const first = from + recorder.slice(from, recorder.end).findIndex((x) => x !== 0)
  await context.close()
  return asked.map(({ time, heardMs }) => heardMs - 1000 * (time - latency - first / context.sampleRate))
}

Object.assign(globalThis, { play, residuals, lengths, positions })
