/** A stretch of silence within a sound. */
export interface Gap {
  /** Its place in the sound, in ms. */
  readonly startMs: number
  readonly lengthMs: number
}

export interface GapOptions {
  /** Samples per second, in Hz. */
  readonly sampleRate: number
  /** What is not louder is silence, 0…1; default 0.001, which is −60 dB. */
  readonly threshold?: number
  /** What is shorter is none, in ms; default 5, since every tone passes through zero. */
  readonly minMs?: number
}

/**
 * Finds where a sound breaks off and goes on. Silence before its first and after its last sound is no gap.
 *
 * @param samples In −1…1.
 */
export function gaps(
  samples: ArrayLike<number>,
  { sampleRate, threshold = 0.001, minMs = 5 }: GapOptions,
): Gap[] {
  const found: Gap[] = []
  const toMs = (count: number) => (count * 1000) / sampleRate
  let last = Number.NaN
  for (let i = 0; i < samples.length; i++) {
    if (!(Math.abs(samples[i]!) > threshold)) continue
    const lengthMs = toMs(i - last - 1)
    if (lengthMs > 0 && lengthMs >= minMs) found.push({ startMs: toMs(last + 1), lengthMs })
    last = i
  }
  return found
}

export interface ClickOptions {
  /** Samples per second, in Hz. */
  readonly sampleRate: number
  /** How much sharper than the sound around it a click is; default 10, which speech hardly reaches. */
  readonly factor?: number
  /** The least bend that can be heard, 0…1; default 0.002. */
  readonly threshold?: number
}

/** What rings this long after a click, in ms, belongs to it. */
const CLICK_MS = 1
/** With so much of the sound before and after, in ms, a click is compared: two periods of a low voice. */
const AROUND_MS = 20
/** A share of the sound around may be clicks themselves. */
const QUANTILE = 0.9

/**
 * Finds clicks: where a sound is cut off or begins without a fade, or a sample is lost. A sample is judged by how far
 * it lies off the line through its neighbours, beside the sound around it.
 *
 * @param samples In −1…1.
 * @returns Their places, in ms.
 */
export function clicks(
  samples: ArrayLike<number>,
  { sampleRate, factor = 10, threshold = 0.002 }: ClickOptions,
): number[] {
  const bends = Float32Array.from({ length: samples.length }, (_, i) =>
    i > 0 && i < samples.length - 1 ? Math.abs(samples[i - 1]! - 2 * samples[i]! + samples[i + 1]!) : 0,
  )
  const near = Math.ceil((CLICK_MS * sampleRate) / 1000)
  const far = Math.ceil((AROUND_MS * sampleRate) / 1000)
  const found: number[] = []
  for (let i = 0; i < bends.length; i++) {
    const bend = bends[i]!
    if (bend < threshold) continue
    const within = bends.subarray(Math.max(0, i - near), i + near + 1)
    if (within.some((other) => other > bend)) continue
    const around = bends.slice(Math.max(0, i - far), i + far + 1).sort()
    if (bend <= factor * around[Math.floor(QUANTILE * around.length)]!) continue
    found.push((i * 1000) / sampleRate)
    i += near
  }
  return found
}
