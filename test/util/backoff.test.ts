import { expect } from 'chai'
import { backoffMs } from '../../src/util/backoff.ts'

const bounds = { initialMs: 500, maxMs: 8000 }

describe('backoffMs()', () => {
  it('doubles its upper bound with each attempt, to the maximum', () => {
    const waits = [0, 1, 2, 3, 4, 5, 1000].map((attempt) =>
      backoffMs(attempt, { ...bounds, random: () => 1 }),
    )
    expect(waits).to.deep.equal([500, 1000, 2000, 4000, 8000, 8000, 8000])
  })

  it('takes any wait from zero on', () => {
    expect(backoffMs(3, { ...bounds, random: () => 0 })).to.equal(0)
  })
})
