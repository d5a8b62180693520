import type { DeviceChange } from '../events.ts'
import type { AudioEngine, SoundSettings } from './audio-engine.ts'
import { AudioIO, type AudioIOOptions } from './audio-io.ts'
import type { SessionStats } from './options.ts'

type SoundStats = Omit<SessionStats, 'bytesSent' | 'bytesReceived' | 'droppedMs' | 'connect' | 'usage'>

/** What a page sets and reads of a session's sound, whether a conversation is going on or not. */
export class Sound {
  readonly #settings: SoundSettings
  #io: AudioIO | null = null

  /** @param halfDuplex Its value until it is set. */
  constructor(halfDuplex = false) {
    this.#settings = {
      muted: false,
      released: false,
      volume: 1,
      halfDuplex,
      inputDevice: null,
      outputDevice: '',
    }
  }

  /** Makes the sound of a new run; as `AudioIO` itself, in a gesture. */
  begin(options: Omit<AudioIOOptions, 'settings'>): AudioIO {
    this.#io = new AudioIO({ ...options, settings: this.#settings })
    return this.#io
  }

  get muted(): boolean {
    return this.#engine?.microphone?.muted ?? this.#settings.muted
  }

  set muted(muted: boolean) {
    this.#settings.muted = muted
    if (!muted) this.#settings.released = false
    const microphone = this.#engine?.microphone
    if (microphone) microphone.muted = muted
  }

  get volume(): number {
    return this.#settings.volume
  }

  set volume(volume: number) {
    if (!(volume >= 0 && volume <= 1)) {
      throw new RangeError(`Cannot set volume as it must be a number from 0 to 1: current value is ${volume}`)
    }
    this.#settings.volume = volume
    const speaker = this.#engine?.speaker
    if (speaker) speaker.volume = volume
  }

  get halfDuplex(): boolean {
    return this.#settings.halfDuplex
  }

  set halfDuplex(halfDuplex: boolean) {
    this.#settings.halfDuplex = halfDuplex
  }

  get speaking(): boolean {
    return this.#engine?.speaking ?? false
  }

  get inputStream(): MediaStream | null {
    return this.#engine?.microphone?.stream ?? null
  }

  get outputStream(): MediaStream | null {
    return this.#engine?.speaker?.stream ?? null
  }

  get devices(): DeviceChange {
    return { input: this.stats.microphone, output: this.#settings.outputDevice }
  }

  get stats(): SoundStats {
    const { microphone, speaker } = this.#engine ?? {}
    const { bufferedMs = 0, delayMs = 0, underruns = 0, gapMs = 0 } = speaker ?? {}
    return {
      inputLevel: microphone?.level ?? 0,
      outputLevel: speaker?.level ?? 0,
      bufferedMs,
      delayMs,
      underruns,
      gapMs,
      microphone: microphone?.settings ?? null,
    }
  }

  async setInputDevice(device: string | MediaStream | null): Promise<void> {
    await this.#engine?.microphone?.setDevice(device)
    this.#settings.inputDevice = device
    this.#settings.released = false
  }

  async setOutputDevice(id: string): Promise<void> {
    await this.#engine?.setOutputDevice(id)
    this.#settings.outputDevice = id
  }

  releaseMicrophone(): void {
    this.#settings.muted = this.#settings.released = true
    this.#engine?.microphone?.release()
  }

  /** Null while it is not loaded. */
  get #engine(): AudioEngine | null {
    return this.#io?.engine ?? null
  }
}
