import { expect } from 'chai'
import { ChunkDecoder } from '../../src/audio/chunk-decoder.ts'
import { decodeAlaw, decodeMulaw } from '../../src/audio/g711.ts'

const BYTES = Uint8Array.of(1, 0, 2, 0, 3, 1, 0xff, 0xff)
const SAMPLES = [1, 2, 259, -1]

describe('ChunkDecoder', () => {
  it('decode() reads 16-bit little-endian samples, wherever the bytes are cut', () => {
    for (const cuts of [[8], [1, 7], [3, 5], [1, 1, 1, 1, 1, 1, 1, 1], [3, 0, 2, 3]]) {
      const decoder = new ChunkDecoder('pcm16')
      const samples: number[] = []
      let at = 0
      for (const length of cuts) {
        samples.push(...decoder.decode('a', BYTES.subarray(at, at + length)))
        at += length
      }
      expect(samples, `${cuts}`).to.deep.equal(SAMPLES)
    }
  })

  it('decode() does not join half a sample of one item to another item', () => {
    const decoder = new ChunkDecoder('pcm16')
    expect([...decoder.decode('a', BYTES.subarray(0, 3))]).to.deep.equal([1])
    expect([...decoder.decode('b', BYTES)]).to.deep.equal(SAMPLES)
  })

  it('reset() forgets half a sample', () => {
    const decoder = new ChunkDecoder('pcm16')
    decoder.decode('a', BYTES.subarray(0, 3))
    decoder.reset()
    expect([...decoder.decode('a', BYTES)]).to.deep.equal(SAMPLES)
  })

  it('decode() reads samples where they lie, unless they lie across', () => {
    const decoder = new ChunkDecoder('pcm16')
    expect(decoder.decode('a', BYTES).buffer).to.equal(BYTES.buffer)
    const across = decoder.decode('a', BYTES.slice().subarray(1))
    expect([...across]).to.deep.equal([0x0200, 0x0300, -255])
    expect([...decoder.decode('a', Uint8Array.of(1))]).to.deep.equal([0x1ff])
  })

  it('decode() reads G.711', () => {
    expect([...new ChunkDecoder('mulaw').decode('a', BYTES)]).to.deep.equal([...decodeMulaw(BYTES)])
    expect([...new ChunkDecoder('alaw').decode('a', BYTES)]).to.deep.equal([...decodeAlaw(BYTES)])
  })
})
