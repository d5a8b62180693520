/**
 * Turns a signal into its spectrum, in place; with the two arrays exchanged it turns a spectrum back, `length` times
 * as large.
 *
 * @param re Real parts; a power of two of them.
 * @param im Imaginary parts; as many.
 */
export function fourier(re: Float64Array, im: Float64Array): void {
  const { length } = re
  reverseBits(re)
  reverseBits(im)
  for (let span = 1; span < length; span *= 2) {
    for (let k = 0; k < span; k++) {
      const c = Math.cos((Math.PI * k) / span)
      const s = -Math.sin((Math.PI * k) / span)
      for (let i = k; i < length; i += 2 * span) {
        const j = i + span
        const x = c * re[j]! - s * im[j]!
        const y = c * im[j]! + s * re[j]!
        re[j] = re[i]! - x
        im[j] = im[i]! - y
        re[i] = re[i]! + x
        im[i] = im[i]! + y
      }
    }
  }
}

function reverseBits(values: Float64Array): void {
  for (let i = 1, j = 0; i < values.length; i++) {
    let bit = values.length >> 1
    for (; j & bit; bit >>= 1) j ^= bit
    j ^= bit
    if (i < j) [values[i], values[j]] = [values[j]!, values[i]!]
  }
}

/** @returns The spectrum of a signal, followed by zeros up to `length`, a power of two. */
export function spectrumOf(
  samples: ArrayLike<number>,
  length: number,
): { re: Float64Array; im: Float64Array } {
  const re = new Float64Array(length)
  const im = new Float64Array(length)
  re.set(samples)
  fourier(re, im)
  return { re, im }
}

/** @returns The least power of two that is not less. */
export function powerOfTwo(length: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(2, length)))
}
