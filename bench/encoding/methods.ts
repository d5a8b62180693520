/** Ways to write sound as bytes and text, ours and those in common use; run in Node and in a page alike. */
import { decodeMulaw, encodeAlaw, encodeMulaw } from '../../src/audio/g711.ts'
import { decodePCM16, encodePCM16, encodePCM16Into } from '../../src/audio/pcm.ts'
import { decodeBase64, encodeBase64 } from '../../src/util/base64.ts'
import { interleave } from '../support/timing.ts'

const RATE = 24_000
/** Each is called so often in a round: one call is too short for a clock. */
const CALLS = 200

type Method = readonly [name: string, run: () => unknown]

/** The first of each task is ours, and what the others are compared with. */
export type Tasks = Readonly<Record<string, readonly Method[]>>

function floatToDataView(input: Float32Array): ArrayBuffer {
  const view = new DataView(new ArrayBuffer(input.length * 2))
  for (let i = 0; i < input.length; i++) {
    const sample = Math.max(-1, Math.min(1, input[i]!))
    view.setInt16(i * 2, sample < 0 ? sample * 0x8000 : sample * 0x7fff, true)
  }
  return view.buffer
}

function floatByRound(input: Float32Array): Int16Array {
  const output = new Int16Array(input.length)
  for (let i = 0; i < input.length; i++) {
    output[i] = Math.round(Math.max(-1, Math.min(1, input[i]!)) * 32_767)
  }
  return output
}

function textByBytes(bytes: Uint8Array): string {
  let binary = ''
  for (let i = 0; i < bytes.length; i++) binary += String.fromCharCode(bytes[i]!)
  return btoa(binary)
}

function textBySpread(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
}

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
/** The two letters of each twelve bits, as one 16-bit unit of little-endian text. */
const PAIRS = Uint16Array.from(
  { length: 4096 },
  (_, i) => LETTERS.charCodeAt(i >> 6) | (LETTERS.charCodeAt(i & 63) << 8),
)
const decoder = new TextDecoder('latin1')

/** For lengths that are a multiple of three, as those of the chunks here are. */
function textByTable(bytes: Uint8Array): string {
  const units = new Uint16Array((bytes.length / 3) * 2)
  for (let i = 0, at = 0; i < bytes.length; i += 3) {
    units[at++] = PAIRS[(bytes[i]! << 4) | (bytes[i + 1]! >> 4)]!
    units[at++] = PAIRS[((bytes[i + 1]! & 15) << 8) | bytes[i + 2]!]!
  }
  return decoder.decode(units)
}

function bytesByCallback(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))
}

function bytesByLoop(text: string): Uint8Array {
  const binary = atob(text)
  const bytes = new Uint8Array(binary.length)
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i)
  return bytes
}

/** As it is found in many places: shifts until the segment is found, for every sample. */
function mulawByShifting(input: Int16Array): Uint8Array {
  const output = new Uint8Array(input.length)
  for (let i = 0; i < input.length; i++) {
    let sample = input[i]!
    const sign = (sample >> 8) & 0x80
    if (sign) sample = -sample
    sample = Math.min(32_635, sample) + 132
    let exponent = 7
    for (let mask = 0x4000; (sample & mask) === 0 && exponent > 0; mask >>= 1) exponent--
    output[i] = ~(sign | (exponent << 4) | ((sample >> (exponent + 3)) & 15))
  }
  return output
}

/** Without what the engine has of its own, as in browsers before 2025. */
function withoutNative<T>(run: () => T): T {
  const encode = Object.getOwnPropertyDescriptor(Uint8Array.prototype, 'toBase64')
  const decode = Object.getOwnPropertyDescriptor(Uint8Array, 'fromBase64')
  Reflect.deleteProperty(Uint8Array.prototype, 'toBase64')
  Reflect.deleteProperty(Uint8Array, 'fromBase64')
  try {
    return run()
  } finally {
    if (encode) Object.defineProperty(Uint8Array.prototype, 'toBase64', encode)
    if (decode) Object.defineProperty(Uint8Array, 'fromBase64', decode)
  }
}

function tasks(chunkMs: number): Tasks {
  const length = (RATE * chunkMs) / 1000
  const float = Float32Array.from({ length }, (_, i) => 0.7 * Math.sin(i / 7))
  const pcm = encodePCM16(float)
  const into = new Int16Array(length)
  const bytes = new Uint8Array(pcm.buffer)
  const text = encodeBase64(bytes)
  const codes = encodeMulaw(pcm)
  return {
    'float to 16 bits': [
      ['`encodePCM16Into`', () => encodePCM16Into(float, into)],
      ['`encodePCM16`', () => encodePCM16(float)],
      ['Math.round and clamp', () => floatByRound(float)],
      ['DataView, sample by sample', () => floatToDataView(float)],
    ],
    '16 bits to float': [['`decodePCM16`', () => decodePCM16(pcm)]],
    'bytes to base64': [
      ['ours', () => encodeBase64(bytes)],
      ['table of 12 bits, TextDecoder', () => textByTable(bytes)],
      ['btoa of fromCharCode(...bytes)', () => textBySpread(bytes)],
      ['btoa of letters joined one by one', () => textByBytes(bytes)],
    ],
    'base64 to bytes': [
      ['ours', () => decodeBase64(text)],
      ['atob, charCodeAt in a loop', () => bytesByLoop(text)],
      ['Uint8Array.from(atob(…), callback)', () => bytesByCallback(text)],
    ],
    'G.711': [
      ['`encodeMulaw`', () => encodeMulaw(pcm)],
      ['`encodeAlaw`', () => encodeAlaw(pcm)],
      ['`decodeMulaw`', () => decodeMulaw(codes)],
      ['μ-law, each sample computed', () => mulawByShifting(pcm)],
    ],
  }
}

function time(task: readonly Method[], rounds: number): number[] {
  const runs = task.map(([, run]) => () => {
    for (let call = 0; call < CALLS; call++) run()
  })
  interleave(3, runs)
  return interleave(rounds, runs).map((ms) => (ms * 1000) / CALLS)
}

export interface Timing {
  readonly task: string
  readonly method: string
  /** Of one call, in µs. */
  readonly microseconds: number
  readonly native: boolean
}

/** @returns What each takes for a chunk; the base64 tasks with and without native support. */
export function measure(chunkMs: number, rounds: number): Timing[] {
  const native = 'toBase64' in Uint8Array.prototype
  const once = (isNative: boolean) =>
    Object.entries(tasks(chunkMs)).flatMap(([task, methods]) =>
      task.includes('base64') || !isNative || !native
        ? time(methods, rounds).map((microseconds, i) => ({
            task,
            method: methods[i]?.[0] ?? '',
            microseconds,
            native: isNative,
          }))
        : [],
    )
  const fallback = withoutNative(() => once(false))
  return native ? [...fallback, ...once(true).filter(({ method }) => method === 'ours')] : fallback
}
