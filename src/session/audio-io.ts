import { resume } from '../audio/context-keeper.ts'
import type { AudioEngine, AudioEngineOptions } from './audio-engine.ts'
import { loadPart } from './load-part.ts'

export interface AudioIOOptions extends Omit<AudioEngineOptions, 'context'> {
  /** The caller's own context, which is then never closed here. */
  readonly audioContext?: AudioContext
}

/** WebKit alone has it as yet. @see https://www.w3.org/TR/audio-session/ */
type AudioNavigator = Navigator & { readonly audioSession?: { type: string } }

/**
 * The sound of one session: one AudioContext at the device's own rate for both directions, since the echo
 * canceller needs them to share a clock and a browser may refuse a context of another rate. It is made here and
 * now; the engine around it is loaded while the user still looks at the button.
 */
export class AudioIO {
  readonly #options: AudioIOOptions
  readonly #context: AudioContext
  readonly #owned: boolean
  readonly #previousType: string | undefined
  #engine: AudioEngine | null = null
  #loading: Promise<typeof import('./audio-engine.ts')> | null = null

  /**
   * Call it before the first `await` of a click's handler: a browser lets sound begin only there.
   *
   * @throws {DOMException} `InvalidStateError`, if the caller's context is closed.
   */
  constructor(options: AudioIOOptions) {
    const { audioContext, input } = options
    if (audioContext?.state === 'closed') {
      const text = 'Cannot start as audioContext must not be closed: current value is closed'
      throw new DOMException(text, 'InvalidStateError')
    }
    this.#options = options
    this.#owned = audioContext === undefined
    // Without it iOS plays through the earpiece, or silences the page with the ringer's switch.
    const { audioSession } = navigator as AudioNavigator
    this.#previousType = audioSession?.type
    if (audioSession) audioSession.type = input === 'none' ? 'playback' : 'play-and-record'
    this.#context = audioContext ?? new AudioContext({ latencyHint: 'interactive' })
    resume(this.#context)
  }

  /** Null until it is loaded, and after `close`. */
  get engine(): AudioEngine | null {
    return this.#engine
  }

  /** Begins to load what `open` needs. @throws {VoiceError} `audio-failed`. */
  load(): Promise<typeof import('./audio-engine.ts')> {
    this.#loading ??= loadPart('audio engine', import('./audio-engine.ts'))
    return this.#loading
  }

  /**
   * Asks for the microphone and loads what is needed.
   *
   * @throws {VoiceError} With phase `microphone` or `audio`.
   * @throws The signal's reason.
   */
  async open(signal: AbortSignal): Promise<void> {
    const { AudioEngine } = await this.load()
    signal.throwIfAborted()
    this.#engine = new AudioEngine({ ...this.#options, context: this.#context })
    await this.#engine.open(signal)
    signal.throwIfAborted()
  }

  /** Turns the microphone off and frees everything; safe at any time, also during `open`. */
  async close(): Promise<void> {
    const closed = this.#engine?.close()
    this.#engine = null
    await closed
    const { audioSession } = navigator as AudioNavigator
    if (audioSession && this.#previousType) audioSession.type = this.#previousType
    if (this.#owned && this.#context.state !== 'closed') await this.#context.close()
  }
}
