// Loaded in place of the capture worklet: lets the real one run, and reports what it was given.
const register = globalThis.registerProcessor

/** Quanta of 128 samples in one report. */
const BATCH = 32

globalThis.registerProcessor = (name, Processor) => {
  if (name !== 'voicewire-capture') {
    register(name, Processor)
    return
  }
  register(
    name,
    class extends Processor {
      #quanta = []

      process(inputs, outputs, parameters) {
        this.#quanta.push((inputs[0] ?? []).map((channel) => channel.slice()))
        if (this.#quanta.length === BATCH) {
          this.port.postMessage({ tap: this.#quanta })
          this.#quanta = []
        }
        return super.process(inputs, outputs, parameters)
      }
    },
  )
}
