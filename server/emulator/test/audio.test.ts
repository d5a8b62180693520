import assert from 'node:assert/strict'
import { test } from 'node:test'
import { byteLengthOf, decodeAudio, durationMs, encodeAudio } from '../src/audio-format.ts'
import { AudioLog } from '../src/audio-log.ts'
import { decodeAlaw, decodeMulaw, encodeAlaw, encodeMulaw } from '../src/g711.ts'
import { resample } from '../src/resample.ts'

test('encodeMulaw() and encodeAlaw() write the codes of ITU-T G.711', () => {
  assert.deepEqual(
    [...encodeMulaw(Int16Array.of(0, 32767, -32768, 1000, -1000))],
    [0xff, 0x80, 0x00, 0xce, 0x4e],
  )
  assert.deepEqual(
    [...encodeAlaw(Int16Array.of(0, 32767, -32768, 1000, -1000))],
    [0xd5, 0xaa, 0x2a, 0xfa, 0x7a],
  )
})

test('decodeMulaw() and decodeAlaw() give samples that encode to the same code', () => {
  for (let code = 0; code < 256; code++) {
    const bytes = Uint8Array.of(code)
    assert.equal(encodeAlaw(decodeAlaw(bytes))[0], code)
    // Both zeros of µ-law are zero.
    assert.equal(encodeMulaw(decodeMulaw(bytes))[0], code === 0x7f ? 0xff : code)
  }
})

test('decodeAudio() gives back what encodeAudio() wrote and ignores half a sample', () => {
  const pcm = Int16Array.of(-32768, -1, 0, 1, 32767)
  for (const encoding of ['linear16', 'linear32'] as const) {
    const bytes = encodeAudio(pcm, encoding)
    assert.deepEqual(decodeAudio(bytes, encoding), pcm)
    assert.deepEqual(decodeAudio(bytes.subarray(0, -1), encoding), pcm.subarray(0, 4))
  }
})

test('durationMs() and byteLengthOf() follow the width of a sample', () => {
  assert.equal(durationMs(4800, { encoding: 'linear16', sampleRate: 24000 }), 100)
  assert.equal(durationMs(800, { encoding: 'mulaw', sampleRate: 8000 }), 100)
  assert.equal(byteLengthOf(20, { encoding: 'linear16', sampleRate: 24000 }), 960)
})

const tone = (hz: number, rate: number, length: number) =>
  Int16Array.from({ length }, (_, i) => Math.round(16000 * Math.sin((2 * Math.PI * hz * i) / rate)))

/** The level of the middle of a clip against the tone above, in dB. */
function levelDb(pcm: Int16Array): number {
  const middle = pcm.subarray(pcm.length / 4, (3 * pcm.length) / 4)
  const power = middle.reduce((sum, sample) => sum + sample * sample, 0) / middle.length
  return 10 * Math.log10(power / (16000 ** 2 / 2) + 1e-12)
}

for (const [inputRate, outputRate] of [
  [16000, 24000],
  [16000, 8000],
  [44100, 24000],
  [16000, 48000],
] as const) {
  test(`resample() keeps a 1 kHz tone from ${inputRate} to ${outputRate} Hz, sample by sample`, () => {
    const output = resample(tone(1000, inputRate, inputRate), { inputRate, outputRate })
    assert.equal(output.length, outputRate)
    const expected = tone(1000, outputRate, outputRate)
    const middle = output.subarray(1000, -1000)
    const worst = middle.reduce(
      (most, sample, i) => Math.max(most, Math.abs(sample - expected[i + 1000]!)),
      0,
    )
    assert.ok(worst <= 4, `off by ${worst}`)
  })
}

test('resample() removes what the lower rate cannot hold', () => {
  const output = resample(tone(5000, 16000, 16000), { inputRate: 16000, outputRate: 8000 })
  assert.ok(levelDb(output) < -75, `${levelDb(output)} dB`)
})

test('resample() refuses a rate that is not a positive integer', () => {
  const run = () => resample(new Int16Array(1), { inputRate: 0, outputRate: 8000 })
  assert.throws(run, {
    name: 'RangeError',
    message: /"inputRate" must be a positive integer: current value is 0/,
  })
})

test('AudioLog.pcm() joins a sample that two chunks share, and formats that follow each other', () => {
  const log = new AudioLog()
  const linear = { encoding: 'linear16', sampleRate: 8000 } as const
  log.append(Uint8Array.of(0x01, 0x02, 0x03), linear)
  log.append(Uint8Array.of(0x04), linear)
  log.append(Uint8Array.of(0xff), { encoding: 'mulaw', sampleRate: 8000 })
  assert.deepEqual(log.pcm(), Int16Array.of(0x0201, 0x0403, 0))
  assert.deepEqual([...log.bytes()], [1, 2, 3, 4, 0xff])
})

test('AudioLog.append() copies, and drops the oldest beyond its limit', () => {
  const log = new AudioLog(100)
  const format = { encoding: 'mulaw', sampleRate: 8000 } as const
  const bytes = new Uint8Array(400).fill(7)
  log.append(bytes, format)
  bytes.fill(9)
  assert.equal(log.bytes()[0], 7)
  log.append(bytes, format)
  log.append(bytes, format)
  assert.equal(log.ms, 100)
  assert.equal(log.droppedBytes, 400)
  assert.equal(log.bytes()[0], 9)
})
