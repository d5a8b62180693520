import { Microphone } from '../audio/microphone.ts'
import { Speaker } from '../audio/speaker.ts'
import type { VoiceError } from '../errors.ts'
import type { VoiceWarning } from '../events.ts'
import type { Provider } from '../providers/provider.ts'

export interface AudioIOOptions {
  readonly provider: Provider
  /** `microphone`, `none`, or the caller's own stream. */
  readonly input: 'microphone' | 'none' | MediaStream
  readonly microphone?: MediaTrackConstraints
  readonly workletUrls?: { readonly capture?: string | URL; readonly playback?: string | URL }
  readonly chunkMs?: number
  /** The caller's own context, which is then never closed here. */
  readonly audioContext?: AudioContext
  readonly onchunk: (pcm: Int16Array<ArrayBuffer>) => void
  /** The last sample of all that was to be played was heard. */
  readonly ondrain: () => void
  readonly onwarning: (warning: VoiceWarning) => void
  readonly onerror: (error: VoiceError) => void
}

/**
 * The sound of one session: one AudioContext at the device's own rate for both directions, since the echo
 * canceller needs them to share a clock and a browser may refuse a context of another rate.
 */
export class AudioIO {
  readonly microphone: Microphone | null
  readonly speaker: Speaker | null
  readonly #context: AudioContext
  readonly #owned: boolean

  /** Call it before the first `await` of a click's handler: a browser lets sound begin only there. */
  constructor(options: AudioIOOptions) {
    const { provider, input, audioContext, workletUrls, chunkMs, microphone } = options
    const { onchunk, ondrain, onwarning, onerror } = options
    this.#owned = audioContext === undefined
    this.#context = audioContext ?? new AudioContext({ latencyHint: 'interactive' })
    this.#context.addEventListener('statechange', this.#resume)
    this.#resume()
    this.microphone =
      input === 'none'
        ? null
        : new Microphone({
            context: this.#context,
            sampleRate: provider.inputFormat.sampleRate,
            onchunk,
            onwarning,
            onend: onerror,
            ...(chunkMs !== undefined && { chunkMs }),
            ...(input !== 'microphone' && { stream: input }),
            ...(microphone && { constraints: microphone }),
            ...(workletUrls?.capture && { workletUrl: workletUrls.capture }),
          })
    this.speaker = provider.outputFormat
      ? new Speaker({
          context: this.#context,
          format: provider.outputFormat,
          ondrain,
          onwarning,
          onerror,
          ...(workletUrls?.playback && { workletUrl: workletUrls.playback }),
        })
      : null
  }

  /**
   * Asks for the microphone and loads the worklets.
   *
   * @throws {VoiceError} With phase `microphone` or `audio`.
   * @throws The signal's reason.
   */
  async open(signal: AbortSignal): Promise<void> {
    await Promise.all([this.microphone?.open({ signal }), this.speaker?.open()])
    signal.throwIfAborted()
    this.#resume()
  }

  /** Turns the microphone off and frees everything; safe at any time, also during `open`. */
  async close(): Promise<void> {
    this.#context.removeEventListener('statechange', this.#resume)
    this.microphone?.close()
    this.speaker?.close()
    if (this.#owned && this.#context.state !== 'closed') await this.#context.close()
  }

  /** Outside a gesture the promise may stay pending until there is one, so nobody waits for it. */
  #resume = (): void => {
    if (this.#context.state !== 'suspended') return
    this.#context.resume().catch(() => {
      // The context was closed meanwhile.
    })
  }
}
