import { isFirefox } from '../util/firefox.ts'

/** Time constant of a change in volume: no step to be heard, no wait either. */
const VOLUME_SECONDS = 0.015
/** −12 dB: speech that is still understood, and no longer covers who speaks against it. */
export const DUCKED_GAIN = 10 ** (-12 / 20)
/** Time constants of ducking: 95 % of the way in 30 ms, as somebody speaks, and in 200 ms once they may have stopped. */
const DUCK_SECONDS = 0.01
const UNDUCK_SECONDS = 0.065
/**
 * In Firefox a change begins so much later. Where one begins before the audio thread hears of it, it leaves out what
 * would be over by then, which is a step.
 */
const FIREFOX_LEAD_SECONDS = 0.03

/** The way from what is played to the context's destination: volume, ducking, and a stream for those who record. */
export class SpeakerOutput {
  readonly #context: AudioContext
  readonly #volumeGain: GainNode
  readonly #duckGain: GainNode
  #closed = false
  #tap: MediaStreamAudioDestinationNode | null = null
  #volume = 1
  #ducked = false

  constructor(context: AudioContext) {
    this.#context = context
    this.#volumeGain = context.createGain()
    this.#duckGain = context.createGain()
    this.#volumeGain.connect(this.#duckGain).connect(context.destination)
  }

  /** Where sound goes in. */
  get input(): AudioNode {
    return this.#volumeGain
  }

  /** Where it comes out, on its way to the destination. */
  get node(): AudioNode {
    return this.#duckGain
  }

  /** The same stream at every access. */
  get stream(): MediaStream {
    if (!this.#tap) {
      this.#tap = this.#context.createMediaStreamDestination()
      if (!this.#closed) this.#duckGain.connect(this.#tap)
    }
    return this.#tap.stream
  }

  get volume(): number {
    return this.#volume
  }

  /** @throws {RangeError} If not in 0…1. */
  set volume(volume: number) {
    if (!(volume >= 0 && volume <= 1)) {
      throw new RangeError(`Cannot set volume as it must be in 0…1: current value is ${volume}`)
    }
    this.#volume = volume
    this.#volumeGain.gain.setTargetAtTime(volume, this.#soon, VOLUME_SECONDS)
  }

  get ducked(): boolean {
    return this.#ducked
  }

  set ducked(ducked: boolean) {
    if (ducked === this.#ducked) return
    this.#ducked = ducked
    if (ducked) this.#duckGain.gain.setTargetAtTime(DUCKED_GAIN, this.#soon, DUCK_SECONDS)
    else this.#duckGain.gain.setTargetAtTime(1, this.#soon, UNDUCK_SECONDS)
  }

  get #soon(): number {
    return this.#context.currentTime + (isFirefox() ? FIREFOX_LEAD_SECONDS : 0)
  }

  /** Lets go of the destination; what is connected to `node` besides gets silence. */
  close(): void {
    this.#closed = true
    this.#volumeGain.disconnect()
    this.#duckGain.disconnect()
  }
}
