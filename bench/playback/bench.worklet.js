/** Samples gathered before they are handed over: as a rule about 10 ms, so that the page has little to do. */
const BATCH = 512

/**
 * Hands on what it is given, with the number of its first sample in the context's time. A quantum that the browser
 * renders for nobody is left out.
 */
class Recorder extends AudioWorkletProcessor {
  #samples = new Float32Array(BATCH)
  #length = 0
  #frame = null

  process([[input]]) {
    this.#frame ??= currentFrame
    if (input) this.#samples.set(input, this.#length)
    this.#length += 128
    if (this.#length === BATCH) {
      this.port.postMessage({ frame: this.#frame, samples: this.#samples }, [this.#samples.buffer])
      this.#samples = new Float32Array(BATCH)
      this.#frame += BATCH
      this.#length = 0
    }
    return true
  }
}

/**
 * A ring as it is commonly written: sound starts a fixed time after its first chunk, doubles its rate by linear
 * interpolation, stops where the ring is empty and goes on when it is not; a cut empties it at once.
 */
class Ring extends AudioWorkletProcessor {
  #samples = []
  #at = 0
  #last = 0
  #startFrame = null
  #preroll

  constructor({ processorOptions }) {
    super()
    this.#preroll = processorOptions.preroll * sampleRate
    this.port.onmessage = ({ data }) => {
      if (data === 'clear') this.#reset()
      else {
        this.#startFrame ??= currentFrame + this.#preroll
        for (const sample of data) this.#samples.push(sample)
      }
    }
  }

  #reset() {
    this.#samples = []
    this.#at = this.#last = 0
    this.#startFrame = null
  }

  process(_inputs, [[output]]) {
    if (this.#startFrame === null || currentFrame < this.#startFrame) return true
    for (let i = 0; i < 128; i += 2) {
      if (this.#at === this.#samples.length) break
      const next = this.#samples[this.#at++]
      output[i] = (this.#last + next) / 2
      output[i + 1] = next
      this.#last = next
    }
    return true
  }
}

registerProcessor('bench-recorder', Recorder)
registerProcessor('bench-ring', Ring)
