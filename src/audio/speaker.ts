import type { VoiceError } from '../errors.ts'
import { workletFailed } from './audio-error.ts'
import { type AudioFormat, bytesPerSample } from './audio-format.ts'
import { type HeardItem, HeardItems } from './heard-items.ts'
import { loadWorklet } from './load-worklet.ts'
import type {
  PlaybackCommand,
  PlaybackMessage,
  PlaybackOptions,
  PlaybackProgress,
} from './worklet-messages.ts'

export type { HeardItem } from './heard-items.ts'

/** Beyond this a browser's `outputLatency` is not believed. */
const MAX_LATENCY_SECONDS = 0.5
/** A worklet that runs answers within 20 ms; one that does not run may never answer. */
const CLEAR_TIMEOUT_MS = 250
/** Time constant of a change in volume: no step to be heard, no wait either. */
const VOLUME_SECONDS = 0.015

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
   * How late a chunk may come, in ms: 0…60; default 40. A fade out begins up to 8 ms before sound runs dry. Where
   * that much already waits, or an item is complete, playing starts at once.
   */
  prebufferMs?: number
  /** Where the playback worklet lies, instead of beside the package. */
  workletUrl?: string | URL
  /** Called when the last sample of everything was heard, and every item had ended. Not after `clear`. */
  ondrain: () => void
  /** Takes the level of what is played, 0…1 and before `volume`, about every 50 ms. */
  onlevel?: (level: number) => void
  onwarning?: (warning: SpeakerWarning) => void
  /** Called if the worklet fails, with `audio-failed`. */
  onerror?: (error: VoiceError) => void
}

/** Plays items of sound one after the other, can be cut off at any moment, and then tells what was heard. */
export class Speaker {
  readonly #options: SpeakerOptions
  readonly #gain: GainNode
  readonly #clears = new Map<number, (progress: PlaybackProgress | null) => void>()
  #node: AudioWorkletNode | null = null
  #opening: Promise<void> | null = null
  #closed = false
  #tap: MediaStreamAudioDestinationNode | null = null
  #items: HeardItems
  #progress: PlaybackProgress | null = null
  #drainTimer: ReturnType<typeof setTimeout> | undefined
  #clearId = 0
  #playing = false
  #volume = 1
  #level = 0

  /** @throws {RangeError} If `prebufferMs` is not in 0…60. */
  constructor(options: SpeakerOptions) {
    const { context, format, prebufferMs = 40 } = options
    if (!(prebufferMs >= 0 && prebufferMs <= 60)) {
      throw new RangeError(`Cannot play as prebufferMs must be in 0…60: current value is ${prebufferMs}`)
    }
    this.#options = options
    this.#items = new HeardItems(format.sampleRate)
    this.#gain = context.createGain()
    this.#gain.connect(context.destination)
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

  /** What is played, after `volume`, for a recorder or a visualizer; the same stream at every access. */
  get stream(): MediaStream {
    if (!this.#tap) {
      this.#tap = this.#options.context.createMediaStreamDestination()
      if (!this.#closed) this.#gain.connect(this.#tap)
    }
    return this.#tap.stream
  }

  /** 0…1; default 1. */
  get volume(): number {
    return this.#volume
  }

  /** @throws {RangeError} If not in 0…1. */
  set volume(volume: number) {
    if (!(volume >= 0 && volume <= 1)) {
      throw new RangeError(`Cannot set volume as it must be in 0…1: current value is ${volume}`)
    }
    this.#volume = volume
    this.#gain.gain.setTargetAtTime(volume, this.#options.context.currentTime, VOLUME_SECONDS)
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
   * Plays after all that was given before; an item that follows another ends it. Does nothing unless open.
   *
   * @param data Bytes in `format`, cut anywhere; they are copied.
   */
  play(itemId: string, data: Uint8Array<ArrayBuffer>): void {
    if (!this.#node) return
    if (data.length === 0) return
    clearTimeout(this.#drainTimer)
    this.#playing = true
    this.#items.receive(itemId, data.length / bytesPerSample(this.#options.format.encoding))
    const { buffer } = data.slice()
    this.#send({ type: 'play', itemId, data: buffer }, [buffer])
  }

  /** Notes that no more sound follows for an item; without it the speaker waits for more. */
  end(itemId: string): void {
    if (this.#items.end(itemId)) this.#send({ type: 'end', itemId })
  }

  /**
   * Cuts off: fades out within 5 ms and drops all that was given.
   *
   * @returns When it is silent, what was heard of each item that was not heard to its end; oldest first. Where
   * the context does not run, the answer comes at once from what was known last.
   */
  async clear(): Promise<HeardItem[]> {
    const items = this.#items
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
    this.#gain.disconnect()
    this.#node = null
    for (const answer of this.#clears.values()) answer(null)
  }

  async #open(): Promise<void> {
    const { context, format, prebufferMs = 40, workletUrl, onerror } = this.#options
    await loadWorklet(context, 'playback', workletUrl)
    if (this.#closed) return
    this.#node = new AudioWorkletNode(context, 'voicewire-playback', {
      numberOfInputs: 0,
      outputChannelCount: [1],
      processorOptions: { ...format, prebufferMs } satisfies PlaybackOptions,
    })
    this.#node.port.onmessage = ({ data }: MessageEvent<PlaybackMessage>) => this.#receive(data)
    this.#node.onprocessorerror = (cause) => onerror?.(workletFailed(cause))
    this.#node.connect(this.#gain)
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
    this.#items.forget(this.#latency)
    // Sound that was sent while a `drained` was under way is not in it.
    if (message.type === 'drained' && this.#items.drained) this.#drain()
    else if (this.#playing) this.#setLevel(message.progress.level)
  }

  /** What was rendered last is still on its way to the ear. */
  #drain(): void {
    this.#setLevel(0)
    clearTimeout(this.#drainTimer)
    this.#drainTimer = setTimeout(() => {
      this.#items = new HeardItems(this.#options.format.sampleRate)
      this.#playing = false
      this.#options.ondrain()
    }, this.#latency * 1000)
  }

  #stop(): void {
    clearTimeout(this.#drainTimer)
    this.#playing = false
    this.#setLevel(0)
  }

  #setLevel(level: number): void {
    if (level === 0 && this.#level === 0) return
    this.#level = level
    this.#options.onlevel?.(level)
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

  /** `getOutputTimestamp` would be the other way to know, and is wrong by seconds in Firefox and WebKit. */
  get #latency(): number {
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
