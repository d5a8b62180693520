import { expect } from 'chai'
import { Spectrum } from '../../src/audio/spectrum.ts'

const contexts: AudioContext[] = []

function tone(context: AudioContext, frequency: number, gain = 0.05): AudioNode {
  const oscillator = new OscillatorNode(context, { frequency })
  const node = new GainNode(context, { gain })
  oscillator.connect(node)
  oscillator.start()
  return node
}

function setUp() {
  const context = new AudioContext({ sampleRate: 48_000 })
  contexts.push(context)
  return context
}

/** Reads until it is as it should be. */
async function until(
  spectrum: Spectrum,
  direction: 'input' | 'output',
  condition: (bands: Float32Array) => boolean,
) {
  const bands = new Float32Array(20)
  for (;;) {
    spectrum.read(direction, bands)
    if (condition(bands)) return bands
    await new Promise((resolve) => requestAnimationFrame(resolve))
  }
}

const loudest = (bands: Float32Array) => bands.indexOf(Math.max(...bands))
/** Of twenty bands between 80 Hz and 8 kHz. */
const bandOf = (frequency: number) => Math.floor((20 * Math.log(frequency / 80)) / Math.log(100))

describe('Spectrum', () => {
  afterEach(async () => {
    for (const context of contexts.splice(0)) if (context.state !== 'closed') await context.close()
  })

  it('read() shows each voice in its own direction and its own band', async () => {
    const context = setUp()
    const spectrum = new Spectrum()
    spectrum.connect({ context, input: tone(context, 300), output: tone(context, 3000) })
    const input = await until(spectrum, 'input', (bands) => Math.max(...bands) > 0.7)
    const output = await until(spectrum, 'output', (bands) => Math.max(...bands) > 0.7)
    expect([loudest(input), loudest(output)]).to.deep.equal([bandOf(300), bandOf(3000)])
    for (const bands of [input, output]) {
      expect(bands.every((value) => value >= 0 && value <= 1)).to.equal(true)
      expect(bands[19]).to.be.below(0.4)
    }
  })

  it('read() gives zeros before, after, and where there is nothing', async () => {
    const context = setUp()
    const spectrum = new Spectrum()
    const bands = new Float32Array(8).fill(1)
    spectrum.read('input', bands)
    expect(Math.max(...bands)).to.equal(0)
    spectrum.connect({ context, input: null, output: tone(context, 500, 0.5) })
    await until(spectrum, 'output', (given) => Math.max(...given) > 0.7)
    spectrum.read('input', bands.fill(1))
    expect(Math.max(...bands)).to.equal(0)
    spectrum.disconnect()
    spectrum.disconnect()
    spectrum.read('output', bands.fill(1))
    expect(Math.max(...bands)).to.equal(0)
  })

  it('refuses a range that is none', () => {
    expect(() => new Spectrum({ minHz: 0 })).to.throw(RangeError, 'current value is 0')
    expect(() => new Spectrum({ minHz: 500, maxHz: 400 })).to.throw(RangeError)
    expect(() => new Spectrum({ smoothing: 1 })).to.throw(RangeError)
  })
})
