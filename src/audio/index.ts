export type { AudioEncoding, AudioFormat } from './audio-format.ts'
export { decodeAlaw, decodeMulaw, encodeAlaw, encodeMulaw } from './g711.ts'
export { decodePCM16, encodePCM16 } from './pcm.ts'
export { Resampler, type ResamplerOptions } from './resampler.ts'
