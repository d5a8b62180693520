import { randomly } from './random.ts'

/** How long a sound is, and at which rate. */
export interface SignalOptions {
  /** Samples per second, in Hz. */
  readonly sampleRate: number
  /** Rounded to whole samples. */
  readonly seconds: number
}

/** @returns How many samples a sound has. */
export function lengthOf({ sampleRate, seconds }: SignalOptions): number {
  return Math.round(sampleRate * seconds)
}

/**
 * A pure tone.
 *
 * @param frequency In Hz.
 * @param options.amplitude 0…1; default 1.
 * @param options.phase Where it begins, in radians; default 0, which is a rise from silence.
 */
export function sine(
  frequency: number,
  {
    amplitude = 1,
    phase = 0,
    ...extent
  }: SignalOptions & { readonly amplitude?: number; readonly phase?: number },
): Float32Array<ArrayBuffer> {
  const step = (2 * Math.PI * frequency) / extent.sampleRate
  return Float32Array.from({ length: lengthOf(extent) }, (_, i) => amplitude * Math.sin(step * i + phase))
}

/** Nothing: zeros. */
export function silence(extent: SignalOptions): Float32Array<ArrayBuffer> {
  return new Float32Array(lengthOf(extent))
}

/**
 * White noise, the same for the same seed.
 *
 * @param seed A whole number.
 * @param options.amplitude Samples are uniform in −amplitude…amplitude; default 0.5.
 */
export function noise(
  seed: number,
  { amplitude = 0.5, ...extent }: SignalOptions & { readonly amplitude?: number },
): Float32Array<ArrayBuffer> {
  const random = randomly(seed)
  return Float32Array.from({ length: lengthOf(extent) }, () => amplitude * random())
}
