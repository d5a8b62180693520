import { CaptureChunker } from '../capture-chunker.ts'
import type { CaptureCommand, CaptureOptions } from '../worklet-messages.ts'

/** How many samples pass while there is no channel. @see https://www.w3.org/TR/webaudio/#render-quantum */
const RENDER_QUANTUM = 128

/** Sends what it hears as chunks of 16-bit samples, in buffers that the page returns, until it is told to close. */
class CaptureProcessor extends AudioWorkletProcessor {
  readonly #chunker: CaptureChunker
  /** One for all chunks, as what is posted is copied. */
  readonly #message = { samples: new ArrayBuffer(0), energy: 0, time: 0 }
  readonly #transfer = [this.#message.samples]
  #closed = false

  constructor({ processorOptions }: { processorOptions: CaptureOptions }) {
    super()
    this.#chunker = new CaptureChunker({
      inputRate: sampleRate,
      outputRate: processorOptions.sampleRate,
      chunkMs: processorOptions.chunkMs,
      deliver: ({ buffer }, energy) => this.#send(buffer, energy),
    })
    this.port.onmessage = ({ data }: MessageEvent<CaptureCommand>) => this.#obey(data)
  }

  process(inputs: Float32Array[][]): boolean {
    if (this.#closed) return false
    const channels = inputs[0]!
    this.#chunker.push(channels, channels.length > 0 ? channels[0]!.length : RENDER_QUANTUM)
    return true
  }

  #send(samples: ArrayBuffer, energy: number): void {
    this.#message.samples = this.#transfer[0] = samples
    this.#message.energy = energy
    this.#message.time = currentTime
    this.port.postMessage(this.#message, this.#transfer)
  }

  #obey(command: CaptureCommand): void {
    switch (command.type) {
      case 'recycle':
        this.#chunker.recycle(command.samples)
        break
      case 'close':
        this.#closed = true
        this.port.close()
    }
  }
}

registerProcessor('voicewire-capture', CaptureProcessor)
