import { type AudioFormat, bytesPerSample, decodeAudio } from './audio-format.ts'
import type { UserSpeech } from './options.ts'
import { SpeechDetector, type SpeechEvent } from './vad.ts'

/** What came of some sound; positions are samples since the stream began. */
export type InputEvent =
  | SpeechEvent
  /** Sound was heard up to `at`: a hundredth of a second, or less where a message ends. */
  | { readonly type: 'progress'; readonly at: number }

/** How much of the user's sound before speech began belongs to an utterance. */
const PADDING_MS = 300
/** The stretches in which sound is followed. */
const STEP_MS = 10

/**
 * The user's sound as Deepgram's sessions take it in: whole samples whatever the messages, speech found in it,
 * and the sound of the utterance under way.
 */
export class DeepgramInput {
  readonly format: AudioFormat
  readonly #detector: SpeechDetector
  readonly #step: number
  #carry: Uint8Array = new Uint8Array(0)
  /** The sound of the utterance under way, or what just went before the next one. */
  #heard: Int16Array[] = []
  #position = 0
  #speechStart = 0

  /** @param silenceMs Silence after which speech is over; `Infinity` where only `takeSpeech` ends it. */
  constructor(format: AudioFormat, { silenceMs = 500 }: { silenceMs?: number } = {}) {
    this.format = format
    this.#detector = new SpeechDetector({ sampleRate: format.sampleRate, silenceMs })
    this.#step = Math.round((STEP_MS * format.sampleRate) / 1000)
  }

  /** Whether the user is speaking. */
  get speaking(): boolean {
    return this.#detector.speaking
  }

  /** Milliseconds since speech was last heard, while more of it may come; else 0. */
  get silentMs(): number {
    return this.#detector.silentMs
  }

  /** Samples taken in. */
  get position(): number {
    return this.#position
  }

  /** Where the last speech began, in samples. */
  get speechStart(): number {
    return this.#speechStart
  }

  /** Where speech was last heard while the user speaks, in samples. */
  get speechEnd(): number {
    return this.#position - Math.round((this.silentMs * this.format.sampleRate) / 1000)
  }

  /** Samples as milliseconds, rounded. */
  toMs(samples: number): number {
    return Math.round((samples / this.format.sampleRate) * 1000)
  }

  /** Takes bytes in; a part of a sample waits for the rest. Yields what they bring to light, in order. */
  *push(bytes: Uint8Array): Generator<InputEvent, void, void> {
    const pcm = this.#wholeSamples(bytes)
    for (let at = 0; at < pcm.length; ) {
      const part = pcm.subarray(at, at + this.#step - (this.#position % this.#step))
      at += part.length
      this.#position += part.length
      this.#heard.push(part)
      for (const event of this.#detector.push(part)) {
        if (event.type === 'start') this.#speechStart = event.at
        yield event
      }
      if (!this.#detector.speaking) this.#trim()
      yield { type: 'progress', at: this.#position }
    }
  }

  /** The utterance from its padding to here, whose speech ended at `end`. */
  speech(end: number = this.speechEnd): UserSpeech {
    const { sampleRate } = this.format
    return { pcm: join(this.#heard), sampleRate, ms: this.toMs(end - this.#speechStart) }
  }

  /** The same, and it is over. */
  takeSpeech(end?: number): UserSpeech {
    const speech = this.speech(end)
    this.#detector.reset()
    this.#heard = []
    return speech
  }

  #wholeSamples(bytes: Uint8Array): Int16Array {
    const joined = this.#carry.length > 0 ? Buffer.concat([this.#carry, bytes]) : bytes
    const whole = joined.length - (joined.length % bytesPerSample(this.format))
    this.#carry = joined.slice(whole)
    return decodeAudio(joined.subarray(0, whole), this.format.encoding)
  }

  #trim(): void {
    const keep = (PADDING_MS * this.format.sampleRate) / 1000
    let length = this.#heard.reduce((sum, part) => sum + part.length, 0)
    while (this.#heard.length > 1 && length - this.#heard[0]!.length >= keep) {
      length -= this.#heard.shift()!.length
    }
  }
}

function join(parts: readonly Int16Array[]): Int16Array {
  const whole = new Int16Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}
