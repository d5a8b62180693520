import { expect } from 'chai'
import { energyOf, levelOf } from '../../src/audio/level.ts'

const level = (amplitude: number) => levelOf(energyOf(new Float32Array(100).fill(amplitude)), 100)

describe('level', () => {
  it('levelOf() is linear in decibels from −60 to 0', () => {
    expect(level(1)).to.equal(1)
    expect(level(10 ** (-30 / 20))).to.be.closeTo(0.5, 1e-6)
    expect(level(10 ** (-6 / 20))).to.be.closeTo(0.9, 1e-6)
    expect(level(10 ** (-60.1 / 20))).to.equal(0)
  })

  it('levelOf() stays within 0…1 for silence, no samples, excess and NaN', () => {
    expect(level(0)).to.equal(0)
    expect(levelOf(0, 0)).to.equal(0)
    expect(level(3)).to.equal(1)
    expect(level(Number.NaN)).to.equal(0)
  })

  it('energyOf() counts the first samples only', () => {
    expect(energyOf(Float32Array.of(1, 2, 3), 2)).to.equal(5)
  })
})
