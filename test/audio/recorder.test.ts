import { expect } from 'chai'
import { Recorder, type RecorderOptions } from '../../src/audio/recorder.ts'
import { VoiceError } from '../../src/errors.ts'
import { fitSine } from './support/signal.ts'

const contexts: AudioContext[] = []

function setUp(options?: RecorderOptions) {
  const context = new AudioContext({ sampleRate: 48_000 })
  contexts.push(context)
  return { context, recorder: new Recorder(options) }
}

/** A node that gives a tone, or one click a second. */
function tone(context: AudioContext, frequency: number): AudioNode {
  const oscillator = new OscillatorNode(context, { frequency })
  const gain = new GainNode(context, { gain: 0.5 })
  oscillator.connect(gain)
  oscillator.start()
  return gain
}

function clicks(context: AudioContext): AudioNode {
  const buffer = new AudioBuffer({ length: 4800, sampleRate: 48_000 })
  buffer.getChannelData(0).fill(0.9, 1000, 1020)
  const source = new AudioBufferSourceNode(context, { buffer, loop: true })
  source.start()
  return source
}

async function parse(wav: Blob) {
  const view = new DataView(await wav.arrayBuffer())
  const text = (at: number) => String.fromCharCode(...[0, 1, 2, 3].map((i) => view.getUint8(at + i)))
  const samples = new Int16Array(view.buffer, 44)
  const side = (offset: number) =>
    Float32Array.from({ length: samples.length / 2 }, (_, i) => samples[2 * i + offset]! / 32_768)
  return {
    type: wav.type,
    marks: [text(0), text(8), text(12), text(36)],
    riffBytes: view.getUint32(4, true),
    format: view.getUint16(20, true),
    channels: view.getUint16(22, true),
    sampleRate: view.getUint32(24, true),
    bytesPerSecond: view.getUint32(28, true),
    blockAlign: view.getUint16(32, true),
    bits: view.getUint16(34, true),
    dataBytes: view.getUint32(40, true),
    byteLength: view.byteLength,
    left: side(0),
    right: side(1),
  }
}

/** Resolves when the context has rendered so many seconds more. */
function rendered(context: AudioContext, seconds: number): Promise<void> {
  const source = new ConstantSourceNode(context)
  source.start()
  source.stop(context.currentTime + seconds)
  return new Promise((resolve) => source.addEventListener('ended', () => resolve(), { once: true }))
}

describe('Recorder', () => {
  afterEach(async () => {
    for (const context of contexts.splice(0)) if (context.state !== 'closed') await context.close()
  })

  it('stop() gives a WAV with the user on the left and the agent on the right', async () => {
    const { context, recorder } = setUp()
    await recorder.connect({ context, input: tone(context, 440), output: tone(context, 1000) })
    expect(recorder.recording).to.equal(true)
    await rendered(context, 0.8)
    const wav = await parse(await recorder.stop())
    expect(recorder.recording).to.equal(false)
    expect(wav).to.deep.include({
      type: 'audio/wav',
      marks: ['RIFF', 'WAVE', 'fmt ', 'data'],
      format: 1,
      channels: 2,
      sampleRate: 24_000,
      bytesPerSecond: 96_000,
      blockAlign: 4,
      bits: 16,
      riffBytes: wav.byteLength - 8,
      dataBytes: wav.byteLength - 44,
    })
    const middle = (side: Float32Array) => side.slice(4800, 14_400)
    expect(fitSine(middle(wav.left), 440, 24_000).amplitude).to.be.closeTo(0.5, 0.01)
    expect(fitSine(middle(wav.left), 440, 24_000).residual).to.be.below(0.001)
    expect(fitSine(middle(wav.right), 1000, 24_000).amplitude).to.be.closeTo(0.5, 0.01)
    expect(fitSine(middle(wav.right), 1000, 24_000).residual).to.be.below(0.001)
  })

  it('stop() gives as much as was rendered, to its end', async () => {
    const { context, recorder } = setUp({ sampleRate: 48_000 })
    await recorder.connect({ context, input: tone(context, 440), output: null })
    const from = context.currentTime
    await rendered(context, 1)
    const atLeast = context.currentTime - from
    const wav = await parse(await recorder.stop())
    const atMost = context.currentTime - from
    expect(wav.left.length / 48_000).to.be.within(atLeast - 0.05, atMost + 0.05)
  })

  it('both sides are in step to the sample', async () => {
    const { context, recorder } = setUp()
    const both = clicks(context)
    await recorder.connect({ context, input: both, output: both })
    await rendered(context, 1)
    const { left, right } = await parse(await recorder.stop())
    expect(left.some((x) => x > 0.5)).to.equal(true)
    expect(left).to.deep.equal(right)
  })

  it('a side that is not there is silent', async () => {
    const { context, recorder } = setUp()
    await recorder.connect({ context, input: null, output: tone(context, 440) })
    await rendered(context, 0.4)
    const { left, right } = await parse(await recorder.stop())
    expect(left.every((x) => x === 0)).to.equal(true)
    expect(right.some((x) => x > 0.4)).to.equal(true)
  })

  it('keeps what was recorded when the session ends first, and begins anew after stop()', async () => {
    const { context, recorder } = setUp()
    const nodes = { context, input: tone(context, 440), output: null }
    await recorder.connect(nodes)
    await rendered(context, 0.5)
    await recorder.disconnect()
    await recorder.disconnect()
    await context.close()
    expect(recorder.durationMs).to.be.at.least(400)
    const first = await parse(await recorder.stop())
    expect(first.left.length).to.be.at.least(9600)
    expect(recorder.durationMs).to.equal(0)
    expect((await parse(await recorder.stop())).dataBytes).to.equal(0)
    const { context: second } = setUp()
    await recorder.connect({ context: second, input: tone(second, 440), output: null })
    await rendered(second, 0.3)
    expect((await parse(await recorder.stop())).left.length).to.be.within(4800, 24_000)
  })

  it('goes on in a second session where nobody stopped it', async () => {
    const { context, recorder } = setUp()
    await recorder.connect({ context, input: tone(context, 440), output: null })
    await rendered(context, 0.3)
    await recorder.disconnect()
    const { durationMs } = recorder
    const { context: second } = setUp()
    await recorder.connect({ context: second, input: tone(second, 440), output: null })
    await rendered(second, 0.3)
    await recorder.disconnect()
    expect(recorder.durationMs).to.be.at.least(durationMs + 250)
  })

  it('maxMinutes ends the recording there, and says so once', async () => {
    let limits = 0
    const full = Promise.withResolvers<void>()
    const { context, recorder } = setUp({
      maxMinutes: 0.5 / 60,
      onlimit: () => {
        limits++
        full.resolve()
      },
    })
    await recorder.connect({ context, input: tone(context, 440), output: null })
    await full.promise
    expect(recorder.recording).to.equal(false)
    await rendered(context, 0.4)
    const { left } = await parse(await recorder.stop())
    expect([left.length, limits]).to.deep.equal([12_000, 1])
  })

  it('onchunk takes the samples instead', async () => {
    const taken: Int16Array[] = []
    const { context, recorder } = setUp({ onchunk: (samples) => taken.push(samples) })
    await recorder.connect({ context, input: tone(context, 440), output: null })
    await rendered(context, 0.6)
    const { dataBytes } = await parse(await recorder.stop())
    expect(dataBytes).to.equal(0)
    expect(taken.reduce((length, samples) => length + samples.length, 0)).to.be.at.least(2 * 0.5 * 24_000)
  })

  it('connect() after which the session ends at once records nothing', async () => {
    const { context, recorder } = setUp()
    const connected = recorder.connect({ context, input: tone(context, 440), output: null })
    await recorder.disconnect()
    await connected
    expect(recorder.recording).to.equal(false)
  })

  it('connect() rejects with worklet-blocked where the worklet is not', async () => {
    const { context, recorder } = setUp({ workletUrl: '/gone.js' })
    const reason = await recorder.connect({ context, input: null, output: null }).catch((error) => error)
    expect(reason).to.be.instanceOf(VoiceError).and.to.deep.include({ code: 'worklet-blocked' })
  })

  it('refuses options that it cannot keep', () => {
    expect(() => new Recorder({ sampleRate: 96_000 })).to.throw(RangeError, 'current value is 96000')
    expect(() => new Recorder({ maxMinutes: 0 })).to.throw(RangeError, 'must be positive')
  })
})
