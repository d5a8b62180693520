import { expect } from 'chai'
import { decodePCM16, encodePCM16, encodePCM16Into } from '../../src/audio/pcm.ts'
import { firstDifference } from './support/signal.ts'

const ALL = Int16Array.from({ length: 65_536 }, (_, i) => i - 32_768)

describe('PCM16', () => {
  it('encodePCM16() gives back every integer that decodePCM16() was given', () => {
    expect(firstDifference(encodePCM16(decodePCM16(ALL)), ALL)).to.equal(-1)
  })

  it('decodePCM16() divides by 32,768', () => {
    const samples = decodePCM16(Int16Array.of(-32_768, -16_384, 0, 1, 32_767))
    expect([...samples]).to.deep.equal([-1, -0.5, 0, 1 / 32_768, 32_767 / 32_768])
  })

  it('encodePCM16() rounds to the nearest, halves upwards', () => {
    const input = Float32Array.of(0.49, 0.5, 0.51, -0.49, -0.5, -0.51, 1.5, -1.5).map((x) => x / 32_768)
    expect([...encodePCM16(input)]).to.deep.equal([0, 1, 1, 0, 0, -1, 2, -1])
  })

  it('encodePCM16() clips what is too loud, and makes 0 of what is not a number', () => {
    const input = Float32Array.of(
      1,
      1.5,
      Number.POSITIVE_INFINITY,
      -1,
      -1.5,
      Number.NEGATIVE_INFINITY,
      Number.NaN,
    )
    expect([...encodePCM16(input)]).to.deep.equal([32_767, 32_767, 32_767, -32_768, -32_768, -32_768, 0])
  })

  it('encodePCM16() makes 0 of −0 and of the smallest floats, and clips at the last half', () => {
    const input = Float32Array.of(
      -0,
      1e-45,
      -1e-45,
      32_767.49 / 32_768,
      32_767.5 / 32_768,
      -32_768.5 / 32_768,
    )
    expect([...encodePCM16(input)]).to.deep.equal([0, 0, 0, 32_767, 32_767, -32_768])
  })

  it('encodePCM16Into() writes what encodePCM16() gives, and nothing beyond its length', () => {
    const input = decodePCM16(Int16Array.of(-5, 0, 7, 32_767))
    const output = new Int16Array(5).fill(99)
    encodePCM16Into(input, output, 2)
    expect([...output]).to.deep.equal([-5, 0, 99, 99, 99])
    encodePCM16Into(input, output)
    expect([...output]).to.deep.equal([-5, 0, 7, 32_767, 99])
  })

  it('encodePCM16() and decodePCM16() take nothing and give nothing', () => {
    expect(encodePCM16(new Float32Array(0)).length).to.equal(0)
    expect(decodePCM16(new Int16Array(0)).length).to.equal(0)
  })
})
