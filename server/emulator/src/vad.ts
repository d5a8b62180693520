/** What voice activity detection found; positions are samples since the stream began. */
export type SpeechEvent =
  /** Speech began at `at`; it was noticed a few hundredths of a second later. */
  | { readonly type: 'start'; readonly at: number }
  /** Speech ended at `at`; `noticedAt` is later by the silence that had to follow. */
  | { readonly type: 'stop'; readonly at: number; readonly noticedAt: number }

/** How speech is told from silence. */
export interface SpeechDetectorOptions {
  /** Samples per second. */
  readonly sampleRate: number
  /** 0…1: the level that counts as speech rises with it from −60 to −20 dBFS. Default 0.5. */
  readonly threshold?: number
  /** Silence after which speech is over, in milliseconds; `Infinity` where `reset` ends it. Default 500. */
  readonly silenceMs?: number
}

/** Length of the stretches whose level is measured. */
const WINDOW_MS = 10
/** Windows in a row that must be loud: shorter sounds are clicks. */
const ATTACK_WINDOWS = 4
/** How far speech stands out of the room's noise when it begins, and at least while it lasts. */
const ATTACK_DB = 11
const SUSTAIN_DB = 8
/** The noise is taken to rise by no more than this a second, and never to be louder than the cap. */
const FLOOR_RISE_DB_PER_SECOND = 6
const FLOOR_CAP_DB = -30

/**
 * Finds speech by its level above the room's noise, with hysteresis. It counts samples, never the clock: the
 * same sound gives the same result however fast and in whatever chunks it comes.
 */
export class SpeechDetector {
  readonly #sampleRate: number
  readonly #window: Int16Array
  #threshold: number
  #silenceMs: number
  #filled = 0
  #position = 0
  #floorDb = -50
  #loudWindows = 0
  #speaking = false
  #lastLoudAt = 0

  constructor({ sampleRate, threshold = 0.5, silenceMs = 500 }: SpeechDetectorOptions) {
    this.#sampleRate = sampleRate
    this.#window = new Int16Array(Math.round((sampleRate * WINDOW_MS) / 1000))
    this.#threshold = threshold
    this.#silenceMs = silenceMs
  }

  /** Whether the last sample seen belongs to speech. */
  get speaking(): boolean {
    return this.#speaking
  }

  /** Milliseconds since speech was last heard, while the detector still waits for more of it; else 0. */
  get silentMs(): number {
    return this.#speaking ? ((this.#position - this.#lastLoudAt) / this.#sampleRate) * 1000 : 0
  }

  /** Changes the thresholds; what was heard so far keeps counting. */
  configure({ threshold = 0.5, silenceMs = 500 }: Omit<SpeechDetectorOptions, 'sampleRate'>): void {
    this.#threshold = threshold
    this.#silenceMs = silenceMs
  }

  /** Takes any number of samples and yields what they brought to light, in order. */
  *push(pcm: Int16Array): Generator<SpeechEvent, void, void> {
    for (let at = 0; at < pcm.length; ) {
      const part = pcm.subarray(at, at + this.#window.length - this.#filled)
      this.#window.set(part, this.#filled)
      this.#filled += part.length
      this.#position += part.length
      at += part.length
      if (this.#filled < this.#window.length) return
      this.#filled = 0
      const event = this.#measure(levelDb(this.#window))
      if (event) yield event
    }
  }

  /** Ends speech here and now, as a commit does. */
  reset(): void {
    this.#speaking = false
    this.#loudWindows = 0
  }

  #measure(level: number): SpeechEvent | null {
    this.#followFloor(level)
    const absolute = -60 + 40 * this.#threshold
    if (this.#speaking) return this.#sustain(level >= Math.max(absolute - 6, this.#floorDb + SUSTAIN_DB))
    return this.#attack(level >= Math.max(absolute, this.#floorDb + ATTACK_DB))
  }

  /** Noise is what remains when nobody speaks: the follower falls at once and rises slowly. */
  #followFloor(level: number): void {
    const risen = this.#floorDb + (FLOOR_RISE_DB_PER_SECOND * WINDOW_MS) / 1000
    this.#floorDb = Math.max(-96, Math.min(FLOOR_CAP_DB, risen, Math.max(level, this.#floorDb - 2)))
  }

  #attack(loud: boolean): SpeechEvent | null {
    this.#loudWindows = loud ? this.#loudWindows + 1 : 0
    if (this.#loudWindows < ATTACK_WINDOWS) return null
    this.#speaking = true
    this.#lastLoudAt = this.#position
    return { type: 'start', at: this.#position - ATTACK_WINDOWS * this.#window.length }
  }

  #sustain(loud: boolean): SpeechEvent | null {
    if (loud) this.#lastLoudAt = this.#position
    if (this.silentMs < this.#silenceMs) return null
    this.reset()
    return { type: 'stop', at: this.#lastLoudAt, noticedAt: this.#position }
  }
}

/** The level of some samples against full scale: 0 is a square wave at the limit, −96 is silence. */
function levelDb(pcm: Int16Array): number {
  let energy = 0
  for (const sample of pcm) energy += sample * sample
  return Math.max(-96, 10 * Math.log10(energy / pcm.length / 32768 ** 2 + 1e-12))
}
