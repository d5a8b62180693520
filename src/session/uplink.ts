import type { VoiceWarning } from '../events.ts'
import type { Provider, WireData } from '../providers/provider.ts'
import { AudioBacklog, type Chunk } from './audio-backlog.ts'

export interface UplinkOptions {
  readonly provider: Provider
  /** Bytes that the socket has taken and the network has not. */
  readonly bufferedAmount: () => number
  readonly transmit: (data: WireData) => void
  readonly onwarning: (warning: VoiceWarning) => void
}

/** How much microphone audio waits while there is no line, in ms. */
const OFFLINE_MS = 2000

/** More sound than this in the socket's own buffer means that the line is slower than speech, in ms. */
const CONGESTION_MS = 400

/** How much waits while the line is slower than speech, in ms: what is older would be answered too late. */
const CONGESTED_MS = 600

/** Where keep-alive messages take the place of silence: how much of it the provider hears first, in ms, so that it notices that the user's turn is over. */
const SILENCE_MS = 2000

/** Microphone audio on its way to the provider: it waits where it cannot leave, bounded, and the newest counts. */
export class Uplink {
  readonly #options: UplinkOptions
  readonly #backlog: AudioBacklog
  readonly #samplesPerMs: number
  #open = false
  #congested = false
  #silentMs = 0
  /** What a millisecond of sound takes on the wire, by the last chunk that left. */
  #bytesPerMs = 0

  constructor(options: UplinkOptions) {
    const { sampleRate } = options.provider.inputFormat
    this.#options = options
    this.#backlog = new AudioBacklog(sampleRate, OFFLINE_MS)
    this.#samplesPerMs = sampleRate / 1000
  }

  /** Sound that was given up so far, in ms. */
  get droppedMs(): number {
    return this.#backlog.droppedMs
  }

  /** When audio was last sent, on the clock of `performance.now`; 0 for never. */
  lastSentAt = 0

  /** There is a line that takes audio: what waited leaves first. */
  open(): void {
    this.#open = true
    this.flush()
  }

  /** Sends what waits, whatever the socket holds: it is one burst, and bounded. */
  flush(): void {
    while (!this.#backlog.empty) this.#send(this.#backlog.shift()!)
  }

  /** There is none; audio waits for the next one. */
  close(): void {
    this.#open = this.#congested = false
    this.#backlog.maxMs = OFFLINE_MS
  }

  /**
   * @param chunk Sent or copied before this returns.
   * @param muted Whether it holds the silence of a muted microphone.
   */
  push(chunk: Chunk, muted: boolean): void {
    if (muted && this.#options.provider.whileMuted === 'nothing') return
    this.#silentMs = muted ? this.#silentMs + chunk.length / this.#samplesPerMs : 0
    if (this.#silentMs > SILENCE_MS && this.#options.provider.keepAlive) return
    this.#catchUp()
    if (this.#open && this.#backlog.empty && this.#takes()) this.#send(chunk)
    else this.#wait(chunk)
  }

  #catchUp(): void {
    while (this.#open && !this.#backlog.empty && this.#takes()) this.#send(this.#backlog.shift()!)
    if (!this.#backlog.empty) return
    this.#congested = false
    this.#backlog.maxMs = OFFLINE_MS
  }

  #takes(): boolean {
    return this.#options.bufferedAmount() <= CONGESTION_MS * this.#bytesPerMs
  }

  #send(chunk: Chunk): void {
    const data = this.#options.provider.encodeAudio(chunk)
    const bytes = typeof data === 'string' ? data.length : data.byteLength
    this.#bytesPerMs = (bytes * this.#samplesPerMs) / chunk.length
    this.lastSentAt = performance.now()
    this.#options.transmit(data)
  }

  #wait(chunk: Chunk): void {
    const { droppedMs } = this.#backlog
    if (this.#open) this.#backlog.maxMs = CONGESTED_MS
    this.#backlog.push(chunk)
    if (!this.#open || this.#congested || this.#backlog.droppedMs === droppedMs) return
    this.#congested = true
    this.#options.onwarning({
      code: 'uplink-congested',
      message: 'The line is slower than speech: what the user said earliest and has not left is dropped',
      hint: 'Check the network, or choose a format of fewer bytes, such as G.711',
    })
  }
}
