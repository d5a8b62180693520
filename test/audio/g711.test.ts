import { expect } from 'chai'
import { decodeAlaw, decodeMulaw, encodeAlaw, encodeMulaw } from '../../src/audio/g711.ts'
import { firstDifference } from './support/signal.ts'

const SAMPLES = Int16Array.from({ length: 65_536 }, (_, i) => i - 32_768)
const CODES = Uint8Array.from({ length: 256 }, (_, i) => i)

/**
 * The decision and output values of G.711's tables 1 and 2, built from their step sizes: which interval a magnitude
 * lies in, and the value that stands for it. A negative sample has the magnitude `~x`, as in G.191.
 */
interface Table {
  decisions: number[]
  outputs: number[]
  code: (interval: number, negative: boolean) => number
}

/** Eight segments of 16 steps of 2, 4, … 256 in 14 bits; the first step is half as wide and stands for 0. */
function mulawTable(): Table {
  const decisions = [0]
  for (let segment = 0; segment < 8; segment++) {
    for (let step = segment === 0 ? 1 : 0; step < 16; step++) {
      const width = 2 ** (segment + 1)
      const first = decisions.length === 1 ? 1 : decisions.at(-1)! + (step === 0 ? width / 2 : width)
      decisions.push(first)
    }
  }
  const outputs = decisions.map((decision, i) => (i === 0 ? 0 : (decision + (decisions[i + 1] ?? 8159)) / 2))
  const code = (interval: number, negative: boolean) => (negative ? 127 : 255) - interval
  return { decisions: decisions.map((x) => x * 4), outputs: outputs.map((x) => x * 4), code }
}

/** 32 steps of 2, then six segments of 16 steps of 4, 8, … 128 in 13 bits; even bits are inverted. */
function alawTable(): Table {
  const decisions: number[] = []
  let decision = 0
  for (let segment = 0; segment < 8; segment++) {
    for (let step = 0; step < 16; step++) {
      decisions.push(decision)
      decision += segment === 0 ? 2 : 2 ** segment
    }
  }
  const outputs = decisions.map((start, i) => (start + (decisions[i + 1] ?? 4096)) / 2)
  const code = (interval: number, negative: boolean) => (interval + (negative ? 0 : 128)) ^ 0x55
  return { decisions: decisions.map((x) => x * 8), outputs: outputs.map((x) => x * 8), code }
}

function expectEncoding(actual: Uint8Array, { decisions, code }: Table): void {
  const expected = SAMPLES.map((sample) => {
    const magnitude = sample < 0 ? ~sample : sample
    return code(
      decisions.findLastIndex((decision) => decision <= magnitude),
      sample < 0,
    )
  })
  expect(firstDifference(actual, expected)).to.equal(-1)
}

function expectDecoding(decode: (codes: Uint8Array) => Int16Array, { outputs, code }: Table): void {
  for (const negative of [false, true]) {
    const codes = Uint8Array.from(outputs, (_, i) => code(i, negative))
    const expected = outputs.map((value) => (negative ? -value : value))
    expect(firstDifference(decode(codes), expected)).to.equal(-1)
  }
}

describe('G.711', () => {
  it('encodeMulaw() follows table 2 of the Recommendation for every sample', () => {
    expectEncoding(encodeMulaw(SAMPLES), mulawTable())
  })

  it('encodeAlaw() follows table 1 of the Recommendation for every sample', () => {
    expectEncoding(encodeAlaw(SAMPLES), alawTable())
  })

  it('decodeMulaw() follows table 2 of the Recommendation for every code', () => {
    expectDecoding(decodeMulaw, mulawTable())
  })

  it('decodeAlaw() follows table 1 of the Recommendation for every code', () => {
    expectDecoding(decodeAlaw, alawTable())
  })

  it('encodeMulaw() and encodeAlaw() give the codes of the Recommendation for zero and full scale', () => {
    const samples = Int16Array.of(0, -1, 32_767, -32_768)
    expect([...encodeMulaw(samples)]).to.deep.equal([0xff, 0x7f, 0x80, 0x00])
    expect([...encodeAlaw(samples)]).to.deep.equal([0xd5, 0x55, 0xaa, 0x2a])
  })

  it('decodeMulaw() and decodeAlaw() give the 1 kHz sequences of the Recommendation', () => {
    // Tables 5 and 6: a sine of 1 kHz at 0 dBm0. Steps of 6 % leave the ratio of its samples no nearer.
    const mulaw = Uint8Array.of(0x1e, 0x0b, 0x0b, 0x1e, 0x9e, 0x8b, 0x8b, 0x9e)
    const alaw = Uint8Array.of(0x34, 0x21, 0x21, 0x34, 0xb4, 0xa1, 0xa1, 0xb4)
    for (const sine of [decodeMulaw(mulaw), decodeAlaw(alaw)]) {
      expect([...sine.subarray(0, 4)]).to.deep.equal([...sine.subarray(4)].map((x) => -x))
      expect(Math.abs(sine[1]! / sine[0]! - Math.tan((3 * Math.PI) / 8))).to.be.below(0.1)
      // 0 dBm0 lies 3.17 dB (μ-law) and 3.14 dB (A-law) below the load capacity.
      expect(20 * Math.log10(Math.hypot(sine[0]!, sine[1]!) / 32_768)).to.be.within(-3.35, -3)
    }
  })

  it('encodeMulaw() gives back every code, but one: negative zero', () => {
    const expected = CODES.map((code) => (code === 0x7f ? 0xff : code))
    expect(firstDifference(encodeMulaw(decodeMulaw(CODES)), expected)).to.equal(-1)
  })

  it('encodeAlaw() gives back every code', () => {
    expect(firstDifference(encodeAlaw(decodeAlaw(CODES)), CODES)).to.equal(-1)
  })
})
