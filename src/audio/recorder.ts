import type { AudioTap, TappedNodes } from './audio-tap.ts'
import { loadWorklet } from './load-worklet.ts'
import { wavHeader } from './wav.ts'
import type { RecorderMessage, RecorderWorkletOptions } from './worklet-messages.ts'
import { recorderWorklet } from './worklet-source.ts'

export interface RecorderOptions {
  /** Samples per second of the recording, in Hz: 8000…48 000; default 24 000, more than which no provider has. */
  sampleRate?: number
  /** What is kept at most, in minutes; default 60. What comes after is not recorded. */
  maxMinutes?: number
  /** Takes the samples as they come, left and right in turn, instead of keeping them; for those who write elsewhere. */
  onchunk?: (samples: Int16Array<ArrayBuffer>) => void
  /** Called once, when `maxMinutes` are full. */
  onlimit?: () => void
  /** Where the recorder worklet lies, instead of beside the package. */
  workletUrl?: string | URL
}

/** A context that does not run any more may never answer. */
const FLUSH_TIMEOUT_MS = 250
/** 16 bits for each of two channels. */
const BYTES_PER_SAMPLE = 4

/**
 * Records a session here in the browser: the user on the left and the agent on the right, as both were heard, in step
 * to the sample. It records from the start of a session to its end, or `stop`; nothing leaves the page. To ask people
 * whether they want to be recorded is up to the page.
 *
 * ```ts
 * const recorder = new Recorder()
 * const session = new VoiceSession({ …, taps: [recorder] })
 * …
 * await session.stop()
 * download(await recorder.stop(), 'conversation.wav')
 * ```
 *
 * @throws {RangeError} If `sampleRate` is not in 8000…48 000, or `maxMinutes` not positive.
 */
export class Recorder implements AudioTap {
  readonly #options: RecorderOptions
  readonly #sampleRate: number
  readonly #maxBytes: number
  #node: AudioWorkletNode | null = null
  #sources: readonly (AudioNode | null)[] = []
  #flushed: PromiseWithResolvers<void> | null = null
  /** The browser keeps these outside the heap. */
  #parts: Blob[] = []
  #bytes = 0
  #closing = false

  constructor(options: RecorderOptions = {}) {
    const { sampleRate = 24_000, maxMinutes = 60 } = options
    if (!(sampleRate >= 8000 && sampleRate <= 48_000)) {
      throw new RangeError(
        `Cannot record as sampleRate must be in 8000…48000: current value is ${sampleRate}`,
      )
    }
    if (!(maxMinutes > 0)) {
      throw new RangeError(`Cannot record as maxMinutes must be positive: current value is ${maxMinutes}`)
    }
    this.#options = options
    this.#sampleRate = sampleRate
    this.#maxBytes = Math.floor(maxMinutes * 60 * sampleRate) * BYTES_PER_SAMPLE
  }

  /** Whether sound is being recorded. */
  get recording(): boolean {
    return this.#node !== null && this.#bytes < this.#maxBytes
  }

  /** What was recorded so far, in ms. */
  get durationMs(): number {
    return (this.#bytes / BYTES_PER_SAMPLE / this.#sampleRate) * 1000
  }

  /**
   * Begins, after what was recorded before.
   *
   * @throws {VoiceError} `audio-unsupported`, `insecure-context`, `worklet-blocked`.
   */
  async connect({ context, input, output }: TappedNodes): Promise<void> {
    this.#closing = false
    await loadWorklet(context, recorderWorklet, this.#options.workletUrl)
    await this.#end()
    if (this.#closing || context.state === 'closed') return
    const node = new AudioWorkletNode(context, 'voicewire-recorder', {
      numberOfInputs: 2,
      numberOfOutputs: 0,
      channelCount: 1,
      channelCountMode: 'explicit',
      processorOptions: { sampleRate: this.#sampleRate } satisfies RecorderWorkletOptions,
    })
    node.port.onmessage = ({ data }: MessageEvent<RecorderMessage>) => this.#receive(data)
    this.#sources = [input, output]
    for (const [side, source] of this.#sources.entries()) source?.connect(node, 0, side)
    this.#node = node
  }

  /** Ends; what was recorded is kept until `stop`. */
  async disconnect(): Promise<void> {
    this.#closing = true
    await this.#end()
  }

  /**
   * Ends the recording, if it has not ended with the session.
   *
   * @returns A WAV file (`audio/wav`) of 16 bits, user left, agent right; without sound where `onchunk` took it. The
   * next recording begins from nothing.
   */
  async stop(): Promise<Blob> {
    await this.disconnect()
    const byteLength = this.#parts.reduce((bytes, { size }) => bytes + size, 0)
    const header = wavHeader({ sampleRate: this.#sampleRate, channels: 2, byteLength })
    const wav = new Blob([header, ...this.#parts], { type: 'audio/wav' })
    this.#parts = []
    this.#bytes = 0
    return wav
  }

  async #end(): Promise<void> {
    const node = this.#node
    if (!node) return this.#flushed?.promise
    this.#node = null
    this.#flushed = Promise.withResolvers()
    node.port.postMessage('end')
    const timer = setTimeout(this.#flushed.resolve, FLUSH_TIMEOUT_MS)
    await this.#flushed.promise
    clearTimeout(timer)
    node.port.onmessage = null
    for (const [side, source] of this.#sources.entries()) source?.disconnect(node, 0, side)
    this.#sources = []
  }

  #receive({ samples }: RecorderMessage): void {
    if (samples === null) {
      this.#flushed?.resolve()
      return
    }
    const room = this.#maxBytes - this.#bytes
    if (room === 0) return
    const kept = samples.byteLength > room ? samples.slice(0, room) : samples
    this.#bytes += kept.byteLength
    if (this.#options.onchunk) this.#options.onchunk(new Int16Array(kept))
    else this.#parts.push(new Blob([kept]))
    if (this.#bytes === this.#maxBytes) this.#options.onlimit?.()
  }
}
