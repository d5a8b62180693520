import { expect } from 'chai'
import { Resampler } from '../../src/audio/resampler.ts'
import {
  amplitudeOf,
  concatenate,
  decibels,
  firstDifference,
  fitSine,
  noise,
  sine,
} from './support/signal.ts'

const RATES = [8000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000]
const PAIRS = RATES.flatMap((inputRate) => RATES.map((outputRate) => ({ inputRate, outputRate }))).filter(
  ({ inputRate, outputRate }) => inputRate !== outputRate,
)

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b)
}

/** Lengths of chunks from 0 to 1499, in an order that is the same each time. */
const MIXED_SIZES = Array.from(noise(40, 750, 3), (x) => Math.floor(x + 750))

/** What comes of a tone once the filter is full. */
function steady(rates: { inputRate: number; outputRate: number }, frequency: number): Float32Array {
  const resampler = new Resampler(rates)
  const output = resampler.process(sine(frequency, rates.inputRate, Math.ceil(rates.inputRate / 8)))
  return output.subarray(Math.ceil(2.1 * resampler.delaySeconds * rates.outputRate))
}

describe('Resampler', () => {
  for (const rates of PAIRS) {
    const { inputRate, outputRate } = rates
    const nyquist = Math.min(inputRate, outputRate) / 2

    // What is not the tone is distortion, noise, and all images beyond 1.125 N.
    it(`process() is flat within 0.01 dB and clean to −100 dB, ${inputRate} → ${outputRate}`, () => {
      for (const part of [0.01, 0.1, 0.3, 0.5, 0.65, 0.75, 0.8, 0.84, 0.875]) {
        const { amplitude, residual } = fitSine(steady(rates, part * nyquist), part * nyquist, outputRate)
        expect(Math.abs(decibels(amplitude)), `ripple at ${part} N`).to.be.below(0.01)
        expect(decibels(residual / amplitude), `THD+N at ${part} N`).to.be.below(-100)
      }
    })

    if (inputRate > outputRate) {
      it(`process() lets no alias through above 1.125 N, ${inputRate} → ${outputRate}`, () => {
        for (let frequency = 1.125 * nyquist; frequency <= inputRate / 2; frequency += nyquist / 24) {
          expect(decibels(amplitudeOf(steady(rates, frequency))), `${frequency} Hz`).to.be.below(-100)
        }
      })
    }

    it(`delaySeconds is what the sound is delayed by, and within bounds, ${inputRate} → ${outputRate}`, () => {
      const resampler = new Resampler(rates)
      const frequency = nyquist / 100
      const length = Math.ceil(inputRate / 4)
      const output = resampler.process(sine(frequency, inputRate, length))
      const skip = Math.ceil(2.1 * resampler.delaySeconds * outputRate)
      const { phase } = fitSine(output.subarray(skip), frequency, outputRate)
      const expected = 0.3 + 2 * Math.PI * frequency * (skip / outputRate - resampler.delaySeconds)
      const error = Math.atan2(Math.sin(phase - expected), Math.cos(phase - expected))
      expect(Math.abs(error) / (2 * Math.PI * frequency)).to.be.below(1e-7)
      expect(resampler.delaySeconds * 2 * nyquist, 'samples of the lower rate').to.be.closeTo(26, 1e-9)
    })
  }

  it('delaySeconds meets 3.3, 1.7 and 1.15 ms at 8, 16 and 24 kHz', () => {
    const delay = (outputRate: number) => new Resampler({ inputRate: 48_000, outputRate }).delaySeconds * 1000
    expect(delay(8000)).to.be.at.most(3.3)
    expect(delay(16_000)).to.be.at.most(1.7)
    expect(delay(24_000)).to.be.at.most(1.15)
  })

  it('process() gives the same bits however the input is cut', () => {
    for (const rates of PAIRS) {
      const input = noise(5000)
      const whole = new Resampler(rates).process(input)
      for (const sizes of [[1], [128], [0, 7, 1, 441, 0, 1023, 2, 1500], MIXED_SIZES, [4999]]) {
        const resampler = new Resampler(rates)
        const chunks: Float32Array[] = []
        for (let at = 0, i = 0; at < input.length; i++) {
          const end = at + sizes[i % sizes.length]!
          chunks.push(resampler.process(input.subarray(at, end)))
          at = end
        }
        const label = `${rates.inputRate} → ${rates.outputRate} by ${sizes}`
        expect(firstDifference(concatenate(chunks), whole), label).to.equal(-1)
      }
    }
  })

  it('process() turns silence into exact silence, also after sound', () => {
    for (const rates of PAIRS) {
      const resampler = new Resampler(rates)
      expect(resampler.process(new Float32Array(3000)).every((x) => x === 0)).to.equal(true)
      resampler.process(noise(1000))
      resampler.process(new Float32Array(resampler.tailLength))
      expect(resampler.process(new Float32Array(3000)).every((x) => x === 0)).to.equal(true)
    }
  })

  it('process() is rid of NaN and Infinity within one length of the filter', () => {
    for (const rates of PAIRS) {
      for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
        const resampler = new Resampler(rates)
        const dirty = noise(4000)
        const clean = new Resampler(rates).process(dirty)
        dirty[500] = bad
        const output = resampler.process(dirty)
        const after = Math.ceil(((500 + resampler.tailLength + 1) * rates.outputRate) / rates.inputRate)
        expect(output.some(Number.isNaN) || output.includes(bad)).to.equal(true)
        expect(firstDifference(output.subarray(after), clean.subarray(after))).to.equal(-1)
      }
    }
  })

  it('process() gives every sample of an hour, and is in phase after it', () => {
    // The phase knows the ratio alone, so 441 → 160 Hz passes through all that 44.1 → 16 kHz does.
    for (const { inputRate, outputRate } of PAIRS) {
      const divisor = greatestCommonDivisor(inputRate, outputRate)
      const scale = Math.max(1, Math.ceil((64 * divisor) / Math.min(inputRate, outputRate)))
      const rates = { inputRate: (scale * inputRate) / divisor, outputRate: (scale * outputRate) / divisor }
      const second = sine(4, rates.inputRate, rates.inputRate)
      const cut = Math.floor(rates.inputRate / 3)
      const [start, rest] = [second.subarray(0, cut), second.subarray(cut)]
      const resampler = new Resampler(rates)
      const output = new Float32Array(rates.outputRate)
      let total = 0
      for (let i = 0; i < 3600; i++) {
        total += resampler.processInto(start, output)
        total += resampler.processInto(rest, output)
      }
      const label = `${inputRate} → ${outputRate}`
      expect(total, label).to.equal(3600 * rates.outputRate)
      const { amplitude, phase } = fitSine(resampler.process(second), 4, rates.outputRate)
      const error = phase - (0.3 - 2 * Math.PI * 4 * resampler.delaySeconds)
      expect(Math.abs(2 * Math.sin(error / 2)), label).to.be.below(1e-6)
      expect(decibels(amplitude), label).to.be.within(-0.01, 0.01)
    }
  })

  it('process() copies where the rates are equal', () => {
    const resampler = new Resampler({ inputRate: 48_000, outputRate: 48_000 })
    const input = noise(1000)
    const output = resampler.process(input)
    expect(firstDifference(output, input)).to.equal(-1)
    expect(output.buffer).not.to.equal(input.buffer)
    expect(resampler.delaySeconds).to.equal(0)
    expect(resampler.tailLength).to.equal(0)
  })

  it('process() is flat at other rates too: 11,025, 88,200, 96,000 and rates of no common measure', () => {
    for (const [inputRate, outputRate] of [
      [11_025, 96_000],
      [96_000, 11_025],
      [88_200, 16_000],
      [192_000, 24_000],
      [44_101, 48_000],
    ] as const) {
      const frequency = Math.min(inputRate, outputRate) * 0.4
      const { amplitude, residual } = fitSine(
        steady({ inputRate, outputRate }, frequency),
        frequency,
        outputRate,
      )
      expect(decibels(amplitude)).to.be.within(-0.01, 0.01)
      expect(decibels(residual / amplitude)).to.be.below(-100)
    }
  })

  it('outputLength() foretells what processInto() writes', () => {
    for (const rates of PAIRS) {
      const resampler = new Resampler(rates)
      const output = new Float32Array(10_000)
      for (const length of [0, 1, 1, 2, 127, 128, 0, 1025, 1600, 3]) {
        const expected = resampler.outputLength(length)
        expect(resampler.processInto(new Float32Array(length), output)).to.equal(expected)
      }
    }
  })

  it('tailLength is enough silence for the last sample to come out whole, and no more', () => {
    for (const rates of PAIRS) {
      const resampler = new Resampler(rates)
      resampler.process(noise(777))
      const tail = resampler.process(new Float32Array(resampler.tailLength))
      expect(tail.some((x) => x !== 0)).to.equal(true)
      expect(resampler.process(new Float32Array(500)).every((x) => x === 0)).to.equal(true)
    }
  })

  it('reset() makes it as new', () => {
    for (const rates of PAIRS) {
      const resampler = new Resampler(rates)
      resampler.process(noise(999, 0.5, 7))
      resampler.reset()
      const input = noise(2000)
      expect(firstDifference(resampler.process(input), new Resampler(rates).process(input))).to.equal(-1)
    }
  })

  it('constructor refuses rates that are not positive whole numbers', () => {
    for (const rate of [0, -1, Number.NaN, Number.POSITIVE_INFINITY, 44_100.5]) {
      expect(() => new Resampler({ inputRate: rate, outputRate: 16_000 })).to.throw(RangeError, `${rate}`)
      expect(() => new Resampler({ inputRate: 16_000, outputRate: rate })).to.throw(RangeError, `${rate}`)
    }
  })

  it('constructor refuses rates whose table would not fit in memory', () => {
    expect(() => new Resampler({ inputRate: 767_999, outputRate: 8000 })).to.throw(
      RangeError,
      'common divisor',
    )
  })
})
