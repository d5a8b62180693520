/** Sound quality by sines, in double precision, the same for everyone. */
import { decibels } from '../../src/testing/loudness.ts'
import { sine } from '../../src/testing/signal.ts'
import type { Stream } from './peers.ts'
import type { Rates } from './rates.ts'

/** Left out at the start, where filters fill, and at the end, which a whole file's filter smears. */
const SETTLE_SECONDS = 0.06
const END_SECONDS = 0.02
const STEADY_SECONDS = 0.125
/** Parts of Nyquist's frequency of the lower rate; of no common measure, so that aliases fall everywhere. */
const PASS = [0.013, 0.11, 0.237, 0.371, 0.49, 0.583, 0.661, 0.72, 0.77, 0.811, 0.845, 0.875]
const EDGE = 0.9375
const STOP = 1.125
const STOP_TONES = 24

export interface Quality {
  /** The largest departure from 0 dB up to 0.875 N, in dB. */
  ripple: number
  /** What is lost at 0.9375 N, in dB. */
  loss: number
  /** The largest alias of a tone above 1.125 N, and the largest sum of everything that a tone below 0.875 N gains. */
  alias: number
  /** Everything beside a tone of 1 kHz, in dB. */
  noise: number
}

export function tone(frequency: number, sampleRate: number, seconds: number): Float32Array {
  return sine(frequency, { sampleRate, seconds, amplitude: 0.9, phase: 0.3 })
}

/** Fits a sine of a known frequency from sample `start` on: its amplitude and phase, and the amplitude of the rest. */
export function fit(
  samples: ArrayLike<number>,
  frequency: number,
  {
    sampleRate,
    start = 0,
  }: {
    sampleRate: number
    start?: number
  },
) {
  const step = (2 * Math.PI * frequency) / sampleRate
  let [ss, sc, cc, sx, cx, xx] = [0, 0, 0, 0, 0, 0]
  for (let i = start; i < samples.length; i++) {
    const [s, c, x] = [Math.sin(step * i), Math.cos(step * i), samples[i]!]
    ss += s * s
    sc += s * c
    cc += c * c
    sx += s * x
    cx += c * x
    xx += x * x
  }
  const determinant = ss * cc - sc * sc
  const a = (sx * cc - cx * sc) / determinant
  const b = (cx * ss - sx * sc) / determinant
  let rest = 0
  for (let i = start; i < samples.length; i++) {
    rest += (samples[i]! - a * Math.sin(step * i) - b * Math.cos(step * i)) ** 2
  }
  const count = samples.length - start
  return {
    amplitude: Math.hypot(a, b) / 0.9,
    phase: Math.atan2(b, a),
    rest: Math.sqrt((2 * rest) / count) / 0.9,
    all: Math.sqrt((2 * xx) / count) / 0.9,
  }
}

/** Feeds a signal in chunks, and joins what comes. */
export function feed(stream: Stream, input: Float32Array, chunkLength: number): Float64Array {
  const output: number[] = []
  for (let at = 0; at < input.length; at += chunkLength) {
    const chunk = stream(input.subarray(at, at + chunkLength))
    for (let i = 0; i < chunk.length; i++) output.push(chunk[i]!)
  }
  return Float64Array.from(output)
}

/** @param chunkLength Input samples given at a time. */
export function measureQuality(stream: Stream, rates: Rates, chunkLength: number): Quality {
  const { inputRate, outputRate } = rates
  const nyquist = Math.min(inputRate, outputRate) / 2
  const through = (frequency: number) => {
    const input = tone(frequency, inputRate, SETTLE_SECONDS + STEADY_SECONDS + END_SECONDS)
    const output = feed(stream, input, chunkLength)
    const steady = output.subarray(
      Math.ceil(SETTLE_SECONDS * outputRate),
      -Math.ceil(END_SECONDS * outputRate),
    )
    return fit(steady, frequency, { sampleRate: outputRate })
  }
  const passed = PASS.map((part) => through(part * nyquist))
  const stopped: number[] = []
  const bottom = STOP * nyquist
  const top = (0.99 * inputRate) / 2
  for (let i = 0; i < STOP_TONES && bottom < top; i++) {
    stopped.push(through(bottom + ((top - bottom) * i) / (STOP_TONES - 1)).all)
  }
  const kilohertz = through(1000)
  return {
    ripple: Math.max(...passed.map(({ amplitude }) => Math.abs(decibels(amplitude)))),
    loss: -decibels(through(EDGE * nyquist).amplitude),
    alias: decibels(Math.max(...stopped, ...passed.map(({ rest }) => rest))),
    noise: decibels(kilohertz.rest / kilohertz.amplitude),
  }
}

/**
 * How much later sound comes out than it went in, in ms: the delay of the filter, by how the phase turns between
 * two low tones, and what is held back, by counting samples. Fed by 128 samples, as an audio worklet is.
 */
export async function measureDelay(
  open: () => Promise<Stream>,
  { inputRate, outputRate }: Rates,
): Promise<number> {
  const nyquist = Math.min(inputRate, outputRate) / 2
  const tones = [0.02 * nyquist, 0.02 * nyquist + 16]
  const phases: number[] = []
  let held = 0
  for (const frequency of tones) {
    const input = tone(frequency, inputRate, 0.5)
    const output = feed(await open(), input, 128)
    held = input.length / inputRate - output.length / outputRate
    const start = Math.ceil(0.1 * outputRate)
    phases.push(fit(output.subarray(0, -start), frequency, { sampleRate: outputRate, start }).phase)
  }
  const turn = 2 * Math.PI * (tones[1]! - tones[0]!)
  const difference = phases[0]! - phases[1]!
  const wrapped = Math.atan2(Math.sin(difference), Math.cos(difference))
  return 1000 * (wrapped / turn + held)
}

/** What chunks of 20 ms change, beside the whole signal at once: dB of the signal; −Infinity for nothing. */
export async function measureBorders(open: () => Promise<Stream>, { inputRate }: Rates): Promise<number> {
  const input = tone(1000, inputRate, 0.5)
  const whole = feed(await open(), input, input.length)
  const cut = feed(await open(), input, Math.round(inputRate / 50))
  const length = Math.min(whole.length, cut.length)
  let [difference, power] = [0, 0]
  for (let i = 0; i < length; i++) {
    difference += (whole[i]! - cut[i]!) ** 2
    power += whole[i]! ** 2
  }
  return 10 * Math.log10(difference / power)
}
