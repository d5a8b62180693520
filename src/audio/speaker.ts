import type { VoiceError } from '../errors.ts'
import { isFirefox } from '../util/firefox.ts'
import { workletFailed } from './audio-error.ts'
import { type AudioFormat, bytesPerSample } from './audio-format.ts'
import { CutItems } from './cut-items.ts'
import { type HeardItem, HeardItems } from './heard-items.ts'
import { loadWorklet } from './load-worklet.ts'
import { SpeakerOutput } from './speaker-output.ts'
import type {
  JitterBounds,
  PlaybackCommand,
  PlaybackMessage,
  PlaybackOptions,
  PlaybackProgress,
} from './worklet-messages.ts'
import { playbackWorklet } from './worklet-source.ts'

export type { HeardItem } from './heard-items.ts'

/** Beyond this a browser's `outputLatency` is not believed. */
const MAX_LATENCY_SECONDS = 0.5
/** A worklet that runs answers within 20 ms; one that does not run may never answer. */
const CLEAR_TIMEOUT_MS = 250
/** Where each chunk comes up to 60 ms early or late, a minute then has less than 20 ms of gaps: see bench/README.md. */
const DEFAULT_MIN_MS = 40
/** What callers notice in a gap is small beside what they notice in a longer delay. */
const DEFAULT_MAX_MS = 200
/** Nobody waits for longer. */
const MAX_JITTER_MS = 1000

/** Nothing is wrong with the session, but a developer should know. */
export interface SpeakerWarning {
  readonly code: 'playback-overflow'
  readonly message: string
  readonly hint: string
}

export interface SpeakerOptions {
  /** Runs at the device's own rate. */
  context: AudioContext
  /** What `play` is given. */
  format: AudioFormat
  /**
   * Bounds of how long sound is held back so that chunks may come late, in ms: 0…1000; default 40…200. It begins
   * at `minMs`, grows when chunks come late, and falls back in the course of minutes. Where that much already
   * waits, or an item is complete, playing starts at once.
   */
  jitterBuffer?: { minMs?: number; maxMs?: number }
  /** Where the playback worklet lies, instead of beside the package. */
  workletUrl?: string | URL
  /** Called when the first sample after a silence was rendered. */
  onstart?: () => void
  /** Called when the last sample of everything was heard, and every item had ended. Not after `clear`. */
  ondrain: () => void
  /** Takes the level of what is played, 0…1 and before `volume`, about every 20 ms, and its time in the context in s. */
  onlevel?: (level: number, time: number) => void
  onwarning?: (warning: SpeakerWarning) => void
  /** Called if the worklet fails, with `audio-failed`. */
  onerror?: (error: VoiceError) => void
}

/** Plays items of sound one after the other, can be cut off at any moment, and then tells what was heard. */
export class Speaker {
  readonly #options: SpeakerOptions
  readonly #jitterBuffer: JitterBounds
  readonly #output: SpeakerOutput
  readonly #cutItems = new CutItems()
  readonly #clears = new Map<number, (progress: PlaybackProgress | null) => void>()
  #node: AudioWorkletNode | null = null
  #opening: Promise<void> | null = null
  #closed = false
  #items: HeardItems
  #progress: PlaybackProgress | null = null
  #drainTimer: ReturnType<typeof setTimeout> | undefined
  #clearId = 0
  #playing = false
  #started = false
  #level = 0

  /** @throws {RangeError} If a bound of `jitterBuffer` is not in 0…1000, or the two are the wrong way round. */
  constructor(options: SpeakerOptions) {
    this.#options = options
    this.#jitterBuffer = jitterBounds(options.jitterBuffer ?? {})
    this.#items = new HeardItems(options.format.sampleRate)
    this.#output = new SpeakerOutput(options.context)
  }

  /** Whether sound is playing, waiting or expected: from `play` until all was heard, or `clear`. */
  get playing(): boolean {
    return this.#playing
  }

  /** The level of what is played, before `volume`: 0 at −60 dB and below, 1 at full scale. */
  get level(): number {
    return this.#level
  }

  /** Sound waiting to be played, in ms, as of the worklet's last report. */
  get bufferedMs(): number {
    return (this.#progress?.bufferedSeconds ?? 0) * 1000
  }

  /** How often sound has run out in the middle of an item. */
  get underruns(): number {
    return this.#progress?.underruns ?? 0
  }

  /** The silence that this has put into the middle of items so far, in ms. */
  get gapMs(): number {
    return this.#progress?.gapMs ?? 0
  }

  /** How long the jitter buffer holds sound back before it plays, in ms, as of the worklet's last report. */
  get delayMs(): number {
    return this.#progress?.delayMs ?? this.#jitterBuffer.minMs
  }

  /** What is played, after `volume` and ducking: connect it to whatever shall have it too. */
  get output(): AudioNode {
    return this.#output.node
  }

  /** The same for a recorder or a visualizer; the same stream at every access. */
  get stream(): MediaStream {
    return this.#output.stream
  }

  /** 0…1; default 1. */
  get volume(): number {
    return this.#output.volume
  }

  /** @throws {RangeError} If not in 0…1. */
  set volume(volume: number) {
    this.#output.volume = volume
  }

  /** Whether it plays 12 dB softer, beside `volume`: down within 30 ms, up again within 200. Default false. */
  get ducked(): boolean {
    return this.#output.ducked
  }

  set ducked(ducked: boolean) {
    this.#output.ducked = ducked
  }

  /**
   * Loads the worklet. Sound given before that is not played.
   *
   * @throws {VoiceError} `audio-unsupported`, `worklet-blocked`.
   */
  open(): Promise<void> {
    this.#opening ??= this.#open()
    return this.#opening
  }

  /**
   * Plays after all that was given before; an item that follows another ends it. Does nothing unless open, nor
   * with sound that comes late for an item that was cut off.
   *
   * @param data Bytes in `format`, cut anywhere; they are copied.
   */
  play(itemId: string, data: Uint8Array<ArrayBuffer>): void {
    if (!this.#node || data.length === 0 || this.#cutItems.has(itemId)) return
    clearTimeout(this.#drainTimer)
    this.#playing = true
    this.#items.receive(itemId, data.length / bytesPerSample(this.#options.format.encoding))
    const { buffer } = data.slice()
    this.#send({ type: 'play', itemId, data: buffer }, [buffer])
  }

  /** Notes that no more sound follows for an item; without it the speaker waits for more. */
  end(itemId: string): void {
    this.#cutItems.delete(itemId)
    if (this.#items.end(itemId)) this.#send({ type: 'end', itemId })
  }

  /**
   * What has been heard up to now of each item that was not heard to its end; oldest first. Within some ms of what
   * leaves the loudspeaker, as far as the browser knows its latency.
   */
  heard(): HeardItem[] {
    return this.#items.unheard(this.#latency, this.#options.context.currentTime)
  }

  /**
   * Cuts off: fades out within 5 ms and drops all that was given.
   *
   * @param options.late Whether to `drop`, until its `end`, sound that comes later for an item that was cut off
   * (the default), or to `play` it, where an id may come again for something else, as over a new connection.
   * @returns When it is silent, what was heard of each item that was not heard to its end; oldest first. Where
   * the context does not run, the answer comes at once from what was known last.
   */
  async clear({ late = 'drop' }: { late?: 'drop' | 'play' } = {}): Promise<HeardItem[]> {
    const items = this.#items
    if (late === 'play') this.#cutItems.clear()
    else for (const itemId of items.open) this.#cutItems.add(itemId)
    this.#items = new HeardItems(this.#options.format.sampleRate)
    this.#stop()
    const progress = await this.#cut()
    if (progress) items.update(progress)
    return items.unheard(this.#latency)
  }

  /** Falls silent and lets go of everything. Idempotent. */
  close(): void {
    this.#closed = true
    this.#stop()
    this.#send({ type: 'close' })
    if (this.#node) this.#node.port.onmessage = this.#node.onprocessorerror = null
    this.#node?.disconnect()
    this.#output.close()
    this.#node = null
    for (const answer of this.#clears.values()) answer(null)
  }

  async #open(): Promise<void> {
    const { context, format, workletUrl, onerror } = this.#options
    await loadWorklet(context, playbackWorklet, workletUrl)
    if (this.#closed) return
    this.#node = new AudioWorkletNode(context, 'voicewire-playback', {
      numberOfInputs: 0,
      outputChannelCount: [1],
      processorOptions: { ...format, jitterBuffer: this.#jitterBuffer } satisfies PlaybackOptions,
    })
    this.#node.port.onmessage = ({ data }: MessageEvent<PlaybackMessage>) => this.#receive(data)
    this.#node.onprocessorerror = (cause) => onerror?.(workletFailed(cause))
    this.#node.connect(this.#output.input)
  }

  #send(command: PlaybackCommand, transfer: Transferable[] = []): void {
    this.#node?.port.postMessage(command, transfer)
  }

  #receive(message: PlaybackMessage): void {
    if (message.type === 'overflow') {
      this.#refuse(message.itemId, message.length)
      return
    }
    this.#progress = message.progress
    if (message.type === 'cleared') {
      this.#clears.get(message.id)?.(message.progress)
      return
    }
    this.#items.update(message.progress)
    if (this.#playing && !this.#started && message.progress.items.some(({ rendered }) => rendered > 0)) {
      this.#started = true
      this.#options.onstart?.()
    }
    this.#items.forget(this.#latency)
    // Sound that was sent while a `drained` was under way is not in it.
    if (message.type === 'drained' && this.#items.drained) this.#drain()
    else if (this.#playing) this.#setLevel(message.progress.level, message.progress.time)
  }

  /** What was rendered last is still on its way to the ear. */
  #drain(): void {
    this.#setLevel(0)
    clearTimeout(this.#drainTimer)
    this.#drainTimer = setTimeout(() => {
      this.#items = new HeardItems(this.#options.format.sampleRate)
      this.#playing = this.#started = false
      this.#options.ondrain()
    }, this.#latency * 1000)
  }

  #stop(): void {
    clearTimeout(this.#drainTimer)
    this.#playing = this.#started = false
    this.#setLevel(0)
  }

  #setLevel(level: number, time = this.#options.context.currentTime): void {
    if (!this.#playing && level === this.#level) return
    this.#level = level
    this.#options.onlevel?.(level, time)
  }

  /** @returns Where playback was cut; null where the worklet does not tell in time. */
  async #cut(): Promise<PlaybackProgress | null> {
    if (!this.#node) return null
    const id = ++this.#clearId
    this.#send({ type: 'clear', id })
    const answer = Promise.withResolvers<PlaybackProgress | null>()
    this.#clears.set(id, answer.resolve)
    const patience = this.#options.context.state === 'running' ? CLEAR_TIMEOUT_MS : 0
    const timer = setTimeout(answer.resolve, patience, null)
    const progress = await answer.promise
    clearTimeout(timer)
    this.#clears.delete(id)
    return progress
  }

  /**
   * In seconds. `getOutputTimestamp` would be the other way to know, and is wrong by seconds in Firefox and WebKit.
   * Firefox is not asked: with PulseAudio its getter waits for the sound server while that waits for the getter,
   * and the page stands still for good.
   */
  get #latency(): number {
    if (isFirefox()) return 0
    return Math.min(MAX_LATENCY_SECONDS, Math.max(0, this.#options.context.outputLatency || 0))
  }

  #refuse(itemId: string, length: number): void {
    this.#items.refuse(itemId, length)
    this.#options.onwarning?.({
      code: 'playback-overflow',
      message: 'Cannot play all sound as at most 10 minutes may wait',
      hint: 'Let the agent give shorter answers',
    })
  }
}

function jitterBounds({ minMs = DEFAULT_MIN_MS, maxMs = Math.max(minMs, DEFAULT_MAX_MS) }): JitterBounds {
  for (const [name, value] of Object.entries({ minMs, maxMs })) {
    if (value >= 0 && value <= MAX_JITTER_MS) continue
    throw new RangeError(
      `Cannot play as jitterBuffer.${name} must be in 0…${MAX_JITTER_MS}: current value is ${value}`,
    )
  }
  if (minMs <= maxMs) return { minMs, maxMs }
  throw new RangeError(
    `Cannot play as jitterBuffer.minMs must be at most ${maxMs}: current value is ${minMs}`,
  )
}
