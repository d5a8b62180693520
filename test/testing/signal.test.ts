import { expect } from 'chai'
import { encodePCM16, LocalSpeechDetector } from '../../src/audio/index.ts'
import {
  clicks,
  gaps,
  noise,
  peakFrequency,
  rms,
  silence,
  sine,
  speechLike,
} from '../../src/testing/index.ts'

const extent = { sampleRate: 24_000, seconds: 0.5 }
const peakOf = (samples: Float32Array) => samples.reduce((most, x) => Math.max(most, Math.abs(x)), 0)

describe('sine', () => {
  it('is a tone of that frequency, amplitude and phase', () => {
    const tone = sine(440, { ...extent, amplitude: 0.5 })
    expect([tone.length, tone[0]]).to.deep.equal([12_000, 0])
    expect(peakFrequency(tone, extent)).to.be.closeTo(440, 0.05)
    expect(rms(tone)).to.be.closeTo(0.5 * Math.SQRT1_2, 1e-6)
    expect(sine(440, { ...extent, phase: Math.PI / 2 })[0]).to.equal(1)
  })
})

describe('silence', () => {
  it('is zeros', () => {
    expect(silence(extent)).to.deep.equal(new Float32Array(12_000))
  })
})

describe('noise', () => {
  it('is the same for the same seed, and another for another', () => {
    expect(noise(1, extent)).to.deep.equal(noise(1, extent))
    expect(noise(1, extent)).not.to.deep.equal(noise(2, extent))
  })

  it('is uniform up to its amplitude', () => {
    const samples = noise(3, { ...extent, amplitude: 0.9 })
    expect(peakOf(samples)).to.be.within(0.89, 0.9)
    expect(rms(samples)).to.be.closeTo(0.9 / Math.sqrt(3), 0.01)
  })
})

/** The share of chunks of 20 ms that a detector takes for speech. */
function spoken(samples: Float32Array, sampleRate: number): number {
  const detector = new LocalSpeechDetector()
  const pcm = encodePCM16(samples)
  const length = sampleRate / 50
  const said = Array.from({ length: Math.floor(pcm.length / length) }, (_, k) =>
    detector.process(pcm.slice(k * length, (k + 1) * length), sampleRate),
  )
  return said.filter(Boolean).length / said.length
}

describe('speechLike', () => {
  for (const sampleRate of [8000, 16_000, 24_000, 48_000]) {
    it(`is speech to a detector, at ${sampleRate} Hz; noise as loud is not`, () => {
      const voice = speechLike(1, { sampleRate, seconds: 4 })
      expect(spoken(voice, sampleRate)).to.be.greaterThan(0.7)
      expect(spoken(noise(1, { sampleRate, seconds: 4 }), sampleRate)).to.be.lessThan(0.05)
    })
  }

  it('has pauses of silence and no clicks, and the given amplitude', () => {
    const voice = speechLike(2, { sampleRate: 24_000, seconds: 4, amplitude: 0.25 })
    const pauses = gaps(voice, { sampleRate: 24_000, minMs: 250 })
    expect(pauses.length).to.be.within(2, 4)
    expect(clicks(voice, { sampleRate: 24_000 })).to.deep.equal([])
    expect(peakOf(voice)).to.be.closeTo(0.25, 1e-6)
  })

  it('is the same for the same seed, another for another, and may be of any length', () => {
    const short = { sampleRate: 16_000, seconds: 1 }
    expect(speechLike(1, short)).to.deep.equal(speechLike(1, short))
    expect(speechLike(1, short)).not.to.deep.equal(speechLike(2, short))
    expect(speechLike(1, { sampleRate: 16_000, seconds: 0 })).to.have.length(0)
  })
})
