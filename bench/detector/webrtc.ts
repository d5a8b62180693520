import openModule from '@echogarden/fvad-wasm'

/** The module's C functions. @see https://github.com/dpirch/libfvad */
interface Module {
  readonly HEAP16: Int16Array
  _malloc(bytes: number): number
  _fvad_new(): number
  _fvad_set_mode(instance: number, mode: number): number
  _fvad_set_sample_rate(instance: number, rate: number): number
  _fvad_process(instance: number, samples: number, length: number): number
}

/** @returns WebRTC's voice activity detector, at 16 kHz and the third of four degrees of strictness. */
export async function openWebRTC() {
  const module = (await openModule()) as Module
  const memory = module._malloc(2 * 480)
  return {
    name: 'WebRTC, WASM',
    open: () => {
      const instance = module._fvad_new()
      module._fvad_set_mode(instance, 2)
      module._fvad_set_sample_rate(instance, 16_000)
      return (chunk: Int16Array<ArrayBuffer>): boolean => {
        module.HEAP16.set(chunk, memory / 2)
        return module._fvad_process(instance, memory, chunk.length) === 1
      }
    },
  }
}
