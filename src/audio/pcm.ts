/**
 * Writes samples as 16-bit integers: ±1 is ±32,768, rounded to the nearest (halves upwards).
 *
 * @param input Samples in −1…1; what lies beyond is clipped, NaN becomes 0.
 * @returns As many integers in −32,768…32,767; every one that `decodePCM16` gives comes back as it was.
 */
export function encodePCM16(input: Float32Array): Int16Array<ArrayBuffer> {
  const output = new Int16Array(input.length)
  encodePCM16Into(input, output)
  return output
}

/**
 * Like `encodePCM16`, without allocating.
 *
 * @param output Takes the integers from its beginning; holds at least `length`.
 * @param length How many samples are written; default: all of the input.
 */
export function encodePCM16Into(input: Float32Array, output: Int16Array, length = input.length): void {
  for (let i = 0; i < length; i++) {
    output[i] = Math.min(32767, Math.max(-32768, Math.floor(input[i]! * 32768 + 0.5)))
  }
}

/** @returns As many samples, in −1…1: an integer divided by 32,768, which a float holds exactly. */
export function decodePCM16(input: Int16Array): Float32Array<ArrayBuffer> {
  const output = new Float32Array(input.length)
  for (let i = 0; i < input.length; i++) output[i] = input[i]! * 2 ** -15
  return output
}
