import { rms } from '../../../src/testing/loudness.ts'
import * as signal from '../../../src/testing/signal.ts'

export { decibels } from '../../../src/testing/loudness.ts'

/** A sine of amplitude 1, or less, starting at an arbitrary phase so that nothing lines up by chance. */
export function sine(
  frequency: number,
  sampleRate: number,
  length: number,
  amplitude = 1,
): Float32Array<ArrayBuffer> {
  return signal.sine(frequency, { sampleRate, seconds: length / sampleRate, amplitude, phase: 0.3 })
}

/** Uniform noise in −amplitude…amplitude, the same for the same seed. */
export function noise(length: number, amplitude = 0.5, seed = 1): Float32Array<ArrayBuffer> {
  return signal.noise(seed, { sampleRate: length, seconds: 1, amplitude })
}

/** Amplitude of the sine that has the same power. */
export function amplitudeOf(samples: Float32Array): number {
  return Math.SQRT2 * rms(samples)
}

/** Fits a sine of a known frequency: its amplitude, and the amplitude of everything else. */
export function fitSine(samples: Float32Array, frequency: number, sampleRate: number) {
  const step = (2 * Math.PI * frequency) / sampleRate
  let [ss, sc, cc, sx, cx] = [0, 0, 0, 0, 0]
  for (let i = 0; i < samples.length; i++) {
    const [s, c] = [Math.sin(step * i), Math.cos(step * i)]
    ss += s * s
    sc += s * c
    cc += c * c
    sx += s * samples[i]!
    cx += c * samples[i]!
  }
  const determinant = ss * cc - sc * sc
  const a = (sx * cc - cx * sc) / determinant
  const b = (cx * ss - sx * sc) / determinant
  const rest = samples.map((x, i) => x - a * Math.sin(step * i) - b * Math.cos(step * i))
  return { amplitude: Math.hypot(a, b), residual: amplitudeOf(rest), phase: Math.atan2(b, a) }
}

/** Amplitude in a band, by a Blackman–Harris window and one Fourier sum for each bin of it. */
export function bandAmplitude(samples: Float32Array, sampleRate: number, from: number, to: number): number {
  const n = samples.length
  const window = (i: number) => {
    const x = (2 * Math.PI * i) / n
    return 0.35875 - 0.48829 * Math.cos(x) + 0.14128 * Math.cos(2 * x) - 0.01168 * Math.cos(3 * x)
  }
  const windowed = samples.map((x, i) => x * window(i))
  let power = 0
  for (let bin = Math.ceil((from * n) / sampleRate); bin <= (to * n) / sampleRate; bin++) {
    let [re, im] = [0, 0]
    for (let i = 0; i < n; i++) {
      const angle = (2 * Math.PI * ((bin * i) % n)) / n
      re += windowed[i]! * Math.cos(angle)
      im += windowed[i]! * Math.sin(angle)
    }
    power += (re * re + im * im) / (n * 0.35875) ** 2
  }
  return 2 * Math.sqrt(power)
}

/** The position of the first sample that differs, or −1; lengths count as well. */
export function firstDifference(a: ArrayLike<number>, b: ArrayLike<number>, tolerance = 0): number {
  const length = Math.max(a.length, b.length)
  for (let i = 0; i < length; i++) if (!(Math.abs(a[i]! - b[i]!) <= tolerance)) return i
  return -1
}

export function concatenate(chunks: readonly Float32Array[]): Float32Array<ArrayBuffer> {
  const joined = new Float32Array(chunks.reduce((length, chunk) => length + chunk.length, 0))
  let at = 0
  for (const chunk of chunks) {
    joined.set(chunk, at)
    at += chunk.length
  }
  return joined
}
