import type { AudioEncoding } from '../audio/audio-format.ts'
import type { AudioTap, TappedNodes } from '../audio/audio-tap.ts'
import { ContextKeeper } from '../audio/context-keeper.ts'
import { EchoSentinel } from '../audio/echo-sentinel.ts'
import { encodeAlaw, encodeMulaw } from '../audio/g711.ts'
import { Microphone } from '../audio/microphone.ts'
import { OutputDevice } from '../audio/output-device.ts'
import { Speaker, type SpeakerOptions } from '../audio/speaker.ts'
import type { SpeechDetector } from '../audio/speech-detector.ts'
import { VoiceError } from '../errors.ts'
import type { VoiceWarning } from '../events.ts'
import type { Provider } from '../providers/provider.ts'
import { isFirefox } from '../util/firefox.ts'
import type { Chunk } from './audio-backlog.ts'
import { WakeLock } from './wake-lock.ts'

/** What a page may set at any time, before and after `start` too. */
export interface SoundSettings {
  muted: boolean
  /** Whether no device is asked for, until it is unmuted. */
  released: boolean
  volume: number
  halfDuplex: boolean
  /** What to listen to; null for the device that `microphone` or the browser chooses. */
  inputDevice: string | MediaStream | null
  /** The id of a device; empty for the system's own choice. */
  outputDevice: string
}

export interface AudioEngineOptions {
  readonly context: AudioContext
  readonly provider: Provider
  /** `microphone`, `none`, or the caller's own stream. */
  readonly input: 'microphone' | 'none' | MediaStream
  readonly settings: SoundSettings
  readonly microphone?: MediaTrackConstraints
  readonly workletUrls?: { readonly capture?: string | URL; readonly playback?: string | URL }
  readonly chunkMs?: number
  readonly jitterBuffer?: SpeakerOptions['jitterBuffer']
  readonly speechDetector?: SpeechDetector
  readonly ducking?: boolean
  readonly taps?: readonly AudioTap[]
  readonly wakeLock?: boolean
  /**
   * Sound in the provider's format, to be used only during the call; `muted` says that it is the silence of a muted
   * microphone.
   */
  readonly onchunk: (chunk: Chunk, muted: boolean) => void
  /** The first sample after a silence left for the loudspeaker. */
  readonly onsound: () => void
  /** The last sample of all that was to be played was heard. */
  readonly ondrain: () => void
  /** The local detector noticed that the user began or ceased to speak. */
  readonly onspeech: (speaking: boolean) => void
  /** A device, or what it was granted, is another now, or the list of devices is. */
  readonly ondevicechange: () => void
  readonly onwarning: (warning: VoiceWarning) => void
  readonly onerror: (error: VoiceError) => void
}

/** How 16-bit samples become what a provider is sent. */
const ENCODERS: Readonly<Record<AudioEncoding, (chunk: Int16Array<ArrayBuffer>) => Chunk>> = {
  pcm16: (chunk) => chunk,
  mulaw: encodeMulaw,
  alaw: encodeAlaw,
}

/** How long a room goes on sounding when the agent has fallen silent, in ms. */
const ROOM_MS = 200

/** Everything that a session does with sound, loaded when there is some. */
export class AudioEngine {
  readonly microphone: Microphone | null
  readonly speaker: Speaker | null
  readonly #options: AudioEngineOptions
  readonly #keeper: ContextKeeper
  readonly #output: OutputDevice
  readonly #sentinel = new EchoSentinel()
  readonly #encode: (chunk: Int16Array<ArrayBuffer>) => Chunk
  #wakeLock: WakeLock | null = null
  #detecting: boolean
  #speaking = false
  /** When the agent was last to be heard, on the context's clock, in ms. */
  #heardAt = Number.NEGATIVE_INFINITY
  #echoSuspected = false

  constructor(options: AudioEngineOptions) {
    const { context, onwarning, ondevicechange } = options
    this.#options = options
    this.#encode = ENCODERS[options.provider.inputFormat.encoding]
    this.#detecting = options.speechDetector !== undefined
    this.#keeper = new ContextKeeper(context, { onwarning })
    this.#output = new OutputDevice(context, onwarning, ondevicechange)
    this.microphone = this.#createMicrophone()
    this.speaker = this.#createSpeaker()
  }

  /** Whether the local detector hears the user speak. */
  get speaking(): boolean {
    return this.#speaking
  }

  /**
   * Asks for the microphone and loads the worklets.
   *
   * @throws {VoiceError} With phase `microphone` or `audio`.
   * @throws The signal's reason.
   */
  async open(signal: AbortSignal): Promise<void> {
    const { settings, taps = [], wakeLock, context, onwarning, ondevicechange } = this.#options
    const sink = settings.outputDevice ? this.setOutputDevice(settings.outputDevice) : null
    sink?.catch(({ code, message, hint }: VoiceError) => onwarning({ code, message, hint }))
    const opened = [this.microphone?.open({ signal }), this.speaker?.open()]
    if (settings.released) this.microphone?.release()
    await Promise.all(opened)
    signal.throwIfAborted()
    navigator.mediaDevices?.addEventListener('devicechange', ondevicechange)
    if (wakeLock) this.#wakeLock = new WakeLock(onwarning)
    this.#warnOfEcho()
    const nodes: TappedNodes = {
      context,
      input: this.microphone?.output ?? null,
      output: this.speaker?.output ?? null,
    }
    await Promise.all(taps.map((tap) => this.#connect(tap, nodes)))
  }

  /** Plays through another device. @throws {VoiceError} `output-device-…`. */
  setOutputDevice(id: string): Promise<void> {
    return this.#output.set(id)
  }

  /** The user's speech cut the agent off, says the provider: was it the agent's own voice? */
  interrupted(): void {
    if (this.#echoSuspected || this.#options.settings.halfDuplex) return
    if (!this.#sentinel.interrupted()) return
    this.#echoSuspected = true
    this.#options.onwarning({
      code: 'echo-suspected',
      message: 'The agent was cut off by its own voice, which the microphone picks up from the speaker',
      hint: 'Set halfDuplex, or let the user wear headphones',
    })
  }

  /** Turns everything off at once. @returns Resolved when the taps have what they want of the sound. */
  async close(): Promise<void> {
    const { taps = [], speechDetector, ondevicechange } = this.#options
    navigator.mediaDevices?.removeEventListener('devicechange', ondevicechange)
    // Neither is our own code: where it fails, the rest is turned off all the same.
    const reset = async () => speechDetector?.reset()
    const disconnected = Promise.allSettled([...taps.map(async (tap) => tap.disconnect()), reset()])
    this.#detecting = false
    this.#setSpeaking(false)
    this.#wakeLock?.close()
    this.#output.close()
    this.#keeper.close()
    this.microphone?.close()
    this.speaker?.close()
    await disconnected
  }

  #createMicrophone(): Microphone | null {
    const { input, provider, context, settings, chunkMs, workletUrls } = this.#options
    const { onwarning, onerror, ondevicechange } = this.#options
    if (input === 'none') return null
    const chunk = chunkMs ?? provider.chunkMs
    const device = settings.inputDevice ?? (input === 'microphone' ? null : input)
    const microphone = new Microphone({
      context,
      sampleRate: provider.inputFormat.sampleRate,
      onchunk: (chunk) => this.#captured(chunk),
      onlevel: (level, time) => this.#sentinel.input(level, time * 1000),
      onwarning,
      onchange: ondevicechange,
      onend: onerror,
      ...(chunk !== undefined && { chunkMs: chunk }),
      constraints: {
        ...(typeof device === 'string' && { deviceId: device }),
        ...this.#options.microphone,
      },
      ...(device instanceof MediaStream && { stream: device }),
      ...(workletUrls?.capture && { workletUrl: workletUrls.capture }),
    })
    microphone.muted = settings.muted
    return microphone
  }

  #createSpeaker(): Speaker | null {
    const { provider, context, settings, jitterBuffer, workletUrls } = this.#options
    const { onsound, ondrain, onwarning, onerror } = this.#options
    if (!provider.outputFormat) return null
    const speaker = new Speaker({
      context,
      format: provider.outputFormat,
      onstart: onsound,
      ondrain,
      onlevel: (level, time) => this.#sentinel.output(level, time * 1000),
      onwarning,
      onerror,
      ...(jitterBuffer && { jitterBuffer }),
      ...(workletUrls?.playback && { workletUrl: workletUrls.playback }),
    })
    speaker.volume = settings.volume
    return speaker
  }

  /** Whoever listens is not needed for the conversation. */
  async #connect(tap: AudioTap, nodes: TappedNodes): Promise<void> {
    try {
      await tap.connect(nodes)
    } catch (cause) {
      this.#options.onwarning({
        code: 'tap-failed',
        message: `What was given in taps could not listen: ${messageOf(cause)}`,
        hint: cause instanceof VoiceError ? cause.hint : 'Correct what is given in taps',
      })
    }
  }

  #captured(chunk: Int16Array<ArrayBuffer>): void {
    if (this.speaker?.playing) this.#heardAt = this.#now
    if (this.#options.settings.halfDuplex && this.#now - this.#heardAt < ROOM_MS) chunk.fill(0)
    if (this.#detecting) this.#detect(chunk)
    this.#options.onchunk(this.#encode(chunk), this.microphone?.muted ?? false)
  }

  /** A detector is somebody else's code: where it fails, the conversation goes on without it. */
  #detect(chunk: Int16Array): void {
    const fail = (cause: unknown) => this.#stopDetecting(cause)
    try {
      const speaking = this.#options.speechDetector?.process(
        chunk,
        this.#options.provider.inputFormat.sampleRate,
      )
      if (typeof speaking === 'object')
        speaking.then((late) => this.#setSpeaking(late && this.#detecting), fail)
      else this.#setSpeaking(speaking ?? false)
    } catch (cause) {
      fail(cause)
    }
  }

  #stopDetecting(cause: unknown): void {
    if (!this.#detecting) return
    this.#detecting = false
    this.#setSpeaking(false)
    this.#options.onwarning({
      code: 'speech-detector-failed',
      message: `The speech detector failed and is not asked again: ${messageOf(cause)}`,
      hint: 'Correct the detector given as speechDetector',
    })
  }

  #setSpeaking(speaking: boolean): void {
    if (this.#speaking === speaking) return
    this.#speaking = speaking
    if (this.speaker && this.#options.ducking) this.speaker.ducked = speaking
    this.#options.onspeech(speaking)
  }

  #warnOfEcho(): void {
    const { context, onwarning, input, microphone } = this.#options
    if (input !== 'microphone' || !this.speaker || this.#options.settings.halfDuplex) return
    const asked = microphone?.echoCancellation ?? true
    const granted = this.microphone?.settings?.echoCancellation !== false
    // Firefox's canceller takes away nothing of a context at another rate than 48 kHz.
    const deaf = isFirefox() && context.sampleRate !== 48_000
    if (asked !== false && granted && !deaf) return
    onwarning({
      code: 'echo-cancellation-unlikely',
      message: deaf
        ? `Echo is not cancelled in this browser while the device runs at ${context.sampleRate} Hz`
        : 'Echo cancellation is off: from a loudspeaker the agent would hear itself',
      hint: 'Set halfDuplex, let the user wear headphones, or set the device to 48 kHz',
    })
  }

  get #now(): number {
    return this.#options.context.currentTime * 1000
  }
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}
