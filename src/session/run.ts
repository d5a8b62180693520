import type { AudioIO } from './audio-io.ts'
import { loadPart } from './load-part.ts'
import type { SessionEngine, SessionEngineOptions } from './session-engine.ts'

export interface RunOptions extends Omit<SessionEngineOptions, 'audio'> {
  /** Nothing is told any more but last results; everything is free once `closed` is resolved. */
  readonly onended: (reason: unknown, closed: Promise<unknown>) => void
}

/** What lasts from `start` to `stop`. What needs a gesture is made at once; the rest is loaded then. */
export class Run {
  /** Settled when the agent is ready, or it ended before. */
  readonly ready = Promise.withResolvers<void>()
  readonly #options: RunOptions
  readonly #abort = new AbortController()
  readonly #audio: AudioIO
  #engine: SessionEngine | null = null
  #ended = false

  /** In a user's gesture, since a browser lets sound begin only there. */
  constructor(options: RunOptions) {
    const { sound, emit } = options
    this.#options = options
    this.#audio = sound.begin({
      input: 'microphone',
      ...options.options,
      onchunk: (chunk, muted) => this.#engine?.connection.sendAudio(chunk, muted),
      onsound: () => this.#engine?.sounded(),
      ondrain: () => this.#engine?.silent(),
      onspeech: (speaking) => this.#engine?.detected(speaking),
      ondevicechange: () => emit('devicechange', sound.devices),
      onwarning: (warning) => emit('warning', warning),
      onerror: (error) => this.end(error),
    })
  }

  /** Null until it is loaded. */
  get engine(): SessionEngine | null {
    return this.#engine
  }

  /** What comes of it is told by `ready`. */
  open(): void {
    this.#open(this.#abort.signal).catch((error: unknown) => this.end(error))
  }

  /**
   * Ends it, for whatever reason.
   *
   * @param options.finish Whether the provider may still give the results that it owes.
   */
  end(reason: unknown, options?: { finish: boolean }): void {
    if (this.#ended) return
    this.#ended = true
    this.#abort.abort(reason)
    const finished = this.#engine?.close(reason, options)
    this.#options.onended(reason, Promise.all([this.#audio.close(), finished]))
  }

  /** The line is dialled once there is a microphone: a prompt may stay open for long, and lines cost money. */
  async #open(signal: AbortSignal): Promise<void> {
    const [{ SessionEngine }] = await Promise.all([
      loadPart('session engine', import('./session-engine.ts')),
      this.#audio.load(),
    ])
    signal.throwIfAborted()
    this.#engine = new SessionEngine({
      ...this.#options,
      audio: this.#audio,
      onend: (reason) => this.end(reason),
    })
    await this.#audio.open(signal)
    await this.#engine.open(signal)
  }
}
