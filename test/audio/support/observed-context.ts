const OBSERVER = new URL('./observe.worklet.js', import.meta.url)

/** Loads the observer into a context. */
export async function observe<T extends BaseAudioContext>(context: T): Promise<T> {
  await context.audioWorklet.addModule(OBSERVER)
  return context
}

/** Samples as they come from an observing node. */
export class Recording {
  readonly quanta: Float32Array[] = []
  readonly #node: AudioWorkletNode
  #waiting: { until: () => boolean; resolve: () => void }[] = []

  constructor(node: AudioWorkletNode) {
    this.#node = node
    node.port.onmessage = ({ data }: MessageEvent<Float32Array>) => {
      this.quanta.push(data)
      for (const { until, resolve } of this.#waiting) if (until()) resolve()
      this.#waiting = this.#waiting.filter(({ until }) => !until())
    }
  }

  get node(): AudioNode {
    return this.#node
  }

  get length(): number {
    return this.quanta.reduce((length, { length: more }) => length + more, 0)
  }

  /** Resolves with the first quantum after which the condition holds. */
  until(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      if (condition()) resolve()
      else this.#waiting.push({ until: condition, resolve })
    })
  }
}

/** @returns What the capture worklet is given, from now on. */
export function tap(context: AudioContext): Recording {
  return new Recording(new AudioWorkletNode(context, 'test-tap', { numberOfInputs: 0 }))
}

/** Puts a recorder where the context's speaker was. */
export function recordDestination(context: AudioContext): Recording {
  const node = new AudioWorkletNode(context, 'test-recorder', {
    outputChannelCount: [1],
    channelCount: 1,
    channelCountMode: 'explicit',
  })
  node.connect(context.destination)
  Object.defineProperty(context, 'destination', { value: node })
  return new Recording(node)
}

/** Resolves when the processor has obeyed every message sent so far. */
export function obeyed(node: AudioWorkletNode): Promise<void> {
  return new Promise((resolve) => {
    const listener = ({ data }: MessageEvent) => {
      if (data.type !== 'pong') return
      node.port.removeEventListener('message', listener)
      resolve()
    }
    node.port.addEventListener('message', listener)
    node.port.start()
    node.port.postMessage({ type: 'ping' })
  })
}

/** @returns The worklet nodes that are made from now on, until `restore`. */
export function watchNodes(): { nodes: AudioWorkletNode[]; restore: () => void } {
  const nodes: AudioWorkletNode[] = []
  const Original = globalThis.AudioWorkletNode
  globalThis.AudioWorkletNode = class extends Original {
    constructor(...args: ConstructorParameters<typeof Original>) {
      super(...args)
      nodes.push(this)
    }
  }
  const restore = () => {
    globalThis.AudioWorkletNode = Original
  }
  return { nodes, restore }
}
