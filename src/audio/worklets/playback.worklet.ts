import { PlaybackQueue } from '../playback-queue.ts'
import type { PlaybackCommand, PlaybackOptions } from '../worklet-messages.ts'

/** Plays what it is sent, and tells how much of it was rendered. */
class PlaybackProcessor extends AudioWorkletProcessor {
  readonly #queue: PlaybackQueue
  #closed = false

  constructor({ processorOptions }: { processorOptions: PlaybackOptions }) {
    super()
    this.#queue = new PlaybackQueue({
      inputRate: processorOptions.sampleRate,
      outputRate: sampleRate,
      prebufferMs: processorOptions.prebufferMs,
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
        this.#queue.play(command.itemId, new Int16Array(command.samples))
        break
      case 'end':
        this.#queue.end(command.itemId)
        break
      case 'clear':
        this.#queue.clear(command.id)
        break
      case 'close':
        this.#closed = true
        this.port.close()
    }
  }
}

registerProcessor('voicewire-playback', PlaybackProcessor)
