import { expect } from 'chai'
import { LocalSpeechDetector } from '../../src/audio/local-speech-detector.ts'
import { encodePCM16 } from '../../src/audio/pcm.ts'
import { Resampler } from '../../src/audio/resampler.ts'
import { noise } from './support/signal.ts'

/** The recorded speech, 11 s, after two of silence. */
async function loadSpeech(sampleRate: number): Promise<Float32Array> {
  const response = await fetch('/test/fixtures/speech-44k1.wav')
  const wav = new DataView(await response.arrayBuffer(), 44)
  const read = Float32Array.from(
    { length: wav.byteLength >> 1 },
    (_, i) => wav.getInt16(i * 2, true) / 32_768,
  )
  const speech = new Resampler({ inputRate: 44_100, outputRate: sampleRate }).process(read)
  const late = new Float32Array(speech.length + 2 * sampleRate)
  late.set(speech, 2 * sampleRate)
  return late
}

function mix(speech: Float32Array, other: Float32Array): Float32Array {
  return speech.map((x, i) => x + other[i]!)
}

/** What the detector says after each chunk. */
function detect(
  sound: Float32Array,
  sampleRate: number,
  { chunkMs = 20, detector = new LocalSpeechDetector() } = {},
): boolean[] {
  const pcm = encodePCM16(sound)
  const length = (sampleRate * chunkMs) / 1000
  const said = []
  for (let at = 0; at + length <= pcm.length; at += length) {
    said.push(detector.process(pcm.subarray(at, at + length), sampleRate))
  }
  return said
}

const share = (said: readonly boolean[]) => said.filter(Boolean).length / said.length

/** A keyboard: short bursts of noise, five a second. */
function keys(length: number, sampleRate: number): Float32Array {
  const burst = noise(sampleRate / 50, 1.6)
  const sound = new Float32Array(length)
  for (let at = 0; at + burst.length < length; at += sampleRate / 5) {
    sound.set(
      burst.map((x, i) => 0.3 * x * Math.exp((-i * 250) / sampleRate)),
      at,
    )
  }
  return sound
}

function hum(length: number, sampleRate: number): Float32Array {
  const harmonics = [1, 2, 3, 4, 6]
  return Float32Array.from({ length }, (_, i) =>
    harmonics.reduce((sum, k) => sum + (0.05 / k) * Math.sin((2 * Math.PI * 50 * k * i) / sampleRate), 0),
  )
}

describe('LocalSpeechDetector', () => {
  for (const sampleRate of [8000, 16_000, 24_000, 48_000]) {
    it(`process() knows recorded speech from the silence before it, at ${sampleRate} Hz`, async () => {
      const said = detect(await loadSpeech(sampleRate), sampleRate)
      expect(share(said.slice(0, 100))).to.equal(0)
      // A speech with pauses.
      expect(share(said.slice(100))).to.be.within(0.6, 0.95)
    })
  }

  it('process() says so within 80 ms of the first word', async () => {
    const speech = await loadSpeech(16_000)
    const first = speech.findIndex((x) => Math.abs(x) > 0.05)
    const said = detect(speech, 16_000).indexOf(true) * 20 + 20
    expect(said - first / 16).to.be.within(0, 80)
  })

  for (const chunkMs of [10, 40, 100]) {
    it(`process() takes chunks of ${chunkMs} ms`, async () => {
      const said = detect(await loadSpeech(16_000), 16_000, { chunkMs })
      expect(share(said.slice(0, 2000 / chunkMs))).to.equal(0)
      expect(share(said.slice(2000 / chunkMs))).to.be.within(0.6, 0.97)
    })
  }

  for (const [name, make] of [
    ['noise', (length: number) => noise(length, 0.2)],
    ['hum of the mains', (length: number) => hum(length, 16_000)],
    ['a keyboard', (length: number) => keys(length, 16_000)],
    ['silence', (length: number) => new Float32Array(length)],
  ] as const) {
    it(`process() does not take ${name} for speech`, () => {
      expect(share(detect(make(160_000), 16_000))).to.equal(0)
    })
  }

  it('process() hears speech in noise, and the pauses', async () => {
    const speech = await loadSpeech(16_000)
    const clean = detect(speech, 16_000)
    const noisy = detect(mix(speech, noise(speech.length, 0.02)), 16_000)
    const agree = noisy.filter((speaking, i) => speaking === clean[i]).length / noisy.length
    expect(agree).to.be.at.least(0.85)
    expect(share(noisy.slice(0, 100))).to.equal(0)
  })

  it('reset() forgets', async () => {
    const speech = await loadSpeech(16_000)
    const detector = new LocalSpeechDetector()
    const first = detect(speech, 16_000, { detector })
    detector.reset()
    expect(detect(speech, 16_000, { detector })).to.deep.equal(first)
  })

  it('hangoverMs keeps it up between words', async () => {
    const speech = await loadSpeech(16_000)
    const changes = (hangoverMs: number) => {
      const said = detect(speech, 16_000, { detector: new LocalSpeechDetector({ hangoverMs }) })
      return said.filter((speaking, i) => i > 0 && speaking !== said[i - 1]).length
    }
    expect(changes(0)).to.be.above(changes(600))
  })

  it('refuses options out of their range', () => {
    expect(() => new LocalSpeechDetector({ thresholdDb: 1 })).to.throw(RangeError, 'must be in 3…30')
    expect(() => new LocalSpeechDetector({ onsetMs: Number.NaN })).to.throw(RangeError)
    expect(() => new LocalSpeechDetector({ hangoverMs: -1 })).to.throw(RangeError)
  })
})
