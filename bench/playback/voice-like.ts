import { noise } from '../../test/audio/support/signal.ts'
import { STREAM_RATE } from './strategies.ts'

/**
 * Sums of tones up to 900 Hz that swell three times a second, with noise of one bit so that no sample is silence:
 * a gap is a run of zeros, and a click is sharper than anything in it.
 *
 * @param length In samples at the stream's rate.
 */
export function voiceLike(length: number, seed = 1): Float32Array<ArrayBuffer> {
  const hiss = noise(length, 3 / 32_768, seed + 1)
  return hiss.map((x, i) => {
    const t = (2 * Math.PI * i) / STREAM_RATE
    const swell = 0.55 - 0.45 * Math.cos(3 * t)
    return x + swell * (0.3 * Math.sin(180 * t) + 0.2 * Math.sin(310 * t) + 0.1 * Math.sin(900 * t))
  })
}
