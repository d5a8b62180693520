/**
 * Loaded before the capture worklet, in the same global scope.
 *
 * - Each message of 'voicewire-capture' is stamped with the time at which it was sent.
 * - 'bench-tap' hands on what 'voicewire-capture' was given, or, with an input of its own, what it is given itself.
 * - 'bench-quanta' is what a simple worklet does: it posts every render quantum.
 */
const register = globalThis.registerProcessor

/** Quanta in one message of the tap, so that it disturbs little. */
const BATCH = 64

let given = []
let taps = false

function keep(channel) {
  given.push({ frame: currentFrame, samples: channel?.slice() ?? new Float32Array(128) })
}

globalThis.registerProcessor = (name, Processor) =>
  register(
    name,
    class extends Processor {
      constructor(options) {
        super(options)
        const { port } = this
        const post = port.postMessage.bind(port)
        port.postMessage = (message, transfer) => {
          message.at = Date.now()
          post(message, transfer)
        }
      }

      process(inputs, outputs) {
        if (taps) keep(inputs[0][0])
        return super.process(inputs, outputs)
      }
    },
  )

register(
  'bench-tap',
  class extends AudioWorkletProcessor {
    constructor(options) {
      super(options)
      taps = options.numberOfInputs === 0
    }

    process(inputs) {
      if (inputs.length > 0) keep(inputs[0][0])
      if (given.length < BATCH) return true
      const samples = new Float32Array(given.length * 128)
      given.forEach((quantum, i) => {
        samples.set(quantum.samples, i * 128)
      })
      this.port.postMessage({ frames: given.map(({ frame }) => frame), samples }, [samples.buffer])
      given = []
      return true
    }
  },
)

register(
  'bench-quanta',
  class extends AudioWorkletProcessor {
    process([[input]]) {
      if (input) this.port.postMessage({ at: Date.now(), samples: input })
      return true
    }
  },
)
