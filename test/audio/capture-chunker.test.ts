import { expect } from 'chai'
import { CaptureChunker } from '../../src/audio/capture-chunker.ts'
import { encodePCM16 } from '../../src/audio/pcm.ts'
import { Resampler } from '../../src/audio/resampler.ts'
import { firstDifference, noise, sine } from './support/signal.ts'

function chunker({ inputRate = 48_000, outputRate = 16_000, chunkMs = 20 } = {}) {
  const chunks: Int16Array[] = []
  const levels: number[] = []
  const target = new CaptureChunker({
    inputRate,
    outputRate,
    chunkMs,
    deliver: (chunk, level) => {
      chunks.push(chunk)
      levels.push(level)
    },
  })
  const pushAll = (channels: Float32Array[], quantum = 128) => {
    for (let at = 0; at < channels[0]!.length; at += quantum) {
      const parts = channels.map((channel) => channel.subarray(at, at + quantum))
      target.push(parts, parts[0]!.length)
    }
  }
  return { target, chunks, levels, pushAll }
}

function expected(input: Float32Array, inputRate: number, outputRate: number): Int16Array {
  return encodePCM16(new Resampler({ inputRate, outputRate }).process(input))
}

const join = (chunks: Int16Array[]) => chunks.flatMap((chunk) => [...chunk])

describe('CaptureChunker', () => {
  it('push() gives equal chunks, and all that Resampler gives', () => {
    for (const [inputRate, outputRate, chunkMs, length] of [
      [48_000, 16_000, 20, 320],
      [44_100, 24_000, 20, 480],
      [48_000, 8000, 30, 240],
      [44_100, 22_050, 10, 221],
      [16_000, 24_000, 20, 480],
      [48_000, 48_000, 20, 960],
    ] as const) {
      const { chunks, pushAll } = chunker({ inputRate, outputRate, chunkMs })
      const input = noise(inputRate)
      pushAll([input])
      const reference = expected(input, inputRate, outputRate)
      expect(chunks.every((chunk) => chunk.length === length)).to.equal(true)
      expect(chunks.length).to.equal(Math.floor(reference.length / length))
      expect(firstDifference(join(chunks), reference.subarray(0, chunks.length * length))).to.equal(-1)
    }
  })

  it('push() mixes channels at equal parts', () => {
    const { chunks, pushAll } = chunker({ outputRate: 48_000 })
    pushAll([new Float32Array(960).fill(0.5), new Float32Array(960).fill(-0.25)])
    expect(new Set(chunks[0])).to.deep.equal(new Set([4096]))
  })

  it('push() lets time go on where there is no channel', () => {
    const { target, chunks, levels } = chunker()
    for (let i = 0; i < 75; i++) target.push([], 128)
    expect(chunks.length).to.equal(10)
    expect(join(chunks).every((x) => x === 0)).to.equal(true)
    expect(levels.every((level) => level === 0)).to.equal(true)
  })

  it('push() takes quanta of any length, and another length at any time', () => {
    const { target, chunks } = chunker()
    const input = noise(9600)
    for (let at = 0, i = 0; at < input.length; i++) {
      const end = Math.min(input.length, at + [128, 256, 1, 4096][i % 4]!)
      target.push([input.subarray(at, end)], end - at)
      at = end
    }
    const reference = expected(input, 48_000, 16_000)
    expect(firstDifference(join(chunks), reference)).to.equal(-1)
  })

  it('push() tells the level of each chunk', () => {
    const { levels, pushAll } = chunker({ outputRate: 48_000 })
    pushAll([sine(1000, 48_000, 9600, 0.1)])
    // 20 dB and the 3 dB of a sine below full scale, on a scale of 60.
    expect(levels.at(-1)).to.be.closeTo(1 - 23.01 / 60, 0.001)
  })

  it('push() gives each chunk a buffer of its own, to be transferred', () => {
    const { chunks, pushAll } = chunker()
    pushAll([noise(9600)])
    expect(new Set(chunks.map(({ buffer }) => buffer)).size).to.equal(chunks.length)
    expect(chunks[0]!.byteLength).to.equal(chunks[0]!.buffer.byteLength)
  })

  it('constructor refuses a chunk without a sample', () => {
    for (const chunkMs of [0, -20, Number.NaN, 0.01]) {
      expect(() => chunker({ chunkMs })).to.throw(RangeError, 'chunkMs')
    }
  })
})
