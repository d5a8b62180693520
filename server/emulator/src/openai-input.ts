import { type AudioFormat, bytesPerSample, decodeAudio } from './audio-format.ts'
import { SpeechDetector, type SpeechEvent } from './vad.ts'

/** How much is kept while turn detection hears nothing: more than any padding that is asked for. */
const KEPT_SILENCE_MS = 5000

/** The user's sound that is not yet part of the conversation; positions are samples since the session began. */
export class InputBuffer {
  readonly format: AudioFormat
  readonly detector: SpeechDetector
  readonly #sampleBytes: number
  /** Position of the first sample that the detector was given. */
  readonly #origin: number
  #chunks: Uint8Array[] = []
  #carry: Uint8Array = new Uint8Array(0)
  /** Position of the first sample kept. */
  #from: number
  #to: number

  /** @param startMs Where the session's sound has got to already. */
  constructor(format: AudioFormat, startMs = 0) {
    this.format = format
    this.detector = new SpeechDetector({ sampleRate: format.sampleRate })
    this.#sampleBytes = bytesPerSample(format)
    this.#from = Math.round((startMs * format.sampleRate) / 1000)
    this.#to = this.#from
    this.#origin = this.#from
  }

  /** Milliseconds of sound since the session began. */
  get positionMs(): number {
    return this.toMs(this.#to)
  }

  /** Milliseconds of sound kept. */
  get ms(): number {
    return this.toMs(this.#to - this.#from)
  }

  /** Samples in milliseconds, rounded. */
  toMs(samples: number): number {
    return Math.round((samples / this.format.sampleRate) * 1000)
  }

  /** Takes bytes in; half a sample waits for its other half. Yields what turn detection finds, if it listens. */
  *append(bytes: Uint8Array, { detecting }: { detecting: boolean }): Generator<SpeechEvent, void, void> {
    const joined = this.#carry.length > 0 ? Buffer.concat([this.#carry, bytes]) : bytes
    const whole = joined.subarray(0, joined.length - (joined.length % this.#sampleBytes))
    this.#carry = joined.slice(whole.length)
    this.#chunks.push(whole)
    this.#to += whole.length / this.#sampleBytes
    if (!detecting) return
    for (const event of this.detector.push(decodeAudio(whole, this.format.encoding))) {
      yield event.type === 'start'
        ? { ...event, at: event.at + this.#origin }
        : { ...event, at: event.at + this.#origin, noticedAt: event.noticedAt + this.#origin }
    }
    if (!this.detector.speaking) this.#forget()
  }

  /** Takes the bytes from one position to another out of the buffer, and everything before them. */
  take(from: number = this.#from, to: number = this.#to): Uint8Array {
    const all = Buffer.concat(this.#chunks)
    const index = (position: number) => Math.max(0, position - this.#from) * this.#sampleBytes
    const taken = all.subarray(index(from), index(to))
    this.#chunks = [all.subarray(index(to))]
    this.#from = Math.max(this.#from, to)
    return taken
  }

  /** Forgets everything that was not committed. */
  clear(): void {
    this.#chunks = []
    this.#from = this.#to
    this.detector.reset()
  }

  /** Nobody speaks: what lies further back than any padding will never be asked for. */
  #forget(): void {
    while (this.#chunks.length > 1) {
      const oldest = this.#chunks[0]!.length / this.#sampleBytes
      if (this.toMs(this.#to - this.#from - oldest) < KEPT_SILENCE_MS) return
      this.#chunks.shift()
      this.#from += oldest
    }
  }
}
