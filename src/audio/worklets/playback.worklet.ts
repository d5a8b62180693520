import { ChunkDecoder } from '../chunk-decoder.ts'
import { PlaybackQueue } from '../playback-queue.ts'
import type { PlaybackCommand, PlaybackOptions } from '../worklet-messages.ts'

/** Plays what it is sent, and tells how much of it was rendered. */
class PlaybackProcessor extends AudioWorkletProcessor {
  readonly #decoder: ChunkDecoder
  readonly #queue: PlaybackQueue
  #closed = false

  constructor({ processorOptions }: { processorOptions: PlaybackOptions }) {
    super()
    this.#decoder = new ChunkDecoder(processorOptions.encoding)
    this.#queue = new PlaybackQueue({
      inputRate: processorOptions.sampleRate,
      outputRate: sampleRate,
      jitterBuffer: processorOptions.jitterBuffer,
      now: () => currentTime,
      report: (message) => this.port.postMessage(message),
    })
    this.port.onmessage = ({ data }: MessageEvent<PlaybackCommand>) => this.#obey(data)
  }

  process(_inputs: Float32Array[][], [channels]: Float32Array[][]): boolean {
    if (this.#closed) return false
    this.#queue.render(channels![0]!)
    return true
  }

  #obey(command: PlaybackCommand): void {
    switch (command.type) {
      case 'play':
        this.#play(command.itemId, new Uint8Array(command.data))
        break
      case 'end':
        this.#queue.end(command.itemId)
        break
      case 'clear':
        this.#decoder.reset()
        this.#queue.clear(command.id)
        break
      case 'close':
        this.#closed = true
        this.port.close()
    }
  }

  #play(itemId: string, data: Uint8Array<ArrayBuffer>): void {
    const samples = this.#decoder.decode(itemId, data)
    if (samples.length > 0) this.#queue.play(itemId, samples)
  }
}

registerProcessor('voicewire-playback', PlaybackProcessor)
