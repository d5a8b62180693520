import { expect } from 'chai'
import { SampleRing } from '../../src/audio/sample-ring.ts'
import { concatenate, firstDifference, noise } from './support/signal.ts'

function readAll(ring: SampleRing): Float32Array {
  const output = new Float32Array(ring.available)
  ring.read(output, output.length)
  return output
}

describe('SampleRing', () => {
  it('read() gives what write() took, across many turns of the ring', () => {
    const ring = new SampleRing()
    const written: Float32Array[] = []
    const read: Float32Array[] = []
    for (let i = 0; i < 60; i++) {
      const chunk = noise(1000 + 137 * i, 0.5, i + 1)
      ring.write(chunk, chunk.length)
      written.push(chunk)
      const output = new Float32Array(Math.min(ring.available, 3000))
      ring.read(output, output.length)
      read.push(output)
    }
    read.push(readAll(ring))
    expect(firstDifference(concatenate(read), concatenate(written))).to.equal(-1)
    expect(ring.position).to.equal(concatenate(written).length)
  })

  it('write() keeps what waits when the ring grows in the middle of a turn', () => {
    const ring = new SampleRing()
    ring.write(noise(60_000), 60_000)
    ring.read(new Float32Array(50_000), 50_000)
    const rest = noise(60_000).subarray(50_000)
    const more = noise(400_000, 0.5, 2)
    ring.write(more, more.length)
    expect(firstDifference(readAll(ring), concatenate([rest, more]))).to.equal(-1)
  })

  it('write() takes the first samples of an array, as many as it is told', () => {
    const ring = new SampleRing()
    ring.write(Float32Array.of(1, 2, 3, 4), 2)
    ring.write(Float32Array.of(5, 6), 1)
    expect([...readAll(ring)]).to.deep.equal([1, 2, 5])
  })

  it('mark() lets a segment grow, and begins a new one for another item', () => {
    const ring = new SampleRing()
    ring.mark('a', 0, 10)
    ring.mark('a', 99, 5)
    expect(ring.segments).to.deep.equal([{ itemId: 'a', start: 0, length: 15, ended: false }])
    ring.mark('b', 15, 1)
    expect(ring.segments.map(({ itemId, ended }) => `${itemId} ${ended}`)).to.deep.equal([
      'a true',
      'b false',
    ])
    expect(ring.open).to.equal(true)
  })

  it('end() closes the last item only', () => {
    const ring = new SampleRing()
    expect(ring.open).to.equal(false)
    ring.mark('a', 0, 10)
    ring.end('other')
    expect(ring.open).to.equal(true)
    ring.end('a')
    expect(ring.open).to.equal(false)
    ring.mark('a', 10, 10)
    expect(ring.open).to.equal(true)
  })

  it('forget() drops segments that ended long enough ago', () => {
    const ring = new SampleRing()
    ring.write(new Float32Array(300), 300)
    ring.mark('a', 0, 100)
    ring.mark('b', 100, 200)
    ring.read(new Float32Array(150), 150)
    ring.forget(51)
    expect(ring.segments.map(({ itemId }) => itemId)).to.deep.equal(['a', 'b'])
    ring.forget(50)
    expect(ring.segments.map(({ itemId }) => itemId)).to.deep.equal(['b'])
    ring.read(new Float32Array(150), 150)
    ring.forget(0)
    expect(
      ring.segments.map(({ itemId }) => itemId),
      'b has not ended',
    ).to.deep.equal(['b'])
  })

  it('clear() drops samples and segments, and goes on counting', () => {
    const ring = new SampleRing()
    ring.write(noise(200_000), 200_000)
    ring.mark('a', 0, 200_000)
    ring.read(new Float32Array(70_001), 70_001)
    ring.clear()
    expect(ring.available).to.equal(0)
    expect(ring.segments).to.deep.equal([])
    expect(ring.position).to.equal(70_001)
    const chunk = noise(5000, 0.5, 3)
    ring.write(chunk, chunk.length)
    expect(firstDifference(readAll(ring), chunk)).to.equal(-1)
  })
})
