/** Keeps all that a node gave since the recorder was made, counted in the context's samples. */
export class Recorder {
  readonly #node: AudioWorkletNode
  readonly #batches: { readonly frame: number; readonly samples: Float32Array }[] = []

  constructor(source: AudioNode) {
    this.#node = new AudioWorkletNode(source.context, 'bench-recorder', {
      channelCount: 1,
      channelCountMode: 'explicit',
    })
    this.#node.port.onmessage = ({ data }) => this.#batches.push(data)
    // It gives silence; a node that leads nowhere would not be rendered.
    source.connect(this.#node).connect(source.context.destination)
  }

  /** How far the recording has come, in the context's samples. */
  get end(): number {
    const last = this.#batches.at(-1)
    return last ? last.frame + last.samples.length : 0
  }

  /** Resolves once the recording has come as far as `frame`. */
  async until(frame: number): Promise<void> {
    while (this.end < frame) await new Promise((resolve) => setTimeout(resolve, 10))
  }

  /** @returns The samples from one number to another. */
  slice(from: number, to: number): Float32Array<ArrayBuffer> {
    const samples = new Float32Array(to - from)
    for (const batch of this.#batches) {
      const start = Math.max(from, batch.frame)
      const end = Math.min(to, batch.frame + batch.samples.length)
      if (start < end)
        samples.set(batch.samples.subarray(start - batch.frame, end - batch.frame), start - from)
    }
    return samples
  }

  /** Forgets all up to now. */
  clear(): void {
    this.#batches.length = 0
  }
}

/** Resolves when a context's time has come, or is past. */
export async function reached(context: AudioContext, time: number): Promise<void> {
  while (context.currentTime < time) await new Promise((resolve) => setTimeout(resolve, 2))
}
