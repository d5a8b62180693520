import type { VoiceError } from '../errors.ts'
import { workletFailed } from './audio-error.ts'
import type { CaptureCommand, CaptureMessage, CaptureOptions } from './worklet-messages.ts'

export interface CaptureNodeOptions extends CaptureOptions {
  /** Where the sound comes from, at the context's own rate. */
  source: AudioNode
  /** Takes each chunk, for the length of the call. */
  onchunk: (chunk: Int16Array<ArrayBuffer>, message: CaptureMessage) => void
  /** The worklet failed and was made anew; less than a chunk is lost. */
  onrestart: () => void
  /** The worklet failed for good, with `audio-failed`: close it. */
  onfail: (error: VoiceError) => void
}

/** A new worklet that fails as soon as this will fail again, in seconds of the context's time. */
const HOPELESS_SECONDS = 1

/** The capture worklet as the page sees it: gives each buffer back, and survives one failure of the processor. */
export class CaptureNode {
  readonly #options: CaptureNodeOptions
  #node: AudioWorkletNode
  #restartedAt = Number.NEGATIVE_INFINITY

  /** Needs a context into which the worklet was loaded. */
  constructor(options: CaptureNodeOptions) {
    this.#options = options
    this.#node = this.#connect()
  }

  /** Ends the processor; nothing is delivered afterwards. */
  close(): void {
    this.#options.source.disconnect(this.#node)
    this.#send({ type: 'close' })
    this.#node.port.onmessage = this.#node.onprocessorerror = null
  }

  #connect(): AudioWorkletNode {
    const { source, sampleRate, chunkMs } = this.#options
    const node = new AudioWorkletNode(source.context, 'voicewire-capture', {
      numberOfOutputs: 0,
      processorOptions: { sampleRate, chunkMs } satisfies CaptureOptions,
    })
    node.port.onmessage = ({ data }: MessageEvent<CaptureMessage>) => this.#deliver(data)
    node.onprocessorerror = (cause) => this.#restart(cause)
    source.connect(node)
    return node
  }

  #deliver(message: CaptureMessage): void {
    const { samples } = message
    this.#options.onchunk(new Int16Array(samples), message)
    // Whoever took the buffer for good has emptied it here.
    if (samples.byteLength > 0) this.#send({ type: 'recycle', samples }, [samples])
  }

  #restart(cause: Event): void {
    const { source, onrestart, onfail } = this.#options
    const { currentTime } = source.context
    if (currentTime - this.#restartedAt < HOPELESS_SECONDS) {
      onfail(workletFailed(cause))
      return
    }
    this.close()
    this.#restartedAt = currentTime
    this.#node = this.#connect()
    onrestart()
  }

  #send(command: CaptureCommand, transfer: Transferable[] = []): void {
    this.#node.port.postMessage(command, transfer)
  }
}
