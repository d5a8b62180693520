import { expect } from 'chai'
import { JitterBuffer } from '../../src/audio/jitter-buffer.ts'

/** At 1000 Hz a sample is a millisecond; chunks of 100 ms come as late as is told. */
function buffer({ minMs = 20, maxMs = 200, margin = 0 } = {}) {
  const jitter = new JitterBuffer({ minMs, maxMs, margin, sampleRate: 1000 })
  let from = 0
  const item = (itemId: string, late: number[]) => {
    for (const [i, ms] of late.entries()) jitter.arrive(itemId, from + 100 * i + ms, 100)
    from += 100_000
  }
  return { jitter, item }
}

describe('JitterBuffer', () => {
  it('delay begins at the least, and stays there on a calm line', () => {
    const { jitter, item } = buffer()
    expect(jitter.delay).to.equal(20)
    item('a', [0, 0, 20, 0, 15])
    expect(jitter.delay).to.equal(20)
  })

  it('delay grows to the lateness of the latest chunk and the margin, no further than the most', () => {
    const { jitter, item } = buffer({ margin: 8 })
    item('a', [0, 30, 55, 10])
    expect(jitter.delay).to.equal(63)
    item('b', [0, 800])
    expect(jitter.delay).to.equal(200)
  })

  it('delay does not grow for chunks that come faster than they last', () => {
    const { jitter, item } = buffer()
    item('a', [0, -90, -180, -150, -300])
    expect(jitter.delay).to.equal(20)
  })

  it('delay counts lateness from the first chunk of an item, and anew after restart()', () => {
    const { jitter, item } = buffer()
    item('a', [60, 0, 60])
    expect(jitter.delay).to.equal(20)
    item('b', [-40, 0])
    expect(jitter.delay).to.equal(40)
    jitter.restart()
    item('b', [0, 40])
    expect(jitter.delay).to.equal(40)
  })

  it('delay does not grow for a pause of the sender, and is measured anew after it', () => {
    const { jitter, item } = buffer()
    item('a', [0, 0, 1500, 1500, 1550])
    expect(jitter.delay).to.equal(50)
  })

  it('elapse() halves what is above the least in 30 s of sound', () => {
    const { jitter, item } = buffer()
    item('a', [0, 100])
    for (let i = 0; i < 30_000; i += 5) jitter.elapse(5)
    expect(jitter.delay).to.be.closeTo(60, 0.1)
    for (let i = 0; i < 600_000; i += 5) jitter.elapse(5)
    expect(jitter.delay).to.be.closeTo(20, 0.1)
  })
})
