import { VoiceError, type VoiceErrorCode } from '../errors.ts'
import type { VoiceWarning } from '../events.ts'

/** Not in every browser. @see https://www.w3.org/TR/webaudio-1.1/#dom-audiocontext-setsinkid */
interface SinkContext {
  readonly sinkId?: string | object
  setSinkId?(id: string): Promise<void>
}

/** The device that a context plays through. */
export class OutputDevice {
  readonly #context: AudioContext & SinkContext
  readonly #onwarning: (warning: VoiceWarning) => void
  readonly #abort = new AbortController()

  /** @param onchange Called when another device has taken over. */
  constructor(context: AudioContext, onwarning: (warning: VoiceWarning) => void, onchange: () => void) {
    this.#context = context
    this.#onwarning = onwarning
    const { signal } = this.#abort
    context.addEventListener('sinkchange', onchange, { signal })
    context.addEventListener('error', () => void this.#lost(), { signal })
  }

  /** The id of the device; empty for the system's own choice. */
  get id(): string {
    const { sinkId } = this.#context
    return typeof sinkId === 'string' ? sinkId : ''
  }

  /**
   * @param id A `deviceId` of `enumerateDevices`; empty for the system's own choice.
   * @throws {VoiceError} `output-device-unsupported`, `output-device-not-found`, `output-device-denied`; the
   * device stays as it was.
   */
  async set(id: string): Promise<void> {
    if (id === this.id) return
    if (!this.#context.setSinkId) {
      throw new VoiceError('output-device-unsupported', 'Cannot choose an output device in this browser')
    }
    try {
      await this.#context.setSinkId(id)
    } catch (cause) {
      const { name } = cause as DOMException
      throw new VoiceError(codeOf(name), `Cannot play through this output device: ${name}`, { cause })
    }
  }

  close(): void {
    this.#abort.abort()
  }

  /** A device that was unplugged: the system's own choice is better than silence. */
  async #lost(): Promise<void> {
    if (this.id === '') return
    this.#onwarning({
      code: 'output-device-replaced',
      message: 'The output device went away: the system chooses another one',
      hint: 'Nothing needs doing, or choose another device',
    })
    await this.set('').catch((cause: VoiceError) => this.#onwarning(cause))
  }
}

function codeOf(name: string): VoiceErrorCode {
  return name === 'NotAllowedError' ? 'output-device-denied' : 'output-device-not-found'
}
