/**
 * G.711 as ITU-T defines it: 16-bit linear PCM from and to 8-bit µ-law (PCMU) and A-law (PCMA).
 *
 * @see https://www.itu.int/rec/T-REC-G.711
 */

const MULAW_BIAS = 0x84
const MULAW_CLIP = 32635

/** One µ-law code of a 16-bit sample. */
function mulawOf(sample: number): number {
  const sign = sample < 0 ? 0x80 : 0
  const magnitude = Math.min(Math.abs(sample), MULAW_CLIP) + MULAW_BIAS
  const exponent = 31 - Math.clz32(magnitude) - 7
  const mantissa = (magnitude >> (exponent + 3)) & 0x0f
  return ~(sign | (exponent << 4) | mantissa) & 0xff
}

/** The 16-bit sample of a µ-law code. */
function sampleOfMulaw(code: number): number {
  const bits = ~code & 0xff
  const magnitude = ((((bits & 0x0f) << 3) + MULAW_BIAS) << ((bits & 0x70) >> 4)) - MULAW_BIAS
  return bits & 0x80 ? -magnitude : magnitude
}

/** One A-law code of a 16-bit sample; G.711 works on its upper 13 bits. */
function alawOf(sample: number): number {
  const positive = sample >= 0
  const magnitude = (positive ? sample : -sample - 1) >> 3
  const exponent = magnitude < 32 ? 0 : 31 - Math.clz32(magnitude) - 4
  const mantissa = (magnitude >> Math.max(exponent, 1)) & 0x0f
  return ((exponent << 4) | mantissa) ^ (positive ? 0xd5 : 0x55)
}

/** The 16-bit sample of an A-law code. */
function sampleOfAlaw(code: number): number {
  const bits = code ^ 0x55
  const exponent = (bits & 0x70) >> 4
  const mantissa = ((bits & 0x0f) << 4) + 8
  const magnitude = exponent === 0 ? mantissa : (mantissa + 0x100) << (exponent - 1)
  return bits & 0x80 ? magnitude : -magnitude
}

const MULAW_SAMPLES = Int16Array.from({ length: 256 }, (_, code) => sampleOfMulaw(code))
const ALAW_SAMPLES = Int16Array.from({ length: 256 }, (_, code) => sampleOfAlaw(code))

/** Encodes 16-bit samples as µ-law, one byte a sample. */
export function encodeMulaw(pcm: Int16Array): Uint8Array {
  return Uint8Array.from(pcm, mulawOf)
}

/** Decodes µ-law bytes to 16-bit samples. */
export function decodeMulaw(bytes: Uint8Array): Int16Array {
  return Int16Array.from(bytes, (code) => MULAW_SAMPLES[code]!)
}

/** Encodes 16-bit samples as A-law, one byte a sample. */
export function encodeAlaw(pcm: Int16Array): Uint8Array {
  return Uint8Array.from(pcm, alawOf)
}

/** Decodes A-law bytes to 16-bit samples. */
export function decodeAlaw(bytes: Uint8Array): Int16Array {
  return Int16Array.from(bytes, (code) => ALAW_SAMPLES[code]!)
}
