/**
 * Loaded before the worklets under test, in the same global scope, to see what they are given.
 *
 * - Every processor answers `{ type: 'ping' }` with `{ type: 'pong' }`: messages sent before were obeyed.
 * - On `{ type: 'fail' }` its next call fails.
 * - What 'voicewire-capture' was given is kept; a 'test-tap' node hands it on.
 * - A 'test-recorder' node hands on what it is given, and passes it through.
 */
const register = globalThis.registerProcessor
const captured = []

globalThis.registerProcessor = (name, Processor) => {
  class Observed extends Processor {
    #fails = false

    constructor(options) {
      super(options)
      const obey = this.port.onmessage
      this.port.onmessage = (event) => {
        if (event.data.type === 'ping') this.port.postMessage({ type: 'pong' })
        else if (event.data.type === 'fail') this.#fails = true
        else obey?.(event)
      }
    }

    process(inputs, outputs) {
      if (this.#fails) throw new Error('asked to fail')
      if (name === 'voicewire-capture') captured.push(inputs[0][0]?.slice() ?? new Float32Array(128))
      return super.process(inputs, outputs)
    }
  }
  register(name, Observed)
}

register(
  'test-tap',
  class extends AudioWorkletProcessor {
    process() {
      for (const samples of captured.splice(0)) this.port.postMessage(samples)
      return true
    }
  },
)

globalThis.registerProcessor(
  'test-recorder',
  class extends AudioWorkletProcessor {
    process([[input]], [[output]]) {
      const samples = input?.slice() ?? new Float32Array(128)
      output.set(samples)
      this.port.postMessage(samples)
      return true
    }
  },
)
