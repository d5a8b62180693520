import { VoiceError } from '../errors.ts'
import type { VoiceWarning } from '../events.ts'
import { microphoneEnded } from './audio-error.ts'
import { watchDevices } from './device-watch.ts'
import { InputDevice } from './input-device.ts'
import { asWarning, isRefusal, lost, replaced, SYSTEM_MUTED } from './microphone-warning.ts'
import { requestMicrophone, stopTracks } from './request-microphone.ts'

/** A device, by what is asked of it, or a caller's stream. */
export type InputChoice = MediaTrackConstraints | MediaStream

export interface InputSwitchOptions {
  /** Where the sound of the device that is on goes. */
  output: AudioNode
  /** What is asked for first. */
  choice: InputChoice
  /** What is asked for where a device of our own goes away. */
  fallback: MediaTrackConstraints
  onwarning: (warning: VoiceWarning) => void
  /** Called when another device is on, or none, or the system lets it be heard again; not for the first one. */
  onchange: () => void
}

/** Which device is on: the last that was asked for, one at a time, and another one where that goes away. */
export class InputSwitch {
  readonly #options: InputSwitchOptions
  readonly #closing = new AbortController()
  #choice: InputChoice
  #device: InputDevice | null = null
  #asking: AbortController | null = null
  #leaving: Promise<void> | null = null
  #enabled = true
  #released = false
  /** The last warning that there is no device; null while there is one. */
  #told: VoiceError['code'] | null = null
  /** Whether it was told that the system has muted the device, and whether it was asked for anew since. */
  #toldMuted = false
  #renewed = false

  constructor(options: InputSwitchOptions) {
    this.#options = options
    this.#choice = options.choice
  }

  get device(): InputDevice | null {
    return this.#device
  }

  /** Whether there is no device as nobody wants one. */
  get released(): boolean {
    return this.#released
  }

  /** While false the device is silent. */
  set enabled(enabled: boolean) {
    this.#enabled = enabled
    if (enabled) this.#device?.connect()
    else this.#device?.disconnect()
  }

  /**
   * Opens the first device, unless it is released already, and from then on sees to it that there is one.
   *
   * @throws As `choose`, and the signal's reason.
   */
  async open(signal: AbortSignal): Promise<void> {
    try {
      if (!this.#released) await this.#ask(this.#choice, signal)
    } catch (error) {
      if (signal.aborted || !this.#released) throw error
    }
    watchDevices({
      context: this.#options.output.context,
      signal: this.#closing.signal,
      ondevices: () => void this.#recover(this.#choice),
      onreturn: () => void this.#renew(),
    })
  }

  /**
   * Opens a device, by default what was chosen last, then lets go of the one before.
   *
   * @throws {TypeError} For a stream without sound.
   * @throws {VoiceError} `microphone-…`; the device before is still on then.
   * @throws An `AbortError` when another call, `release` or `close` comes in between; nothing is left on then.
   */
  async choose(choice: InputChoice = this.#choice): Promise<void> {
    this.#toldMuted = this.#renewed = false
    try {
      await this.#ask(choice)
    } catch (error) {
      // It had to make room, or went away meanwhile.
      if (error instanceof VoiceError) void this.#recover(this.#choice)
      this.#tellMuted()
      throw error
    }
    this.#options.onchange()
    await this.#leaving
  }

  /** Lets go of the device until `choose` is called. */
  release(): void {
    this.#released = true
    this.#asking?.abort()
    this.#drop()
  }

  /** Lets go of everything. Idempotent. */
  close(): void {
    this.#closing.abort()
    this.#drop()
  }

  /** The one way to a device: what was asked for before is aborted. */
  async #ask(choice: InputChoice, signal = this.#closing.signal): Promise<void> {
    this.#asking?.abort()
    const asking = new AbortController()
    this.#asking = asking
    try {
      const device = await this.#acquire(
        choice,
        AbortSignal.any([signal, asking.signal, this.#closing.signal]),
      )
      this.#replace(device, choice)
    } finally {
      if (this.#asking === asking) this.#asking = null
    }
  }

  async #acquire(choice: InputChoice, signal: AbortSignal): Promise<InputDevice> {
    try {
      return await this.#openDevice(choice, signal)
    } catch (error) {
      // Some systems have one microphone open at a time, so ours makes room.
      const isInUse = error instanceof VoiceError && error.code === 'microphone-in-use'
      if (!isInUse || !this.#device?.owned) throw error
      this.#drop()
      return this.#openDevice(choice, signal)
    }
  }

  async #openDevice(choice: InputChoice, signal: AbortSignal): Promise<InputDevice> {
    signal.throwIfAborted()
    const owned = !(choice instanceof MediaStream)
    const stream = owned ? await requestMicrophone(choice, signal) : choice
    try {
      signal.throwIfAborted()
      const device: InputDevice = new InputDevice(stream, {
        output: this.#options.output,
        owned,
        onended: () => this.#ended(device),
        onmuted: () => this.#muteChanged(device),
      })
      return device
    } catch (error) {
      if (owned) stopTracks(stream)
      throw error
    }
  }

  #replace(device: InputDevice, choice: InputChoice): void {
    this.#leaving = this.#device?.leave(this.#closing.signal) ?? null
    this.#device = device
    this.#choice = choice
    this.#released = false
    this.#told = null
    this.enabled = this.#enabled
    if (!device.muted) this.#toldMuted = this.#renewed = false
    // What is asked for is on, so whoever asks is no longer asking.
    this.#asking = null
    this.#tellMuted()
  }

  #drop(): void {
    this.#device?.stop()
    this.#device = null
  }

  #ended(device: InputDevice): void {
    if (device !== this.#device) return
    this.#drop()
    // Systems with one microphone at a time end one when the next is opened.
    if (this.#asking) return
    if (device.owned) void this.#recover(null)
    else this.#tellLost(microphoneEnded())
  }

  /**
   * Sees to it that there is a device where there should be one of our own.
   *
   * @param former What to try before the fallback.
   */
  async #recover(former: InputChoice | null): Promise<void> {
    const unwanted = this.#device || this.#released || this.#closing.signal.aborted
    if (unwanted || this.#asking || this.#choice instanceof MediaStream) return
    const { fallback, onwarning, onchange } = this.#options
    try {
      if (!(former && (await this.#succeeds(former)))) {
        await this.#ask(fallback)
        onwarning(replaced(this.#device!.settings.label))
      }
      onchange()
    } catch (error) {
      // Otherwise somebody else asks, or nobody wants it any more.
      if (error instanceof VoiceError) this.#tellLost(lost(error))
    }
  }

  async #succeeds(choice: InputChoice): Promise<boolean> {
    try {
      await this.#ask(choice)
      return true
    } catch (error) {
      if (!(error instanceof VoiceError) || isRefusal(error)) throw error
      return false
    }
  }

  /** iOS may leave a track muted for ever that another program had interrupted. */
  async #renew(): Promise<void> {
    if (!this.#device?.owned || !this.#device.muted || this.#renewed || this.#asking) return
    this.#renewed = true
    try {
      await this.#ask(this.#choice)
      this.#options.onchange()
    } catch (error) {
      if (error instanceof VoiceError) void this.#recover(this.#choice)
    }
  }

  #muteChanged(device: InputDevice): void {
    if (device !== this.#device) return
    if (device.muted) {
      this.#tellMuted()
      return
    }
    this.#toldMuted = this.#renewed = false
    this.#options.onchange()
  }

  #tellMuted(): void {
    // Opening the next microphone may mute this one.
    if (!this.#device?.muted || this.#toldMuted || this.#asking) return
    this.#toldMuted = true
    this.#options.onwarning(SYSTEM_MUTED)
  }

  #tellLost(error: VoiceError): void {
    if (this.#told === error.code) return
    this.#told = error.code
    this.#options.onwarning(asWarning(error))
    this.#options.onchange()
  }
}
