import { expect } from 'chai'
import { CaptureChunker } from '../../src/audio/capture-chunker.ts'
import { levelOf } from '../../src/audio/level.ts'
import { encodePCM16 } from '../../src/audio/pcm.ts'
import { Resampler } from '../../src/audio/resampler.ts'
import { firstDifference, noise, sine } from './support/signal.ts'

function chunker({ inputRate = 48_000, outputRate = 16_000, chunkMs = 20 } = {}) {
  const chunks: Int16Array[] = []
  const levels: number[] = []
  const energies: number[] = []
  const target = new CaptureChunker({
    inputRate,
    outputRate,
    chunkMs,
    deliver: (chunk, energy) => {
      chunks.push(chunk)
      levels.push(levelOf(energy, chunk.length))
      energies.push(energy)
    },
  })
  const pushAll = (channels: Float32Array[], quantum = 128) => {
    for (let at = 0; at < channels[0]!.length; at += quantum) {
      const parts = channels.map((channel) => channel.subarray(at, at + quantum))
      target.push(parts, parts[0]!.length)
    }
  }
  return { target, chunks, levels, energies, pushAll }
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
    const { target, chunks, energies } = chunker()
    for (let i = 0; i < 75; i++) target.push([], 128)
    expect(chunks.length).to.equal(10)
    expect(join(chunks).every((x) => x === 0)).to.equal(true)
    expect(energies.every((energy) => energy === 0)).to.equal(true)
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

  it('push() tells the energy of each chunk, which is 0 for exact silence alone', () => {
    const { levels, pushAll } = chunker({ outputRate: 48_000 })
    pushAll([sine(1000, 48_000, 9600, 0.1)])
    // 20 dB and the 3 dB of a sine below full scale, on a scale of 60.
    expect(levels.at(-1)).to.be.closeTo(1 - 23.01 / 60, 0.001)
    const faint = chunker()
    faint.pushAll([new Float32Array(1920).fill(1e-20)])
    expect(faint.chunks.every((chunk) => chunk.every((x) => x === 0))).to.equal(true)
    expect(faint.energies.at(-1)).to.be.above(0)
  })

  it('push() gives each chunk a buffer of its own, to be transferred', () => {
    const { chunks, pushAll } = chunker()
    pushAll([noise(9600)])
    expect(new Set(chunks.map(({ buffer }) => buffer)).size).to.equal(chunks.length)
    expect(chunks[0]!.byteLength).to.equal(chunks[0]!.buffer.byteLength)
  })

  it('push() clips and rounds as encodePCM16 does', () => {
    const { chunks, pushAll } = chunker({ outputRate: 48_000 })
    const input = Float32Array.from({ length: 960 }, (_, i) => (i % 7 === 0 ? Number.NaN : (i - 480) / 400))
    pushAll([input])
    expect([...chunks[0]!]).to.deep.equal([...encodePCM16(input)])
  })

  it('recycle() lets the same few buffers go round for ever', () => {
    const buffers = new Set<ArrayBuffer>()
    const waiting: ArrayBuffer[] = []
    const target = new CaptureChunker({
      inputRate: 48_000,
      outputRate: 16_000,
      chunkMs: 20,
      deliver: ({ buffer }) => {
        buffers.add(buffer)
        waiting.push(buffer)
        if (waiting.length > 2) target.recycle(waiting.shift()!)
      },
    })
    const quantum = noise(128)
    for (let i = 0; i < 75_000; i++) target.push([quantum], 128)
    expect(buffers.size).to.be.at.most(4)
  })

  it('recycle() loses nothing where none comes back for long, and keeps no more than 32 afterwards', () => {
    const { target, chunks, pushAll } = chunker()
    const input = noise(96_000)
    pushAll([input])
    const reference = expected(input, 48_000, 16_000)
    expect(firstDifference(join(chunks), reference.subarray(0, chunks.length * 320))).to.equal(-1)
    const returned = new Set(chunks.map(({ buffer }) => buffer as ArrayBuffer))
    for (const buffer of returned) target.recycle(buffer)
    chunks.splice(0)
    pushAll([input])
    expect(chunks.filter(({ buffer }) => returned.has(buffer as ArrayBuffer)).length).to.equal(32)
  })

  it('recycle() refuses a buffer that is detached or of another length', () => {
    const { target, chunks, pushAll } = chunker()
    const detached = new ArrayBuffer(640)
    structuredClone(detached, { transfer: [detached] })
    for (const buffer of [detached, new ArrayBuffer(320)]) target.recycle(buffer)
    pushAll([noise(9600)])
    expect(chunks.every(({ byteLength }) => byteLength === 640)).to.equal(true)
  })

  it('constructor refuses a chunk without a sample', () => {
    for (const chunkMs of [0, -20, Number.NaN, 0.01]) {
      expect(() => chunker({ chunkMs })).to.throw(RangeError, 'chunkMs')
    }
  })
})
