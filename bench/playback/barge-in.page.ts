import { decibels } from '../../src/testing/loudness.ts'
import { bandAmplitude, noise, sine } from '../../test/audio/support/signal.ts'
import { Recorder, reached } from './recorder.ts'
import { STREAM_RATE, type Strategy, scheduledSources, voicewire } from './strategies.ts'
import { voiceLike } from './voice-like.ts'

/** How long an answer plays before it is cut off, in ms, and what is recorded of it around the cut. */
const LEAST_MS = 150
const MOST_MS = 350
const WINDOW = 2048
const CHUNK = 2400

export interface Cuts {
  /** From the call to −40 and −60 dB below full scale, in ms. */
  readonly to40: number[]
  readonly to60: number[]
  /** The cut's amplitude between 4 and 12 kHz, in dB below full scale. */
  readonly toneDb: number[]
  readonly voiceDb: number[]
}

/** Has the page work for 60 ms of every 100. */
function keepBusy(): () => void {
  const timer = setInterval(() => {
    const until = performance.now() + 60
    while (performance.now() < until);
  }, 100)
  return () => clearInterval(timer)
}

async function cutOff(strategies: Record<string, Strategy>, { cuts, busy }: { cuts: number; busy: boolean }) {
  const context = Object.values(strategies)[0]!.output.context as AudioContext
  const players = Object.entries(strategies).map(([name, strategy]) => ({
    strategy,
    recorder: new Recorder(strategy.output),
    name,
    result: { to40: [], to60: [], toneDb: [], voiceDb: [] } as Cuts,
  }))
  const moments = noise(cuts, 0.5, 5)
  const rest = busy ? keepBusy() : () => undefined
  for (const [cut, moment] of moments.entries()) {
    const tone = cut % 2 === 0
    const sound = tone ? sine(1000, STREAM_RATE, STREAM_RATE, 0.8) : voiceLike(STREAM_RATE, cut)
    for (const { strategy } of players) {
      for (let at = 0; at < sound.length; at += CHUNK) strategy.play(`${cut}`, sound.slice(at, at + CHUNK))
    }
    await reached(context, context.currentTime + (LEAST_MS + (moment + 0.5) * (MOST_MS - LEAST_MS)) / 1000)
    const calls = players.map(({ strategy }) => {
      const time = context.currentTime
      strategy.clear()
      return time
    })
    for (const [i, { recorder, result }] of players.entries()) {
      const call = Math.round(calls[i]! * context.sampleRate)
      await recorder.until(call + 0.12 * context.sampleRate)
      const after = recorder.slice(call, call + 0.1 * context.sampleRate)
      const until = (level: number) =>
        ((after.findLastIndex((x) => Math.abs(x) > level) + 1) * 1000) / context.sampleRate
      result.to40.push(until(0.01))
      result.to60.push(until(0.001))
      const silent = call + after.findLastIndex((x) => Math.abs(x) > 1e-4) - 120
      // The sums take their time, and a click is a click after a dozen.
      if (cut < 24 && !busy) {
        const window = recorder.slice(silent - WINDOW / 2, silent + WINDOW / 2)
        const db = decibels(bandAmplitude(window, context.sampleRate, 4000, 12_000))
        if (tone) result.toneDb.push(db)
        else result.voiceDb.push(db)
      }
      recorder.clear()
    }
  }
  rest()
  return Object.fromEntries(players.map(({ name, result }) => [name, result]))
}

/** Cuts all strategies off at the same moments, at any place in the sound. */
export async function bargeIn({ folder, cuts, busy }: { folder: string; cuts: number; busy: boolean }) {
  const context = new AudioContext({ sampleRate: 48_000 })
  await context.audioWorklet.addModule('/bench/playback/bench.worklet.js')
  const strategies = {
    Voicewire: await voicewire(context, `${folder}/playback.worklet.js`),
    'scheduled buffer sources, stopped at once': scheduledSources(context),
    'scheduled buffer sources, faded in 30 ms': scheduledSources(context, { fade: 0.03 }),
  }
  const result = await cutOff(strategies, { cuts, busy })
  await context.close()
  return result
}

Object.assign(globalThis, { bargeIn })
