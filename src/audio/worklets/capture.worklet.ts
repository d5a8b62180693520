import { CaptureChunker } from '../capture-chunker.ts'
import type { CaptureMessage, CaptureOptions } from '../worklet-messages.ts'

/** How many samples pass while there is no channel. @see https://www.w3.org/TR/webaudio/#render-quantum */
const RENDER_QUANTUM = 128

/** Sends what it hears as chunks of 16-bit samples, until it is told to close: the only message there is. */
class CaptureProcessor extends AudioWorkletProcessor {
  readonly #chunker: CaptureChunker
  #closed = false

  constructor({ processorOptions }: { processorOptions: CaptureOptions }) {
    super()
    this.#chunker = new CaptureChunker({
      inputRate: sampleRate,
      outputRate: processorOptions.sampleRate,
      chunkMs: processorOptions.chunkMs,
      deliver: ({ buffer }, level) => this.#send({ samples: buffer, level }),
    })
    this.port.onmessage = () => {
      this.#closed = true
      this.port.close()
    }
  }

  process([channels = []]: Float32Array[][]): boolean {
    if (this.#closed) return false
    this.#chunker.push(channels, channels[0]?.length ?? RENDER_QUANTUM)
    return true
  }

  #send(message: CaptureMessage): void {
    this.port.postMessage(message, [message.samples])
  }
}

registerProcessor('voicewire-capture', CaptureProcessor)
