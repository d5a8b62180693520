import { decodeAlaw, decodeMulaw, encodeAlaw, encodeMulaw } from './g711.ts'

/** How one channel of sound is written as bytes. `linear16` and `linear32` are signed, little-endian. */
export interface AudioFormat {
  readonly encoding: 'linear16' | 'linear32' | 'mulaw' | 'alaw'
  /** Samples per second. */
  readonly sampleRate: number
}

/** Bytes that one sample takes in `format`: 1, 2 or 4. */
export function bytesPerSample({ encoding }: AudioFormat): number {
  return encoding === 'linear16' ? 2 : encoding === 'linear32' ? 4 : 1
}

/** Milliseconds of sound in `byteLength` bytes of `format`; not rounded. */
export function durationMs(byteLength: number, format: AudioFormat): number {
  return (byteLength / bytesPerSample(format) / format.sampleRate) * 1000
}

/** Bytes that `ms` milliseconds take in `format`, to the nearest whole sample. */
export function byteLengthOf(ms: number, format: AudioFormat): number {
  return Math.round((ms * format.sampleRate) / 1000) * bytesPerSample(format)
}

/** Writes samples as bytes of `encoding`. */
export function encodeAudio(pcm: Int16Array, encoding: AudioFormat['encoding']): Uint8Array {
  switch (encoding) {
    case 'linear16':
      return writeIntegers(pcm, 2)
    case 'linear32':
      return writeIntegers(pcm, 4)
    case 'mulaw':
      return encodeMulaw(pcm)
    case 'alaw':
      return encodeAlaw(pcm)
  }
}

/** Reads whole samples from bytes of `encoding`; bytes of an incomplete last sample are ignored. */
export function decodeAudio(bytes: Uint8Array, encoding: AudioFormat['encoding']): Int16Array {
  switch (encoding) {
    case 'linear16':
      return readIntegers(bytes, 2)
    case 'linear32':
      return readIntegers(bytes, 4)
    case 'mulaw':
      return decodeMulaw(bytes)
    case 'alaw':
      return decodeAlaw(bytes)
  }
}

function writeIntegers(pcm: Int16Array, size: 2 | 4): Uint8Array {
  const bytes = new Uint8Array(pcm.length * size)
  const view = new DataView(bytes.buffer)
  for (let i = 0; i < pcm.length; i++) {
    if (size === 2) view.setInt16(i * 2, pcm[i]!, true)
    else view.setInt32(i * 4, pcm[i]! << 16, true)
  }
  return bytes
}

function readIntegers(bytes: Uint8Array, size: 2 | 4): Int16Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const pcm = new Int16Array(Math.floor(bytes.byteLength / size))
  for (let i = 0; i < pcm.length; i++) {
    pcm[i] = size === 2 ? view.getInt16(i * 2, true) : view.getInt32(i * 4, true) >> 16
  }
  return pcm
}
