/**
 * G.711 as ITU-T wrote it: the reference code of G.191 gives the same for each of the 65,536 samples and 256
 * codes. A negative sample is folded as `~x`, not `-x`; that is where much software in use departs from it.
 *
 * @see https://www.itu.int/rec/T-REC-G.711
 * @see https://www.itu.int/rec/T-REC-G.191
 */
interface Law {
  readonly compress: (sample: number) => number
  readonly expand: (code: number) => number
  /** By sample & 0xffff, and by code; made at the first use. */
  codes?: Uint8Array
  samples?: Int16Array
}

const mulaw: Law = { compress: compressMulaw, expand: expandMulaw }
const alaw: Law = { compress: compressAlaw, expand: expandAlaw }

/** @returns One byte of μ-law for each 16-bit sample. */
export function encodeMulaw(input: Int16Array): Uint8Array<ArrayBuffer> {
  return encode(input, mulaw)
}

/** @returns One 16-bit sample, in −32,124…32,124, for each byte of μ-law. */
export function decodeMulaw(input: Uint8Array): Int16Array<ArrayBuffer> {
  return decode(input, mulaw)
}

/** @returns One byte of A-law for each 16-bit sample. */
export function encodeAlaw(input: Int16Array): Uint8Array<ArrayBuffer> {
  return encode(input, alaw)
}

/** @returns One 16-bit sample, in −32,256…32,256, for each byte of A-law. */
export function decodeAlaw(input: Uint8Array): Int16Array<ArrayBuffer> {
  return decode(input, alaw)
}

function encode(input: Int16Array, law: Law): Uint8Array<ArrayBuffer> {
  law.codes ??= Uint8Array.from({ length: 65536 }, (_, i) => law.compress((i << 16) >> 16))
  const output = new Uint8Array(input.length)
  for (let i = 0; i < input.length; i++) output[i] = law.codes[input[i]! & 0xffff]!
  return output
}

function decode(input: Uint8Array, law: Law): Int16Array<ArrayBuffer> {
  law.samples ??= Int16Array.from({ length: 256 }, (_, i) => law.expand(i))
  const output = new Int16Array(input.length)
  for (let i = 0; i < input.length; i++) output[i] = law.samples[input[i]!]!
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
