import { energyOf, levelOf } from './level.ts'
import { Resampler } from './resampler.ts'
import { SampleRing } from './sample-ring.ts'
import type { PlaybackMessage, PlaybackProgress } from './worklet-messages.ts'

/** Short enough that nobody hears the agent talk on, long enough that nobody hears a click. */
const FADE_SECONDS = 0.005
/** How often a meter wants to move. */
const PROGRESS_SECONDS = 0.05
/** An agent may send a whole answer at once; what waits for longer than this is a fault. */
const MAX_BUFFER_SECONDS = 600
/** Input samples resampled at a time: no more than is needed, so that no burst of sound holds the audio thread up. */
const STEP = 128
/** How long an item that was rendered to its end stays reported: the longest output latency that is believed. */
const MAX_LATENCY_SECONDS = 0.5

export interface PlaybackQueueOptions {
  /** Samples per second of what is played, in Hz. */
  inputRate: number
  /** Samples per second of what is rendered, in Hz. */
  outputRate: number
  /** How late a chunk may come, in ms. */
  prebufferMs: number
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
 * the filter is emptied when an item has ended and nothing follows.
 */
export class PlaybackQueue {
  readonly #resampler: Resampler
  readonly #ring = new SampleRing()
  /** Chunks that wait, how far into the first one resampling has come, and how many samples there are in all. */
  #inbox: Int16Array[] = []
  #inboxAt = 0
  #inboxLength = 0
  readonly #step = new Float32Array(STEP)
  readonly #resampled: Float32Array
  readonly #ratio: number
  readonly #prebuffer: number
  readonly #report: PlaybackQueueOptions['report']
  /** Raised cosine from silence (0) to full amplitude (the last index). */
  readonly #curve: Float32Array
  #fade: number
  #running = false
  /** Samples rendered since sound came in that is waiting to be started; null while there is none. */
  #waited: number | null = null
  /** Samples to wait for before sound starts, or starts again. */
  #patience: number
  #lastChunk = 0
  /** Where in the ring the filter's present signal begins, and how many input samples of it there were. */
  #origin = 0
  #inputs = 0
  #cut: Cut | null = null
  #energy = 0
  #rendered = 0
  #silent = 0
  #underruns = 0

  constructor({ inputRate, outputRate, prebufferMs, report }: PlaybackQueueOptions) {
    this.#resampler = new Resampler({ inputRate, outputRate })
    this.#ratio = outputRate / inputRate
    this.#resampled = new Float32Array(Math.ceil(STEP * this.#ratio) + 1)
    this.#prebuffer = (prebufferMs / 1000) * outputRate
    this.#patience = this.#prebuffer
    this.#report = report
    const length = Math.round(FADE_SECONDS * outputRate)
    this.#curve = Float32Array.from(
      { length: length + 1 },
      (_, i) => (1 - Math.cos((Math.PI * i) / length)) / 2,
    )
    this.#fade = length
  }

  /** Queues sound after all that is there. */
  play(itemId: string, samples: Int16Array): void {
    if (this.#inboxLength + samples.length > MAX_BUFFER_SECONDS * this.#resampler.inputRate) {
      this.#report({ type: 'overflow', itemId, length: samples.length })
      return
    }
    if (this.#inputs === 0) this.#restart()
    this.#ring.mark(itemId, this.#origin + this.#inputs * this.#ratio, samples.length * this.#ratio)
    this.#inputs += samples.length
    this.#inbox.push(samples)
    this.#inboxLength += samples.length
    this.#lastChunk = samples.length * this.#ratio
    if (!this.#running) this.#waited ??= 0
  }

  /** Notes that no more sound follows for this item. */
  end(itemId: string): void {
    this.#ring.end(itemId)
  }

  /** Fades out what is playing, drops the rest, and reports `cleared` when the fade has been rendered. */
  clear(id: number): void {
    this.#fill(this.#curve.length)
    const samples = new Float32Array(this.#running ? Math.min(this.#fade, this.#ring.available) : 0)
    this.#read(samples, samples.length, -1)
    const message: PlaybackMessage = { type: 'cleared', id, progress: this.#progress() }
    this.#ring.clear()
    this.#inbox = []
    this.#inboxAt = this.#inboxLength = this.#inputs = 0
    this.#stop()
    if (samples.length > 0) this.#cut = { samples, at: 0, message }
    else this.#report(message)
  }

  /** @param output Takes the next samples; all zero when it comes, as the platform hands it out. */
  render(output: Float32Array): void {
    const count = this.#cut ? this.#renderCut(this.#cut, output) : this.#renderRing(output)
    if (count === 0) this.#silent += output.length
    else this.#silent = output.length - count
    this.#energy += energyOf(output, count)
    this.#rendered += count
    if (this.#rendered >= PROGRESS_SECONDS * this.#resampler.outputRate) {
      this.#report({ type: 'progress', progress: this.#progress() })
    }
    if (this.#drained) this.#drain()
  }

  get #drained(): boolean {
    return this.#running && !this.#ring.open && this.#inputs === 0 && this.#ring.available === 0
  }

  #drain(): void {
    this.#stop()
    this.#report({ type: 'drained', progress: this.#progress() })
  }

  #stop(): void {
    this.#running = false
    this.#waited = null
    this.#patience = this.#prebuffer
    this.#fade = this.#curve.length - 1
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
    const needed = output.length + this.#curve.length - 1
    this.#fill(needed)
    this.#running ||= this.#isReady(needed, output.length)
    if (!this.#running) return 0
    const starving = ring.open && ring.available < needed
    const count = Math.min(output.length, starving ? this.#fade : ring.available)
    this.#read(output, count, starving ? -1 : 1)
    if (starving && this.#fade === 0) this.#pause()
    return count
  }

  /**
   * A complete item starts at once. Otherwise the chunk after the one that came last may be late by the
   * prebuffer: either that much waits beyond the last chunk, or that much time went by.
   */
  #isReady(needed: number, quantum: number): boolean {
    if (this.#waited === null) return this.#isLeftOver()
    const { open, available } = this.#ring
    const patient = this.#waited >= this.#patience || this.#buffered - this.#lastChunk >= this.#patience
    this.#waited += quantum
    return !open || (patient && available >= needed)
  }

  /** Whether an item has ended while it was paused, with sound left. */
  #isLeftOver(): boolean {
    return !this.#ring.open && (this.#inputs > 0 || this.#ring.available > 0)
  }

  #pause(): void {
    this.#running = false
    this.#waited = null
    // The delay has just grown by what was late. A little more lets the next one be later yet; much more would
    // be a gap against a gap.
    this.#patience = this.#curve.length - 1
    this.#underruns++
  }

  #read(output: Float32Array, count: number, step: 1 | -1): void {
    this.#ring.read(output, count)
    const full = this.#curve.length - 1
    if (step === 1 && this.#fade === full) return
    for (let i = 0; i < count; i++) {
      this.#fade = Math.min(full, this.#fade + step)
      output[i] = output[i]! * this.#curve[this.#fade]!
    }
  }

  #restart(): void {
    this.#resampler.reset()
    const { position, available } = this.#ring
    this.#origin = position + available + this.#resampler.delaySeconds * this.#resampler.outputRate
  }

  /** Output samples that wait, in the ring and before the filter. */
  get #buffered(): number {
    return this.#ring.available + this.#inboxLength * this.#ratio
  }

  /** Resamples until `needed` samples are in the ring; empties the filter where all items have ended. */
  #fill(needed: number): void {
    while (this.#ring.available < needed && this.#inboxLength > 0) this.#resampleStep()
    if (this.#ring.available >= needed || this.#ring.open || this.#inputs === 0) return
    this.#inputs = 0
    const tail = this.#resampler.process(new Float32Array(this.#resampler.tailLength))
    this.#ring.write(tail, tail.length)
  }

  #resampleStep(): void {
    const chunk = this.#inbox[0]!
    const count = Math.min(STEP, chunk.length - this.#inboxAt)
    for (let i = 0; i < count; i++) this.#step[i] = chunk[this.#inboxAt + i]! / 32768
    const input = count === STEP ? this.#step : this.#step.subarray(0, count)
    this.#ring.write(this.#resampled, this.#resampler.processInto(input, this.#resampled))
    this.#inboxLength -= count
    this.#inboxAt += count
    if (this.#inboxAt < chunk.length) return
    this.#inbox.shift()
    this.#inboxAt = 0
  }

  #progress(): PlaybackProgress {
    const { outputRate } = this.#resampler
    this.#ring.forget(Math.max(0, MAX_LATENCY_SECONDS * outputRate - this.#silent))
    const progress = {
      items: this.#ring.segments.map(({ itemId, start }) => ({
        itemId,
        rendered: Math.max(0, Math.round((this.#ring.position - start) / this.#ratio)),
      })),
      level: levelOf(this.#energy, this.#rendered),
      bufferedSeconds: this.#buffered / outputRate,
      silentSeconds: this.#silent / outputRate,
      underruns: this.#underruns,
    }
    this.#energy = 0
    this.#rendered = 0
    return progress
  }
}
