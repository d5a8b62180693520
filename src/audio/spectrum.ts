import type { AudioTap, TappedNodes } from './audio-tap.ts'

export interface SpectrumOptions {
  /** The lowest frequency, in Hz; default 80. */
  minHz?: number
  /** The highest, in Hz; default 8000. */
  maxHz?: number
  /** How much of the spectrum before stays in the next, 0…1, 1 excluded; default 0.6. */
  smoothing?: number
}

/** Resolves the low voices of a 48 kHz context: 23 Hz, and 43 ms of sound. */
const FFT_SIZE = 2048
/** What a band shows as 0 and as 1, in dB below full scale. */
const MIN_DECIBELS = -90
const MAX_DECIBELS = -20

/**
 * The spectrum of both voices at the rate of the display, for visualizers. The samples stay with the browser, which
 * transforms them when it is asked, in native code.
 *
 * ```ts
 * const spectrum = new Spectrum()
 * const session = new VoiceSession({ …, taps: [spectrum] })
 * const bands = new Float32Array(24)
 * requestAnimationFrame(function draw() {
 *   spectrum.read('output', bands)
 *   …
 * })
 * ```
 *
 * @throws {RangeError} Unless 0 < `minHz` < `maxHz`, and `smoothing` is in 0…1.
 */
export class Spectrum implements AudioTap {
  readonly #minHz: number
  readonly #maxHz: number
  readonly #smoothing: number
  readonly #bytes = new Uint8Array(FFT_SIZE / 2)
  #nodes: TappedNodes | null = null
  #input: AnalyserNode | null = null
  #output: AnalyserNode | null = null

  constructor({ minHz = 80, maxHz = 8000, smoothing = 0.6 }: SpectrumOptions = {}) {
    if (!(minHz > 0 && minHz < maxHz)) {
      throw new RangeError(`Cannot analyse as minHz must be in 0…maxHz: current value is ${minHz}`)
    }
    if (!(smoothing >= 0 && smoothing < 1)) {
      throw new RangeError(`Cannot analyse as smoothing must be in 0…1: current value is ${smoothing}`)
    }
    this.#minHz = minHz
    this.#maxHz = maxHz
    this.#smoothing = smoothing
  }

  connect(nodes: TappedNodes): void {
    this.disconnect()
    this.#nodes = nodes
    this.#input = this.#analyse(nodes.input)
    this.#output = this.#analyse(nodes.output)
  }

  disconnect(): void {
    if (this.#input) this.#nodes?.input?.disconnect(this.#input)
    if (this.#output) this.#nodes?.output?.disconnect(this.#output)
    this.#nodes = this.#input = this.#output = null
  }

  /**
   * @param direction `input` for the user, `output` for the agent.
   * @param bands Filled with the loudest of each band, 0…1 for −90…−20 dB; equally spaced in octaves from `minHz` to
   * `maxHz`. Zeros where there is no session.
   */
  read(direction: 'input' | 'output', bands: Float32Array): void {
    const analyser = direction === 'input' ? this.#input : this.#output
    if (!analyser || analyser.context.state === 'closed') {
      bands.fill(0)
      return
    }
    analyser.getByteFrequencyData(this.#bytes)
    const perHz = FFT_SIZE / analyser.context.sampleRate
    const step = (this.#maxHz / this.#minHz) ** (1 / bands.length)
    let from = this.#minHz * perHz
    for (let band = 0; band < bands.length; band++) {
      bands[band] = this.#loudest(from, from * step) / 255
      from *= step
    }
  }

  /** Of the bins that a band touches. */
  #loudest(from: number, to: number): number {
    const last = Math.min(this.#bytes.length - 1, Math.floor(to))
    let loudest = 0
    for (let bin = Math.round(from); bin <= last; bin++) loudest = Math.max(loudest, this.#bytes[bin]!)
    return loudest
  }

  #analyse(node: AudioNode | null): AnalyserNode | null {
    if (!node) return null
    const analyser = new AnalyserNode(node.context, {
      fftSize: FFT_SIZE,
      minDecibels: MIN_DECIBELS,
      maxDecibels: MAX_DECIBELS,
      smoothingTimeConstant: this.#smoothing,
    })
    node.connect(analyser)
    return analyser
  }
}
