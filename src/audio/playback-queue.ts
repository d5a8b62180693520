import { Fade } from './fade.ts'
import { Inbox } from './inbox.ts'
import { JitterBuffer } from './jitter-buffer.ts'
import { energyOf, levelOf } from './level.ts'
import { Resampler } from './resampler.ts'
import { SampleRing } from './sample-ring.ts'
import type { JitterBounds, PlaybackMessage, PlaybackProgress } from './worklet-messages.ts'

/** Short enough that nobody hears the agent talk on, long enough that nobody hears a click. */
const FADE_SECONDS = 0.005
/** A meter moves as often as a screen shows it, and a position is never old. */
const PROGRESS_SECONDS = 0.02
/** An agent may send a whole answer at once; what waits for longer than this is a fault. */
const MAX_BUFFER_SECONDS = 600
/** Input samples resampled at a time: no more than is needed, so that no burst of sound holds the audio thread up. */
const STEP = 128
/** What the platform renders at a time, in samples. */
const QUANTUM = 128
/** How long an item that was rendered to its end stays reported: the longest output latency that is believed. */
const MAX_LATENCY_SECONDS = 0.5

export interface PlaybackQueueOptions {
  /** Samples per second of what is played, in Hz. */
  inputRate: number
  /** Samples per second of what is rendered, in Hz. */
  outputRate: number
  jitterBuffer: JitterBounds
  /** @returns The time at which the quantum now rendered begins, in seconds. */
  now: () => number
  report: (message: PlaybackMessage) => void
}

/** A fade under way, for sound that is no longer in the ring. */
interface Cut {
  readonly samples: Float32Array
  at: number
  readonly message: PlaybackMessage
}

/**
 * What the playback worklet does with sound: items in, one channel out, and an account of how much of each item
 * was rendered. Sound waits as it came, and is resampled just before it is rendered: a whole answer may come at
 * once. Items that follow one another go through the filter as one signal, so nothing stands between them, and
 * the filter is emptied when an item has ended and nothing follows. Rendering allocates nothing but its reports.
 */
export class PlaybackQueue {
  readonly #resampler: Resampler
  readonly #ring = new SampleRing()
  readonly #inbox = new Inbox()
  readonly #step = new Float32Array(STEP)
  /** The beginnings of `#step`, of every length. */
  readonly #steps = Array.from({ length: STEP + 1 }, (_, length) => this.#step.subarray(0, length))
  /** What empties the filter. */
  readonly #silence: Float32Array
  readonly #resampled: Float32Array
  readonly #ratio: number
  readonly #jitter: JitterBuffer
  readonly #now: PlaybackQueueOptions['now']
  readonly #report: PlaybackQueueOptions['report']
  readonly #fade: Fade
  /** What must be in the ring lest a fade out begins: this quantum, and a fade should no other come. */
  readonly #needed: number
  #running = false
  /** Whether sound fades out, to the end even if more has come: to turn back halfway would click. */
  #falling = false
  /** Whether sound ran dry in the middle of an item, and has not come again. */
  #paused = false
  /** Samples rendered since sound came in that is waiting to be started; null while there is none. */
  #waited: number | null = null
  #lastChunk = 0
  /** Where in the ring the filter's present signal begins, and how many input samples of it there were. */
  #origin = 0
  #inputs = 0
  #cut: Cut | null = null
  #energy = 0
  #rendered = 0
  /** Whether a report is due whatever was rendered since the last. */
  #due = false
  #silent = 0
  #underruns = 0
  #gap = 0
  /** Samples rendered, sound or silence. */
  #clock = 0

  constructor({ inputRate, outputRate, jitterBuffer, now, report }: PlaybackQueueOptions) {
    this.#resampler = new Resampler({ inputRate, outputRate })
    this.#ratio = outputRate / inputRate
    this.#silence = new Float32Array(this.#resampler.tailLength)
    this.#resampled = new Float32Array(Math.ceil(Math.max(STEP, this.#silence.length) * this.#ratio) + 1)
    this.#fade = new Fade(Math.round(FADE_SECONDS * outputRate))
    this.#needed = this.#fade.length + QUANTUM
    this.#jitter = new JitterBuffer({ ...jitterBuffer, margin: this.#needed, sampleRate: outputRate })
    this.#now = now
    this.#report = report
  }

  /** Queues sound after all that is there. */
  play(itemId: string, samples: Int16Array): void {
    if (this.#inbox.length + samples.length > MAX_BUFFER_SECONDS * this.#resampler.inputRate) {
      this.#report({ type: 'overflow', itemId, length: samples.length })
      return
    }
    if (this.#inputs === 0) this.#restart()
    const length = samples.length * this.#ratio
    this.#jitter.arrive(itemId, this.#clock, length)
    this.#ring.mark(itemId, this.#origin + this.#inputs * this.#ratio, length)
    this.#inputs += samples.length
    this.#inbox.push(samples)
    this.#lastChunk = length
    if (!this.#running) this.#waited ??= 0
  }

  /** Notes that no more sound follows for this item. */
  end(itemId: string): void {
    this.#ring.end(itemId)
  }

  /** Fades out what is playing, drops the rest, and reports `cleared` when the fade has been rendered. */
  clear(id: number): void {
    this.#fill(this.#needed)
    const samples = new Float32Array(this.#running ? Math.min(this.#fade.at, this.#ring.available) : 0)
    this.#read(samples, samples.length, -1)
    this.#stop()
    const message: PlaybackMessage = { type: 'cleared', id, progress: this.#progress() }
    this.#ring.clear()
    this.#inbox.clear()
    this.#inputs = 0
    this.#jitter.restart()
    if (samples.length > 0) this.#cut = { samples, at: 0, message }
    else this.#report(message)
  }

  /** @param output Takes the next samples, a render quantum of them; all zero when it comes. */
  render(output: Float32Array): void {
    const count = this.#cut ? this.#renderCut(this.#cut, output) : this.#renderRing(output)
    if (count === 0) this.#silent += output.length
    else this.#silent = output.length - count
    this.#clock += output.length
    this.#jitter.elapse(count)
    this.#energy += energyOf(output, count)
    this.#rendered += count
    if (this.#drained) this.#drain()
    else if (this.#due || this.#rendered >= PROGRESS_SECONDS * this.#resampler.outputRate) {
      this.#report({ type: 'progress', progress: this.#progress() })
    }
  }

  get #drained(): boolean {
    return this.#running && !this.#ring.open && this.#inputs === 0 && this.#ring.available === 0
  }

  #drain(): void {
    this.#stop()
    this.#jitter.restart()
    this.#report({ type: 'drained', progress: this.#progress() })
  }

  #stop(): void {
    this.#running = this.#falling = this.#paused = false
    this.#waited = null
    this.#fade.at = this.#fade.length
  }

  #renderCut(cut: Cut, output: Float32Array): number {
    const count = Math.min(output.length, cut.samples.length - cut.at)
    for (let i = 0; i < count; i++) output[i] = cut.samples[cut.at++]!
    if (cut.at === cut.samples.length) {
      this.#cut = null
      this.#report(cut.message)
    }
    return count
  }

  #renderRing(output: Float32Array): number {
    const ring = this.#ring
    this.#fill(this.#needed)
    if (!this.#running && this.#isReady(output.length)) this.#start()
    if (!this.#running) return 0
    const starving = ring.open && ring.available < this.#needed
    this.#falling ||= starving
    const count = Math.min(output.length, ring.available, this.#falling ? this.#fade.at : output.length)
    this.#read(output, count, this.#falling ? -1 : 1)
    if (this.#falling && this.#fade.at === 0) this.#fallen(starving)
    return count
  }

  /**
   * A complete item starts at once. Otherwise the chunk after the one that came last may be late by the jitter
   * buffer's delay: either that much time went by, or twice as much waits beyond the last chunk, as that chunk may
   * have come early by as much as the next is late.
   */
  #isReady(quantum: number): boolean {
    if (this.#waited === null) return this.#isLeftOver()
    // An underrun has made the delay larger by what was late; to wait longer would be a gap against a gap.
    const patience = this.#paused ? this.#needed : this.#jitter.delay
    const patient = this.#waited >= patience || this.#buffered - this.#lastChunk >= 2 * patience
    this.#waited += quantum
    return !this.#ring.open || (patient && this.#ring.available >= this.#needed)
  }

  /** Whether an item has ended while it was paused, with sound left. */
  #isLeftOver(): boolean {
    return !this.#ring.open && (this.#inputs > 0 || this.#ring.available > 0)
  }

  #start(): void {
    if (this.#paused) this.#gap += this.#silent
    this.#running = this.#due = true
    this.#paused = false
  }

  #fallen(starving: boolean): void {
    this.#falling = false
    if (starving) this.#pause()
  }

  #pause(): void {
    this.#running = false
    this.#paused = this.#due = true
    this.#waited = null
    this.#underruns++
  }

  #read(output: Float32Array, count: number, step: 1 | -1): void {
    this.#ring.read(output, count)
    this.#fade.apply(output, count, step)
  }

  #restart(): void {
    this.#resampler.reset()
    const { position, available } = this.#ring
    this.#origin = position + available + this.#resampler.delaySeconds * this.#resampler.outputRate
  }

  /** Output samples that wait, in the ring and before the filter. */
  get #buffered(): number {
    return this.#ring.available + this.#inbox.length * this.#ratio
  }

  /** Resamples until `needed` samples are in the ring; empties the filter where all items have ended. */
  #fill(needed: number): void {
    while (this.#ring.available < needed && this.#inbox.length > 0) {
      this.#resample(this.#steps[this.#inbox.take(this.#step)]!)
    }
    if (this.#ring.available >= needed || this.#ring.open || this.#inputs === 0) return
    this.#inputs = 0
    this.#resample(this.#silence)
  }

  #resample(samples: Float32Array): void {
    this.#ring.write(this.#resampled, this.#resampler.processInto(samples, this.#resampled))
  }

  #progress(): PlaybackProgress {
    const { outputRate } = this.#resampler
    this.#ring.forget(Math.max(0, MAX_LATENCY_SECONDS * outputRate - this.#silent))
    const progress = {
      items: this.#ring.segments.map(({ itemId, start }) => ({
        itemId,
        rendered: Math.round((this.#ring.position - start) / this.#ratio),
      })),
      time: this.#now() + QUANTUM / outputRate,
      running: this.#running,
      level: levelOf(this.#energy, this.#rendered),
      bufferedSeconds: this.#buffered / outputRate,
      silentSeconds: this.#silent / outputRate,
      delayMs: (this.#jitter.delay * 1000) / outputRate,
      underruns: this.#underruns,
      gapMs: (this.#gap * 1000) / outputRate,
    }
    this.#energy = 0
    this.#rendered = 0
    this.#due = false
    return progress
  }
}
