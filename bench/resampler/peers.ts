import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { gzipSync } from 'node:zlib'
import libsamplerateJS from '@alexanderolsen/libsamplerate-js'
import loadSpeex from '@echogarden/speex-resampler-wasm/simd'
import waveResampler from 'wave-resampler'
import { Resampler } from '../../src/audio/resampler.ts'
import { bundleText } from '../support/bundle.ts'
import { boxAverage, boxAveragePerChunk, linearInterpolation } from './interpolators.ts'
import type { Rates } from './rates.ts'

/** Takes one chunk after another and gives what comes out; the array may be one that the next call reuses. */
export type Stream = (input: Float32Array) => ArrayLike<number>

export interface Candidate {
  readonly name: string
  /** What a page loads, gzip, in bytes; null where it is a few lines of the page's own. */
  readonly bytes: number | null
  /** What it is given at a time: 20 ms, all of a signal, or a render quantum, for those that know no chunk but their own. */
  readonly takes: '20 ms' | 'all' | '128 samples'
  /** Whether it can only lower the rate. */
  readonly lowersOnly?: boolean
  open(rates: Rates): Promise<Stream>
}

const require = createRequire(import.meta.url)
const gzipped = (path: string): number => gzipSync(readFileSync(require.resolve(path)), { level: 9 }).length

const OURS = "export { Resampler } from './src/audio/resampler.ts'"
/** The longest signal that is given to Speex at once, in samples. */
const SPEEX_ROOM = 1 << 18

export async function openCandidates(): Promise<Candidate[]> {
  const libsamplerate = gzipped('@alexanderolsen/libsamplerate-js')
  const speexScript = require.resolve('@echogarden/speex-resampler-wasm/simd')
  const speex = gzipped(speexScript) + gzipped(speexScript.replace(/js$/, 'wasm'))
  const candidates: Candidate[] = [
    {
      name: '**ours**',
      bytes: gzipSync(await bundleText(OURS), { level: 9 }).length,
      takes: '20 ms',
      open: async (rates) => {
        const resampler = new Resampler(rates)
        return (input) => resampler.process(input)
      },
    },
    ...(['FASTEST', 'MEDIUM', 'BEST'] as const).map(
      (quality): Candidate => ({
        name: `libsamplerate-js ${quality.toLowerCase()}`,
        bytes: libsamplerate,
        takes: '20 ms',
        open: (rates: Rates) => openLibsamplerate(rates, quality),
      }),
    ),
    ...[3, 5, 7].map(
      (quality): Candidate => ({
        name: `Speex (WASM SIMD) q${quality}`,
        bytes: speex,
        takes: '20 ms',
        open: (rates: Rates) => openSpeex(rates, quality),
      }),
    ),
    {
      name: 'wave-resampler sinc',
      bytes: gzipped('wave-resampler'),
      takes: 'all',
      open: async ({ inputRate, outputRate }) => {
        return (input) => waveResampler.resample(input, inputRate, outputRate, { method: 'sinc' })
      },
    },
    {
      name: 'linear interpolation',
      bytes: null,
      takes: '20 ms',
      open: async (rates) => linearInterpolation(rates),
    },
    {
      name: 'box average',
      bytes: null,
      takes: '20 ms',
      lowersOnly: true,
      open: async (rates) => boxAverage(rates),
    },
    {
      name: 'box average, each chunk alone',
      bytes: null,
      takes: '128 samples',
      lowersOnly: true,
      open: async (rates) => boxAveragePerChunk(rates),
    },
  ]
  return candidates
}

async function openLibsamplerate(
  { inputRate, outputRate }: Rates,
  quality: 'FASTEST' | 'MEDIUM' | 'BEST',
): Promise<Stream> {
  const converterType =
    quality === 'FASTEST'
      ? libsamplerateJS.ConverterType.SRC_SINC_FASTEST
      : quality === 'MEDIUM'
        ? libsamplerateJS.ConverterType.SRC_SINC_MEDIUM_QUALITY
        : libsamplerateJS.ConverterType.SRC_SINC_BEST_QUALITY
  const converter = await libsamplerateJS.create(1, inputRate, outputRate, { converterType })
  return (input) => converter.full(input)
}

async function openSpeex({ inputRate, outputRate }: Rates, quality: number): Promise<Stream> {
  const speex = await loadSpeex()
  const lengths = speex._malloc(8)
  const input = speex._malloc(4 * SPEEX_ROOM)
  const output = speex._malloc(4 * SPEEX_ROOM)
  const state = speex._speex_resampler_init(1, inputRate, outputRate, quality, lengths)
  return (chunk) => {
    speex.HEAPF32.set(chunk, input / 4)
    speex.HEAP32[lengths / 4] = chunk.length
    speex.HEAP32[lengths / 4 + 1] = SPEEX_ROOM
    speex._speex_resampler_process_float(state, 0, input, lengths, output, lengths + 4)
    return speex.HEAPF32.slice(output / 4, output / 4 + speex.HEAP32[lengths / 4 + 1]!)
  }
}
