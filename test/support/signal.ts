/** Reference signal processing for tests: plain, slow, in double precision, and independent of what it judges. */
import { readFileSync } from 'node:fs'
import { correlation } from '../../src/testing/correlation.ts'

/** The published design of the library's filter, from which a reference can be computed. */
const HALF_LENGTH = 26
const BETA = 10.25

function divisor(a: number, b: number): number {
  return b === 0 ? a : divisor(b, a % b)
}

/**
 * Resamples a whole signal at once: each output sample is the filter's impulse response summed over the input,
 * with the sample's place as a fraction. No phases, no history, no chunks.
 *
 * @param count How many samples to give; default: until the input ends.
 */
export function referenceResample(
  input: Float32Array | Float64Array,
  { inputRate, outputRate, count }: { inputRate: number; outputRate: number; count?: number },
): Float64Array {
  const common = divisor(inputRate, outputRate)
  const up = outputRate / common
  const down = inputRate / common
  const scale = Math.max(up, down)
  const center = HALF_LENGTH * scale
  const impulse = Float64Array.from({ length: 2 * center + 1 }, (_, i) => {
    const x = (i - center) / scale
    const edge = Math.sqrt(1 - (x / HALF_LENGTH) ** 2)
    if (edge === 0) return 0
    const sinc = x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x)
    const window = Math.sinh(BETA * edge) / (edge ** 0.75 * Math.sinh(BETA))
    return (up / scale) * sinc * window
  })
  const length = count ?? Math.ceil((input.length * up) / down)
  const output = new Float64Array(length)
  for (let n = 0; n < length; n++) {
    const at = n * down
    const last = Math.min(input.length - 1, Math.floor(at / up))
    const first = Math.max(0, Math.ceil((at - 2 * center) / up))
    let sum = 0
    for (let k = first; k <= last; k++) sum += (input[k] ?? 0) * (impulse[at - k * up] ?? 0)
    output[n] = sum
  }
  return output
}

/** @returns The samples of a 16-bit mono WAV file in −1…1, and their rate in Hz. */
export function readWav(path: string): { samples: Float64Array; sampleRate: number } {
  const file = readFileSync(path)
  const data = file.indexOf('data', 12)
  const length = file.readUInt32LE(data + 4)
  const bytes = file.subarray(data + 8, data + 8 + length)
  const samples = Float64Array.from({ length: length >> 1 }, (_, i) => bytes.readInt16LE(i * 2) / 32_768)
  return { samples, sampleRate: file.readUInt32LE(24) }
}

/**
 * Cuts a recording into windows of one second and finds each in a reference that is played in a loop.
 *
 * @returns The best correlation of each window that is not silent.
 */
export function windowCorrelations(
  recording: Float64Array,
  reference: Float64Array,
  sampleRate: number,
): number[] {
  const coarse = 8
  const looped = new Float64Array(reference.length + 2 * sampleRate)
  for (let i = 0; i < looped.length; i++) looped[i] = reference[i % reference.length] ?? 0
  const decimate = (signal: Float64Array): Float64Array =>
    referenceResample(signal, { inputRate: coarse, outputRate: 1 })
  const slowLoop = decimate(looped)
  const values: number[] = []
  for (let at = 0; at + sampleRate <= recording.length; at += sampleRate) {
    const window = recording.subarray(at, at + sampleRate)
    if (Math.hypot(...window.subarray(0, 4000)) + Math.hypot(...window.subarray(-4000)) < 0.05) continue
    const { lag } = correlation(decimate(window), slowLoop)
    const near = { fromLag: lag * coarse - 16, toLag: lag * coarse + 16 }
    values.push(correlation(window, looped, near).value)
  }
  return values
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[sorted.length >> 1] ?? Number.NaN
}
