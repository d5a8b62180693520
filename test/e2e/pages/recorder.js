// Records the first channel of its input, with the context's frame at which each quantum was rendered.
registerProcessor(
  'recorder',
  class extends AudioWorkletProcessor {
    process([channels]) {
      const [samples] = channels
      if (samples) this.port.postMessage({ frame: globalThis.currentFrame, samples: samples.slice() })
      return true
    }
  },
)
