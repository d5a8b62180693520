import { VoiceError } from '../errors.ts'
import { delay } from '../util/delay.ts'
import { microphoneEnded } from './audio-error.ts'
import type { MicrophoneSettings } from './audio-format.ts'
import { stopTracks } from './request-microphone.ts'

export interface InputDeviceOptions {
  /** Where the sound goes while connected. */
  output: AudioNode
  /** Whether the tracks are ours: to be disabled while muted, and to be stopped. */
  owned: boolean
  /** Called if the track ends by itself. */
  onended: () => void
  /** Called when the system or the device itself mutes or unmutes the track. */
  onmuted: () => void
}

/** The time constant of a fade, in seconds: a click needs less, and a syllable would notice more. */
const FADE_SECONDS = 0.004
/** How long the device before is still heard, in seconds: the first sound of a new one comes 10 ms late or more. */
const OVERLAP_SECONDS = 0.03
/** After this the fade is below −60 dB, in ms. */
const FADED_MS = 60

/** One stream that sound comes from, a device's or a caller's, as a node that fades in and out. */
export class InputDevice {
  readonly stream: MediaStream
  readonly owned: boolean
  readonly #output: AudioNode
  readonly #track: MediaStreamTrack
  readonly #source: AudioNode
  readonly #gain: GainNode
  readonly #stopping = new AbortController()

  /**
   * @throws {TypeError} If the stream has no audio track.
   * @throws {VoiceError} `microphone-ended` if its tracks have ended, `microphone-rate-unsupported`.
   */
  constructor(stream: MediaStream, { output, owned, onended, onmuted }: InputDeviceOptions) {
    this.stream = stream
    this.owned = owned
    this.#output = output
    this.#track = liveTrack(stream)
    this.#source = createSource(output.context as AudioContext, this.#track)
    this.#gain = new GainNode(output.context, { gain: 0 })
    this.#source.connect(this.#gain)
    const { signal } = this.#stopping
    this.#track.addEventListener('ended', onended, { signal })
    this.#track.addEventListener('mute', onmuted, { signal })
    this.#track.addEventListener('unmute', onmuted, { signal })
  }

  /** Whether the system or the device itself, not the page, holds the sound back. */
  get muted(): boolean {
    return this.#track.muted
  }

  /** Whether sound can be expected. */
  get audible(): boolean {
    return this.#track.enabled && !this.#track.muted
  }

  get settings(): MicrophoneSettings {
    const { deviceId, sampleRate, channelCount, ...rest } = this.#track.getSettings()
    const { echoCancellation, noiseSuppression, autoGainControl } = rest
    const told = { deviceId, channelCount, echoCancellation, noiseSuppression, autoGainControl }
    return {
      label: this.#track.label,
      ...Object.fromEntries(Object.entries(told).filter(([, value]) => value !== undefined)),
      // WebKit says 0 where it does not know.
      ...(sampleRate && { sampleRate }),
    }
  }

  /** Fades in; a device of our own is enabled. */
  connect(): void {
    const { gain, context } = this.#gain
    if (this.owned) this.#track.enabled = true
    gain.cancelScheduledValues(0)
    gain.setValueAtTime(0, context.currentTime)
    gain.setTargetAtTime(1, context.currentTime, FADE_SECONDS)
    this.#gain.connect(this.#output)
  }

  /** Falls silent at once; a device of our own is disabled. */
  disconnect(): void {
    if (this.owned) this.#track.enabled = false
    this.#gain.disconnect()
  }

  /** Fades out, then stops; at once when the signal is aborted. */
  async leave(signal: AbortSignal): Promise<void> {
    this.#stopping.abort()
    const { gain, context } = this.#gain
    gain.setTargetAtTime(0, context.currentTime + OVERLAP_SECONDS, FADE_SECONDS)
    await delay(FADED_MS, signal).catch(() => {
      // Nobody hears the fade.
    })
    this.stop()
  }

  /** Lets go: our own tracks are stopped, a caller's stream is left as it was. Idempotent. */
  stop(): void {
    this.#stopping.abort()
    this.#source.disconnect()
    this.#gain.disconnect()
    if (this.owned) stopTracks(this.stream)
  }
}

function liveTrack(stream: MediaStream): MediaStreamTrack {
  const tracks = stream.getAudioTracks()
  if (tracks.length === 0) {
    throw new TypeError('Cannot open the microphone as stream must have an audio track: current value is 0')
  }
  const live = tracks.find(({ readyState }) => readyState === 'live')
  if (!live) throw microphoneEnded()
  return live
}

function createSource(context: AudioContext, track: MediaStreamTrack): MediaStreamAudioSourceNode {
  try {
    // Of a stream with several tracks a browser would choose one.
    return context.createMediaStreamSource(new MediaStream([track]))
  } catch (cause) {
    // Firefox: https://bugzilla.mozilla.org/show_bug.cgi?id=1674892
    if (!(cause instanceof DOMException && cause.name === 'NotSupportedError')) throw cause
    const message = `Cannot use the microphone as its sample rate must be the context's: current value is ${context.sampleRate} Hz`
    throw new VoiceError('microphone-rate-unsupported', message, { cause })
  }
}
