import type { SpeechDetector } from './speech-detector.ts'

export interface LocalSpeechDetectorOptions {
  /** How far speech must stand above the noise of the room, in dB: 3…30; default 8. */
  thresholdDb?: number
  /** Voice for so long is speech, in ms: 10…200; default 20. */
  onsetMs?: number
  /** Silence for so long is its end, in ms: 0…2000; default 300. */
  hangoverMs?: number
}

/** At about this rate a voice still has its pitch and the first of its formants, in Hz. */
const RATE = 8000
/** How often is decided, in samples: 10 ms. */
const HOP = 80
/** Two periods of the lowest voice are looked at, in samples: 20 ms. */
const WINDOW = 160
/** Periods of voices: 400 to 75 Hz, in samples. */
const MIN_LAG = 20
const MAX_LAG = 106
/** How well a window must agree with itself one period later to be a voice: noise seldom reaches a half. */
const PERIODIC = 0.5
/** Takes away what is below 120 Hz, such as the hum of the mains: the coefficient of a one-pole filter. */
const HIGH_PASS = 0.91
/** How fast the noise of the room is believed to grow, in dB a hop: 6 dB/s, and a tenth of it during speech. */
const FLOOR_RISE = 0.06
const FLOOR_RISE_SPEAKING = 0.006
/** What is quieter by this than the speech before is what it leaves in the room, in dB; it is forgotten by 3 dB/s. */
const RANGE = 26
const PEAK_FALL = 0.03
/** No room is as quiet as the silence of a muted device, in dB below full scale. */
const MIN_FLOOR = -72

/**
 * Notices speech by what it has and most noise has not: it stands out from the room, and it has a pitch. A keyboard
 * has no pitch, a fan does not stand out. Music with a voice-like tone passes for speech. Any rate of 8…48 kHz.
 *
 * @throws {RangeError} If an option is out of its range.
 */
export class LocalSpeechDetector implements SpeechDetector {
  readonly #threshold: number
  readonly #onset: number
  readonly #hangover: number
  /** What was heard last at about `RATE`; the newest at the end. */
  readonly #window = new Float32Array(WINDOW + MAX_LAG)
  #hop = 0
  #sum = 0
  #summed = 0
  #last = 0
  #passed = 0
  #floor = 0
  #peak = MIN_FLOOR
  #heard = 0
  #voiced = 0
  #quiet = 0
  #speaking = false

  constructor({ thresholdDb = 8, onsetMs = 20, hangoverMs = 300 }: LocalSpeechDetectorOptions = {}) {
    check('thresholdDb', thresholdDb, 3, 30)
    check('onsetMs', onsetMs, 10, 200)
    check('hangoverMs', hangoverMs, 0, 2000)
    this.#threshold = thresholdDb
    this.#onset = onsetMs / 10
    this.#hangover = hangoverMs / 10
  }

  process(chunk: Int16Array, sampleRate: number): boolean {
    const factor = Math.max(1, Math.round(sampleRate / RATE))
    for (let i = 0; i < chunk.length; i++) {
      this.#sum += chunk[i]!
      if (++this.#summed < factor) continue
      this.#push(this.#sum / (factor * 32768))
      this.#sum = this.#summed = 0
    }
    return this.#speaking
  }

  reset(): void {
    this.#window.fill(0)
    this.#hop = this.#sum = this.#summed = this.#last = this.#passed = 0
    this.#floor = this.#heard = this.#voiced = this.#quiet = 0
    this.#peak = MIN_FLOOR
    this.#speaking = false
  }

  #push(sample: number): void {
    this.#passed = HIGH_PASS * (this.#passed + sample - this.#last)
    this.#last = sample
    this.#window[WINDOW + MAX_LAG - HOP + this.#hop] = this.#passed
    if (++this.#hop < HOP) return
    this.#decide()
    this.#window.copyWithin(0, HOP)
    this.#hop = 0
  }

  #decide(): void {
    const level = this.#level()
    this.#follow(level)
    const stands = level >= Math.max(this.#floor + this.#threshold, this.#peak - RANGE)
    const voiced = stands && this.#isPeriodic()
    this.#voiced = voiced ? this.#voiced + 1 : Math.max(0, this.#voiced - 0.5)
    // What stands out without a voice may be a consonant, or a keyboard.
    this.#quiet = voiced ? 0 : this.#quiet + (stands ? 0.5 : 1)
    this.#peak = Math.max(this.#peak - PEAK_FALL, voiced ? level : -120)
    if (this.#voiced >= this.#onset) this.#speaking = true
    else if (this.#quiet > this.#hangover) this.#speaking = false
    this.#voiced = Math.min(this.#voiced, 2 * this.#onset)
  }

  /** Of the last hop, in dB below full scale. */
  #level(): number {
    let energy = 0
    for (let i = this.#window.length - HOP; i < this.#window.length; i++) energy += this.#window[i]! ** 2
    return 10 * Math.log10(energy / HOP + 1e-12)
  }

  /** The noise of the room is the quietest that was heard lately. */
  #follow(level: number): void {
    if (++this.#heard <= 5) this.#floor = this.#heard === 1 ? level : Math.min(level, this.#floor)
    else if (level < this.#floor) this.#floor += 0.3 * (level - this.#floor)
    else this.#floor += this.#speaking ? FLOOR_RISE_SPEAKING : FLOOR_RISE
    this.#floor = Math.max(MIN_FLOOR, this.#floor)
  }

  /** Whether the window repeats itself after a period of a voice. */
  #isPeriodic(): boolean {
    const window = this.#window
    let here = 0
    let there = 0
    for (let i = 0; i < WINDOW; i++) {
      here += window[MAX_LAG + i]! ** 2
      there += window[MAX_LAG - MIN_LAG + i]! ** 2
    }
    for (let lag = MIN_LAG; lag <= MAX_LAG; lag++) {
      let product = 0
      for (let i = MAX_LAG; i < MAX_LAG + WINDOW; i++) product += window[i]! * window[i - lag]!
      if (product > PERIODIC * Math.sqrt(here * there)) return true
      // The window that is compared with moves on by one sample.
      there += window[MAX_LAG - lag - 1]! ** 2 - window[MAX_LAG - lag - 1 + WINDOW]! ** 2
    }
    return false
  }
}

function check(name: string, value: number, min: number, max: number): void {
  if (value >= min && value <= max) return
  throw new RangeError(`Cannot detect speech as ${name} must be in ${min}…${max}: current value is ${value}`)
}
