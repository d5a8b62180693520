import { expect } from 'chai'
import {
  clicks,
  correlation,
  decibels,
  gaps,
  noise,
  peakFrequency,
  rms,
  silence,
  sine,
} from '../../src/testing/index.ts'

const sampleRate = 24_000
const second = { sampleRate, seconds: 1 }

function join(...parts: readonly Float32Array[]): Float32Array {
  return Float32Array.from(parts.flatMap((part) => [...part]))
}

describe('rms', () => {
  it('is the root of the mean of squares, and 0 for nothing', () => {
    expect(rms([3, -4, 0, 0])).to.equal(2.5)
    expect(rms([])).to.equal(0)
  })
})

describe('decibels', () => {
  it('is −6.02 for a half, 20 for ten, −Infinity for nothing', () => {
    expect(decibels(0.5)).to.be.closeTo(-6.0206, 1e-4)
    expect(decibels(10)).to.equal(20)
    expect(decibels(0)).to.equal(Number.NEGATIVE_INFINITY)
  })
})

describe('peakFrequency', () => {
  for (const frequency of [50, 123.4, 440, 999.9, 5000.5, 11_500]) {
    it(`finds a tone of ${frequency} Hz to a hundredth of sampleRate / length`, () => {
      const tone = sine(frequency, { sampleRate, seconds: 0.37, amplitude: 0.1 })
      const exact = (0.01 * sampleRate) / tone.length
      expect(peakFrequency(tone, { sampleRate })).to.be.closeTo(frequency, exact)
    })
  }

  it('finds the stronger of two, beneath noise and with an offset', () => {
    const loud = sine(700, { ...second, amplitude: 0.3 })
    const soft = sine(300, { ...second, amplitude: 0.2 })
    const hiss = noise(1, { ...second, amplitude: 0.2 })
    const mixed = loud.map((x, i) => 0.5 + x + soft[i]! + hiss[i]!)
    expect(peakFrequency(mixed, { sampleRate })).to.be.closeTo(700, 0.5)
    expect(peakFrequency(mixed, { sampleRate, fromHz: 100, toHz: 500 })).to.be.closeTo(300, 0.5)
  })

  it('is NaN for silence, which is close to nothing', () => {
    expect(peakFrequency(silence(second), { sampleRate })).to.be.NaN
    expect(peakFrequency([], { sampleRate })).to.be.NaN
  })
})

describe('gaps', () => {
  const tone = sine(440, { sampleRate, seconds: 0.1, amplitude: 0.5, phase: 1 })
  const pause = (ms: number) => silence({ sampleRate, seconds: ms / 1000 })

  it('tells where silence lies between sounds, and how long it is', () => {
    const found = gaps(join(pause(30), tone, pause(10), tone, pause(20), tone, pause(40)), { sampleRate })
    expect(found.length).to.equal(2)
    expect(found[0]?.startMs).to.be.closeTo(130, 0.1)
    expect(found[0]?.lengthMs).to.be.closeTo(10, 0.1)
    expect(found[1]?.startMs).to.be.closeTo(240, 0.1)
    expect(found[1]?.lengthMs).to.be.closeTo(20, 0.1)
  })

  it('finds none in a tone, in silence, and where the pause is shorter than minMs', () => {
    expect(gaps(sine(100, second), { sampleRate })).to.deep.equal([])
    expect(gaps(silence(second), { sampleRate })).to.deep.equal([])
    const broken = join(tone, pause(8), tone)
    expect(gaps(broken, { sampleRate, minMs: 9 })).to.deep.equal([])
    expect(gaps(broken, { sampleRate, minMs: 7 })).to.have.length(1)
  })

  it('takes for silence what is not above the threshold', () => {
    const hiss = noise(1, { sampleRate, seconds: 0.05, amplitude: 0.01 })
    const found = gaps(join(tone, hiss, tone), { sampleRate, threshold: 0.02 })
    expect(found).to.have.length(1)
    expect(gaps(join(tone, hiss, tone), { sampleRate })).to.deep.equal([])
  })
})

describe('clicks', () => {
  const tone = sine(300, { ...second, amplitude: 0.5 })

  it('finds none in tones and noise', () => {
    for (const frequency of [60, 300, 3000, 11_000]) {
      expect(clicks(sine(frequency, second), { sampleRate }), `${frequency} Hz`).to.deep.equal([])
    }
    expect(clicks(noise(1, second), { sampleRate })).to.deep.equal([])
  })

  it('finds where samples are lost, both ends of a dropout, and one wrong sample', () => {
    const lost = join(tone.subarray(0, 12_010), tone.subarray(12_040))
    expect(clicks(lost, { sampleRate }).map(Math.round)).to.deep.equal([500])
    const dropout = tone.slice().fill(0, 12_010, 12_090)
    expect(clicks(dropout, { sampleRate }).map(Math.round)).to.deep.equal([500, 504])
    const wrong = tone.slice()
    wrong[6000] = -0.4
    expect(clicks(wrong, { sampleRate })).to.deep.equal([250])
  })

  it('finds a sound that is cut off, and none where it is faded out', () => {
    const length = 12_030
    const cut = tone.slice().fill(0, length)
    expect(clicks(cut, { sampleRate }).map(Math.round)).to.deep.equal([501])
    const faded = tone.map((x, i) => x * Math.min(1, Math.max(0, (length - i) / 240)))
    expect(clicks(faded, { sampleRate })).to.deep.equal([])
  })

  it('leaves alone what is below the threshold or the factor', () => {
    const cut = tone.slice().fill(0, 12_030)
    expect(clicks(cut, { sampleRate, threshold: 1 })).to.deep.equal([])
    expect(clicks(cut, { sampleRate, factor: 1000 })).to.deep.equal([])
  })
})

describe('correlation', () => {
  const whole = noise(5, second)

  it('finds where a part lies, however loud it is', () => {
    const part = whole.slice(7000, 9000).map((x) => x / 100)
    const { lag, value } = correlation(part, whole)
    expect(lag).to.equal(7000)
    expect(value).to.be.closeTo(1, 1e-9)
  })

  it('of two sounds of one length tells how alike they are', () => {
    const opposite = whole.map((x) => -x)
    expect(correlation(whole, whole).value).to.be.closeTo(1, 1e-12)
    expect(correlation(whole, opposite).value).to.be.closeTo(-1, 1e-12)
    expect(correlation(whole, noise(6, second)).value).to.be.closeTo(0, 0.03)
    expect(correlation(sine(400, second), sine(400, { ...second, phase: Math.PI / 3 })).value).to.be.closeTo(
      0.5,
      1e-6,
    )
  })

  it('looks where it is told to', () => {
    const twice = join(whole, whole)
    const part = whole.subarray(100, 600)
    expect(correlation(part, twice, { fromLag: 200 }).lag).to.equal(24_100)
    expect(correlation(part, twice, { fromLag: 24_000, toLag: 24_050 }).value).to.be.lessThan(0.3)
  })

  it('is 0 for silence', () => {
    expect(correlation(silence(second), whole)).to.deep.equal({ value: 0, lag: 0 })
    expect(correlation(whole.subarray(0, 10), silence(second))).to.deep.equal({ value: 0, lag: 0 })
  })

  it('throws where there is no place for the part', () => {
    expect(() => correlation(whole, whole.subarray(1))).to.throw(RangeError)
    expect(() => correlation(whole, whole, { fromLag: 1 })).to.throw(RangeError)
  })
})
