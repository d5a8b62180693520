/** What is used of a package that comes without types. */
declare module '@echogarden/speex-resampler-wasm/simd' {
  interface SpeexModule {
    readonly HEAPF32: Float32Array
    readonly HEAP32: Int32Array
    _malloc(bytes: number): number
    _speex_resampler_init(
      channels: number,
      inputRate: number,
      outputRate: number,
      quality: number,
      error: number,
    ): number
    _speex_resampler_process_float(
      state: number,
      channel: number,
      input: number,
      inputLength: number,
      output: number,
      outputLength: number,
    ): number
  }
  export default function load(): Promise<SpeexModule>
}
