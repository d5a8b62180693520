import { VoiceError } from '../errors.ts'
import type { VoiceWarning } from '../events.ts'
import type { MicrophoneSettings } from './audio-format.ts'
import { CaptureNode } from './capture-node.ts'
import type { InputDevice } from './input-device.ts'
import { type InputChoice, InputSwitch } from './input-switch.ts'
import { levelOf } from './level.ts'
import { loadWorklet } from './load-worklet.ts'
import { asWarning, RESTARTED, SILENT } from './microphone-warning.ts'
import { mediaDevices, untilAborted } from './request-microphone.ts'
import type { CaptureMessage } from './worklet-messages.ts'
import { captureWorklet } from './worklet-source.ts'

export interface MicrophoneOptions {
  /** Runs at the device's own rate: one that was asked for is resampled badly, and refused by Firefox. */
  context: AudioContext
  /** The rate of the chunks, in Hz. */
  sampleRate: number
  /** Length of a chunk, in ms: 10…100; default 20. */
  chunkMs?: number
  /** Added to `{ channelCount: { ideal: 1 } }` with echo cancellation, noise suppression and gain control on. */
  constraints?: MediaTrackConstraints
  /** Sound to use instead of a device; its tracks stay the caller's. */
  stream?: MediaStream
  /** Where the capture worklet lies, instead of beside the package. */
  workletUrl?: string | URL
  /**
   * Takes each chunk: 16-bit samples of one channel. The array is used again: what is needed after the call must
   * be copied.
   */
  onchunk: (chunk: Int16Array<ArrayBuffer>) => void
  /** Takes the level of each chunk, 0…1, and when it ended, in the context's time in s. */
  onlevel?: (level: number, time: number) => void
  /**
   * Takes what does not end the sound: `microphone-replaced`, `microphone-ended` and `microphone-denied` (silence
   * goes on), `microphone-muted` (by the system), `microphone-silent`, `capture-restarted`, and whatever
   * `muted = false` may fail with.
   */
  onwarning?: (warning: VoiceWarning) => void
  /** Called when `stream`, `settings` or, after `release`, `muted` has changed, or the system unmutes. */
  onchange?: () => void
  /** Called once if sound stops coming, with `audio-failed`; not after `close`. */
  onend: (error: VoiceError) => void
}

/** So long a working microphone is never exactly 0, in seconds. */
const SILENT_SECONDS = 5

/** A microphone, or a stream in its place, as 16-bit chunks that never stop: where there is no sound, silence. */
export class Microphone {
  /** Carries what is captured, whatever device it comes from, before it is made mono; silent while muted. */
  readonly output: AudioNode
  readonly #options: MicrophoneOptions
  readonly #closing = new AbortController()
  readonly #input: InputSwitch
  #capture: CaptureNode | null = null
  #opening: Promise<void> | null = null
  #setting: AbortController | null = null
  #muted = false
  /** Whether the next device is to be heard although `muted` is still true. */
  #unmuting = false
  #level = 0
  /** Samples of exact silence in a row, and the device for which that was told. */
  #zeros = 0
  #silent: InputDevice | null = null

  /** @throws {RangeError} If `chunkMs` is not in 10…100. */
  constructor(options: MicrophoneOptions) {
    const { context, chunkMs = 20, stream, constraints = {} } = options
    if (!(chunkMs >= 10 && chunkMs <= 100)) {
      throw new RangeError(`Cannot capture as chunkMs must be in 10…100: current value is ${chunkMs}`)
    }
    this.#options = options
    this.output = context.createGain()
    this.#input = new InputSwitch({
      output: this.output,
      choice: stream ?? constraints,
      fallback: this.#anyDevice,
      onwarning: (warning) => options.onwarning?.(warning),
      onchange: () => this.#changed(),
    })
  }

  /** What is listened to; null where there is nothing. */
  get stream(): MediaStream | null {
    return this.#input.device?.stream ?? null
  }

  /** What was really granted; null where there is no device or stream. */
  get settings(): MicrophoneSettings | null {
    return this.#input.device?.settings ?? null
  }

  /** The level of the last chunk: 0 at −60 dB and below, 1 at full scale. */
  get level(): number {
    return this.#level
  }

  /**
   * Whether chunks hold silence. They go on coming, so that the line stays alive; a device of our own is disabled.
   * After `release`, `false` asks for the device as `unmute` does: it stays `true` until that is on, and a failure
   * is told by `onwarning`.
   */
  get muted(): boolean {
    return this.#muted
  }

  set muted(muted: boolean) {
    if (!muted) this.unmute().catch((error: unknown) => this.#warn(error))
    else if (this.#unmuting) this.release()
    else this.#setMuted(true)
  }

  /**
   * Asks for permission and begins to deliver, once the context runs. Once only: a closed one stays closed.
   *
   * @throws {VoiceError} `insecure-context`, `microphone-…`, `audio-unsupported`, `worklet-blocked`.
   * @throws The signal's reason, or an `AbortError` after `close`, at once; a device granted later is let go.
   */
  open({ signal }: { signal?: AbortSignal } = {}): Promise<void> {
    const { signal: closing } = this.#closing
    this.#opening ??= this.#open(signal ? AbortSignal.any([signal, closing]) : closing)
    return this.#opening
  }

  /**
   * Changes to another device while chunks go on. The last call wins. While muted the device is held, and silent.
   *
   * @param device A `deviceId`; a stream, whose tracks stay the caller's; null or `''` for the default device.
   * @throws {VoiceError} `microphone-…`; the device before is still on then.
   * @throws {TypeError} For a stream without sound.
   * @throws An `AbortError` when another call, `release` or `close` comes in between; an `InvalidStateError`
   * before `open`.
   */
  async setDevice(device: string | MediaStream | null): Promise<void> {
    this.#setting?.abort()
    const setting = new AbortController()
    this.#setting = setting
    await untilAborted(this.#opened(), AbortSignal.any([setting.signal, this.#closing.signal]))
    await this.#choose(this.#choice(device))
  }

  /**
   * Lets sound through again, and asks for the device where it was let go of.
   *
   * @throws As `setDevice`; it stays muted then.
   */
  async unmute(): Promise<void> {
    if (!this.#input.released) {
      this.#setMuted(false)
      return
    }
    this.#unmuting = true
    await untilAborted(this.#opened(), this.#closing.signal)
    await this.#choose()
  }

  /**
   * Mutes and lets go of the device: its light goes out. Silence goes on. A caller's stream is left as it is.
   *
   * @throws An `InvalidStateError` before `open`.
   */
  release(): void {
    void this.#opened()
    this.#setting?.abort()
    this.#unmuting = false
    this.#setMuted(true)
    this.#input.release()
    this.#changed()
  }

  /** Lets go of everything: our own tracks are stopped, a caller's stream is left as it was. Idempotent. */
  close(): void {
    this.#closing.abort()
    this.#input.close()
    this.#capture?.close()
    this.#capture = null
    this.output.disconnect()
    this.#level = 0
  }

  async #open(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    const { context, stream, workletUrl } = this.#options
    if (!stream) mediaDevices()
    await untilAborted(loadWorklet(context, captureWorklet, workletUrl), signal)
    try {
      await this.#input.open(signal)
      signal.throwIfAborted()
      this.#capture = this.#createCapture()
    } catch (error) {
      this.close()
      throw error
    }
  }

  #createCapture(): CaptureNode {
    const { sampleRate, chunkMs = 20, onwarning, onend } = this.#options
    return new CaptureNode({
      source: this.output,
      sampleRate,
      chunkMs,
      onchunk: (chunk, message) => this.#deliver(chunk, message),
      onrestart: () => onwarning?.(RESTARTED),
      onfail: (error) => {
        this.close()
        onend(error)
      },
    })
  }

  #opened(): Promise<void> {
    if (this.#opening) return this.#opening
    throw new DOMException(
      'Cannot change the microphone as it must be open: current value is closed',
      'InvalidStateError',
    )
  }

  async #choose(choice?: InputChoice): Promise<void> {
    try {
      await this.#input.choose(choice)
    } catch (error) {
      // Where another device was asked for meanwhile, that one is to be heard.
      if (error instanceof VoiceError) this.#unmuting = false
      throw error
    }
  }

  #choice(device: string | MediaStream | null): InputChoice {
    if (device instanceof MediaStream) return device
    return device ? { ...this.#anyDevice, deviceId: { exact: device } } : this.#anyDevice
  }

  get #anyDevice(): MediaTrackConstraints {
    const { deviceId: _, groupId: __, ...constraints } = this.#options.constraints ?? {}
    return constraints
  }

  #changed(): void {
    if (this.#closing.signal.aborted) return
    this.#zeros = 0
    if (this.#unmuting && !this.#input.released) this.#setMuted(false)
    this.#options.onchange?.()
  }

  #setMuted(muted: boolean): void {
    this.#unmuting = false
    if (this.#muted === muted) return
    this.#muted = muted
    this.#input.enabled = !muted
  }

  #deliver(chunk: Int16Array<ArrayBuffer>, { energy, time }: CaptureMessage): void {
    this.#watchSilence(chunk.length, energy)
    // Sound from before the muting may still be under way.
    if (this.#muted) chunk.fill(0)
    this.#level = this.#muted ? 0 : levelOf(energy, chunk.length)
    this.#options.onchunk(chunk)
    this.#options.onlevel?.(this.#level, time)
  }

  #watchSilence(length: number, energy: number): void {
    const { device } = this.#input
    this.#zeros = energy === 0 && device?.audible && !this.#muted ? this.#zeros + length : 0
    if (this.#zeros < SILENT_SECONDS * this.#options.sampleRate || this.#silent === device) return
    this.#silent = device
    this.#options.onwarning?.(SILENT)
  }

  #warn(error: unknown): void {
    if (error instanceof VoiceError) this.#options.onwarning?.(asWarning(error))
  }
}
