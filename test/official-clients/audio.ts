import { readFileSync } from 'node:fs'

const FIXTURE = new URL('../fixtures/speech-44k1.wav', import.meta.url)
const FIXTURE_RATE = 44100

/**
 * Two seconds of the fixture's human speech and one of silence, which ends the turn: 16-bit little-endian at
 * 24 kHz. Interpolated, which is good enough for a listener that only measures loudness.
 */
export function shortSpeech(): Uint8Array {
  const file = readFileSync(FIXTURE)
  const data = file.indexOf('data') + 8
  const out = Buffer.alloc(3 * 24000 * 2)
  for (let i = 0; i < 2 * 24000; i++) {
    const position = (i * FIXTURE_RATE) / 24000
    const at = Math.floor(position)
    const before = file.readInt16LE(data + at * 2)
    const after = file.readInt16LE(data + at * 2 + 2)
    out.writeInt16LE(Math.round(before + (after - before) * (position - at)), i * 2)
  }
  return out
}

/** The speech in chunks of 20 ms, as a microphone delivers it. */
export function* speechChunks(): Generator<Uint8Array<ArrayBuffer>> {
  const speech = shortSpeech()
  for (let at = 0; at < speech.length; at += 960) yield new Uint8Array(speech.subarray(at, at + 960))
}

/** Root mean square of 16-bit little-endian samples, 0…1: silence is 0, Flite's voice is about 0.1. */
export function loudness(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const samples = Math.floor(bytes.byteLength / 2)
  let energy = 0
  for (let i = 0; i < samples; i++) energy += (view.getInt16(i * 2, true) / 32768) ** 2
  return samples === 0 ? 0 : Math.sqrt(energy / samples)
}
