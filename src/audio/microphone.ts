import { VoiceError } from '../errors.ts'
import { insecureContext, workletFailed } from './audio-error.ts'
import { loadWorklet } from './load-worklet.ts'
import { microphoneError } from './microphone-error.ts'
import type { CaptureMessage, CaptureOptions, CloseCommand } from './worklet-messages.ts'

export interface MicrophoneOptions {
  /** Runs at the device's own rate: one that was asked for is resampled badly, and refused by Firefox. */
  context: AudioContext
  /** The rate of the chunks, in Hz. */
  sampleRate: number
  /** Length of a chunk, in ms; default 20. */
  chunkMs?: number
  /** Added to `{ channelCount: { ideal: 1 } }` with echo cancellation, noise suppression and gain control on. */
  constraints?: MediaTrackConstraints
  /** Sound to use instead of a device; its tracks stay the caller's. */
  stream?: MediaStream
  /** Where the capture worklet lies, instead of beside the package. */
  workletUrl?: string | URL
  /** Takes each chunk: 16-bit samples of one channel, in an array of its own. */
  onchunk: (chunk: Int16Array<ArrayBuffer>) => void
  /** Takes the level of each chunk, 0…1. */
  onlevel?: (level: number) => void
  /** Called once if sound stops coming, with `microphone-ended` or `audio-failed`; not after `close`. */
  onend: (error: VoiceError) => void
}

const CONSTRAINTS: MediaTrackConstraints = {
  // `sampleRate` is left alone: a track may claim one rate and deliver another.
  channelCount: { ideal: 1 },
  echoCancellation: true,
  noiseSuppression: true,
  autoGainControl: true,
}

/** One opening of a microphone: a device or a stream, as 16-bit chunks at the rate that is asked for. */
export class Microphone {
  readonly #options: MicrophoneOptions
  readonly #closing = new AbortController()
  #stream: MediaStream | null = null
  #source: MediaStreamAudioSourceNode | null = null
  #node: AudioWorkletNode | null = null
  #opening: Promise<void> | null = null
  #muted = false
  #level = 0

  constructor(options: MicrophoneOptions) {
    this.#options = options
  }

  /** What is listened to; null unless open. */
  get stream(): MediaStream | null {
    return this.#stream
  }

  /** The level of the last chunk: 0 at −60 dB and below, 1 at full scale. */
  get level(): number {
    return this.#level
  }

  /** Whether chunks hold silence. They go on coming, so that the line stays alive; a device of our own is disabled. */
  get muted(): boolean {
    return this.#muted
  }

  set muted(muted: boolean) {
    if (this.#muted === muted) return
    this.#muted = muted
    this.#applyMuted()
  }

  /**
   * Asks for permission and begins to deliver, once the context runs. Once only: a closed one stays closed.
   *
   * @throws {VoiceError} `insecure-context`, `microphone-…`, `audio-unsupported`, `worklet-blocked`.
   * @throws The signal's reason, or an `AbortError` after `close`, at once; a device granted later is let go.
   */
  open({ signal }: { signal?: AbortSignal } = {}): Promise<void> {
    this.#opening ??= this.#open(
      signal ? AbortSignal.any([signal, this.#closing.signal]) : this.#closing.signal,
    )
    return this.#opening
  }

  /** Lets go of everything: our own tracks are stopped, a caller's stream is left as it was. Idempotent. */
  close(): void {
    this.#closing.abort()
    if (!this.#options.stream) stopTracks(this.#stream)
    for (const track of this.#stream?.getTracks() ?? []) track.removeEventListener('ended', this.#fail)
    this.#source?.disconnect()
    this.#node?.port.postMessage({ type: 'close' } satisfies CloseCommand)
    if (this.#node) this.#node.port.onmessage = this.#node.onprocessorerror = null
    this.#stream = this.#source = this.#node = null
    this.#level = 0
  }

  async #open(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    const { context, stream, workletUrl } = this.#options
    const devices = stream ? null : mediaDevices()
    await untilAborted(loadWorklet(context, 'capture', workletUrl), signal)
    this.#stream = stream ?? (await this.#request(devices!, signal))
    try {
      this.#connect(this.#stream)
    } catch (error) {
      this.close()
      throw error
    }
  }

  #request(devices: MediaDevices, signal: AbortSignal): Promise<MediaStream> {
    const request = requestDevice(devices, this.#options.constraints)
    // Nobody waits for a prompt that is answered after the abort: what it grants must not stay on.
    request.then((late) => signal.aborted && stopTracks(late), ignore)
    return untilAborted(request, signal)
  }

  #connect(stream: MediaStream): void {
    const { context, sampleRate, chunkMs = 20 } = this.#options
    const tracks = stream.getAudioTracks()
    if (tracks.length === 0) {
      throw new TypeError('Cannot open the microphone as stream must have an audio track: current value is 0')
    }
    if (tracks.every(({ readyState }) => readyState === 'ended')) throw endedError()
    for (const track of tracks) track.addEventListener('ended', this.#fail)
    this.#source = context.createMediaStreamSource(stream)
    this.#node = new AudioWorkletNode(context, 'voicewire-capture', {
      numberOfOutputs: 0,
      processorOptions: { sampleRate, chunkMs } satisfies CaptureOptions,
    })
    this.#node.port.onmessage = ({ data }: MessageEvent<CaptureMessage>) => this.#deliver(data)
    this.#node.onprocessorerror = this.#fail
    this.#source.connect(this.#node)
    if (this.#muted) this.#applyMuted()
  }

  #deliver({ samples, level }: CaptureMessage): void {
    const chunk = new Int16Array(samples)
    // Sound from before the muting may still be under way.
    if (this.#muted) chunk.fill(0)
    this.#level = this.#muted ? 0 : level
    this.#options.onchunk(chunk)
    this.#options.onlevel?.(this.#level)
  }

  /** The worklet makes silence of an input that is not connected. */
  #applyMuted(): void {
    if (!this.#source || !this.#node) return
    if (this.#muted) this.#source.disconnect()
    else this.#source.connect(this.#node)
    if (this.#options.stream) return
    for (const track of this.#stream?.getAudioTracks() ?? []) track.enabled = !this.#muted
  }

  readonly #fail = (event: Event): void => {
    const error = event.type === 'ended' ? endedError() : workletFailed(event)
    this.close()
    this.#options.onend(error)
  }
}

/** @throws {VoiceError} `insecure-context` if the page may have none. */
function mediaDevices(): MediaDevices {
  // Missing in a page without HTTPS, whatever the types say.
  const devices = navigator.mediaDevices as MediaDevices | undefined
  if (!devices) throw insecureContext('navigator.mediaDevices')
  return devices
}

async function requestDevice(
  devices: MediaDevices,
  constraints?: MediaTrackConstraints,
): Promise<MediaStream> {
  try {
    return await devices.getUserMedia({ audio: { ...CONSTRAINTS, ...constraints } })
  } catch (cause) {
    throw microphoneError(cause)
  }
}

function stopTracks(stream: MediaStream | null): void {
  for (const track of stream?.getTracks() ?? []) track.stop()
}

function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
    if (signal.aborted) abort()
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}

/** A failure that the promise raced against has already told. */
function ignore(): void {}

function endedError(): VoiceError {
  return new VoiceError('microphone-ended', 'The microphone went away')
}
