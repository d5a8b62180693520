/**
 * G.711 as ITU-T wrote it: the reference code of G.191 gives the same for each of the 65,536 samples and 256
 * codes. A negative sample is folded as `~x`, not `-x`; that is where much software in use departs from it.
 *
 * @see https://www.itu.int/rec/T-REC-G.711
 * @see https://www.itu.int/rec/T-REC-G.191
 */

/** One table for each direction, made at its first use; apart, so that who decodes does not carry the encoder. */
let mulawCodes: Uint8Array | undefined
let alawCodes: Uint8Array | undefined
let mulawSamples: Int16Array | undefined
let alawSamples: Int16Array | undefined

/** @returns One byte of μ-law for each 16-bit sample. */
export function encodeMulaw(input: Int16Array): Uint8Array<ArrayBuffer> {
  mulawCodes ??= codesOf(compressMulaw)
  return encode(input, mulawCodes)
}

/** @returns One 16-bit sample, in −32,124…32,124, for each byte of μ-law. */
export function decodeMulaw(input: Uint8Array): Int16Array<ArrayBuffer> {
  mulawSamples ??= samplesOf(expandMulaw)
  return decode(input, mulawSamples)
}

/** @returns One byte of A-law for each 16-bit sample. */
export function encodeAlaw(input: Int16Array): Uint8Array<ArrayBuffer> {
  alawCodes ??= codesOf(compressAlaw)
  return encode(input, alawCodes)
}

/** @returns One 16-bit sample, in −32,256…32,256, for each byte of A-law. */
export function decodeAlaw(input: Uint8Array): Int16Array<ArrayBuffer> {
  alawSamples ??= samplesOf(expandAlaw)
  return decode(input, alawSamples)
}

/** @returns The code of every sample, by its 16 bits. */
function codesOf(compress: (sample: number) => number): Uint8Array {
  return Uint8Array.from({ length: 65536 }, (_, i) => compress((i << 16) >> 16))
}

/** @returns The sample of every code. */
function samplesOf(expand: (code: number) => number): Int16Array {
  return Int16Array.from({ length: 256 }, (_, i) => expand(i))
}

function encode(input: Int16Array, codes: Uint8Array): Uint8Array<ArrayBuffer> {
  const output = new Uint8Array(input.length)
  for (let i = 0; i < input.length; i++) output[i] = codes[input[i]! & 0xffff]!
  return output
}

function decode(input: Uint8Array, samples: Int16Array): Int16Array<ArrayBuffer> {
  const output = new Int16Array(input.length)
  for (let i = 0; i < input.length; i++) output[i] = samples[input[i]!]!
  return output
}

/** 14 bits of magnitude and a bias of 33 make eight segments of sixteen steps; every bit is sent inverted. */
function compressMulaw(sample: number): number {
  const magnitude = Math.min(((sample < 0 ? ~sample : sample) >> 2) + 33, 0x1fff)
  const segment = 26 - Math.clz32(magnitude)
  const code = (segment << 4) | ((magnitude >> (segment + 1)) & 15)
  return ~code & (sample < 0 ? 0x7f : 0xff)
}

function expandMulaw(code: number): number {
  const segment = (~code >> 4) & 7
  const magnitude = (((~code & 15) * 2 + 33) << segment) - 33
  return (code < 128 ? -magnitude : magnitude) * 4
}

/** 13 bits of magnitude: the first two segments share one step; every other bit is sent inverted. */
function compressAlaw(sample: number): number {
  const magnitude = (sample < 0 ? ~sample : sample) >> 4
  const segment = Math.max(0, 28 - Math.clz32(magnitude))
  const code = (segment << 4) | ((segment === 0 ? magnitude : magnitude >> (segment - 1)) & 15)
  return (code | (sample < 0 ? 0 : 0x80)) ^ 0x55
}

function expandAlaw(code: number): number {
  const segment = ((code ^ 0x55) >> 4) & 7
  const step = ((code ^ 0x55) & 15) * 16 + 8
  const magnitude = segment === 0 ? step : (step + 256) << (segment - 1)
  return code < 128 ? -magnitude : magnitude
}
