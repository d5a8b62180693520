import { readFileSync } from 'node:fs'
import { resample } from '../../src/resample.ts'

const FIXTURE = new URL('../../../../test/fixtures/speech-44k1.wav', import.meta.url)

/** The fixture's real human speech, 11 s, at the rate asked for. */
export function humanSpeech(sampleRate: number): Int16Array {
  const file = readFileSync(FIXTURE)
  const data = file.indexOf('data') + 8
  const bytes = file.subarray(data, data + file.readUInt32LE(data - 4))
  const pcm = new Int16Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length))
  return resample(pcm, { inputRate: 44100, outputRate: sampleRate })
}

/** One sentence's worth of it, with silence after it that ends the turn: 3 s of sound. */
export function shortSpeech(sampleRate: number): Int16Array {
  const pcm = new Int16Array(3 * sampleRate)
  pcm.set(humanSpeech(sampleRate).subarray(0, 2 * sampleRate))
  return pcm
}

/** Samples as 16-bit little-endian bytes. */
export function bytesOf(pcm: Int16Array): Uint8Array {
  return new Uint8Array(pcm.buffer, pcm.byteOffset, pcm.byteLength)
}

/** Cuts bytes into pieces of `size`. */
export function* pieces(bytes: Uint8Array, size: number): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}
