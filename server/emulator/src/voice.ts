import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { VoiceJob, VoiceResult } from './voice-worker.ts'

/** What is to be spoken, and how. */
export interface SpeechRequest {
  /** Plain text; any length. */
  readonly text: string
  /** A voice's name as the provider knows it, such as `marin` or `aura-2-thalia-en`. */
  readonly voice: string
  /** Samples per second of the answer. */
  readonly sampleRate: number
  /** 0.25…4, default 1. */
  readonly speed?: number
}

/** Turns text into sound. The emulator speaks through it, and a test may put its own in its place. */
export interface Speech {
  /** One channel of 16-bit samples at `sampleRate`. */
  synthesize(request: SpeechRequest): Promise<Int16Array>
  /** Frees what it holds; what is still being spoken rejects. */
  close(): Promise<void>
}

/** OpenAI's voices. */
const OPENAI_VOICES: Readonly<Record<string, string>> = {
  alloy: 'slt',
  ash: 'awb',
  ballad: 'rms',
  cedar: 'rms',
  coral: 'slt',
  echo: 'rms',
  fable: 'awb',
  marin: 'slt',
  nova: 'slt',
  onyx: 'rms',
  sage: 'slt',
  shimmer: 'slt',
  verse: 'awb',
}
/** Deepgram's models whose names are men's; the others speak as women. */
const MALE_NAMES =
  /-(orion|arcas|perseus|angus|orpheus|helios|zeus|apollo|aries|atlas|draco|hermes|hyperion|janus|jupiter|mars|neptune|odysseus|pluto|saturn|sirio|nestor|alvaro|aquila|javier|bruce|cliff|cole|colin|conor|donovan|drew|jack|kai|kit|marcelo|marcus|miles|naveen|rufus|sean|tanner|wade|wes)-/

/**
 * The Flite voice that stands in for a provider's: `slt` for women, `rms` and `awb` for men, `kal16` for
 * names nobody knows. Names of Flite voices stand for themselves.
 */
export function fliteVoiceOf(voice: string): string {
  if (['slt', 'rms', 'awb', 'kal16', 'kal'].includes(voice)) return voice
  const known = OPENAI_VOICES[voice]
  if (known) return known
  if (/^(aura|flux)-/.test(voice)) return MALE_NAMES.test(voice) ? 'rms' : 'slt'
  return 'kal16'
}

/** Clips kept, so that a sentence said twice is synthesized once; the oldest goes first. */
const CACHED_CLIPS = 256

interface PendingJob {
  readonly resolve: (pcm: Int16Array) => void
  readonly reject: (error: Error) => void
}

/** A real synthetic voice: Flite as WebAssembly in a thread of its own. The thread starts with the first word. */
export class FliteVoice implements Speech {
  #worker: Worker | null = null
  #lastId = 0
  readonly #pending = new Map<number, PendingJob>()
  readonly #cache = new Map<string, Promise<Int16Array>>()

  /** Starts the thread and compiles the voice, so that the first answer does not wait for it. */
  async warmUp(): Promise<void> {
    await this.synthesize({ text: 'Hello.', voice: 'slt', sampleRate: 16000 })
  }

  synthesize({ text, voice, sampleRate, speed = 1 }: SpeechRequest): Promise<Int16Array> {
    const flite = fliteVoiceOf(voice)
    const key = JSON.stringify([text, flite, sampleRate, speed])
    const cached = this.#cache.get(key)
    if (cached) return cached
    const clip = this.#ask({ text, voice: flite, sampleRate, speed })
    this.#cache.set(key, clip)
    clip.catch(() => this.#cache.delete(key))
    if (this.#cache.size > CACHED_CLIPS) this.#cache.delete(this.#cache.keys().next().value!)
    return clip
  }

  async close(): Promise<void> {
    const worker = this.#worker
    this.#worker = null
    this.#fail(new Error('Cannot speak as the voice must be open: current value is closed'))
    await worker?.terminate()
  }

  #ask(job: Omit<VoiceJob, 'id'>): Promise<Int16Array> {
    const worker = this.#start()
    const id = ++this.#lastId
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject })
      worker.ref()
      worker.postMessage({ ...job, id } satisfies VoiceJob)
    })
  }

  #start(): Worker {
    if (this.#worker) return this.#worker
    // The same source runs as .ts from a checkout and as .js from the package.
    const worker = new Worker(new URL(`./voice-worker${extname(import.meta.url)}`, import.meta.url))
    worker.on('message', (result: VoiceResult) => this.#settle(result))
    worker.on('error', (error) => {
      this.#worker = null
      this.#fail(error instanceof Error ? error : new Error(String(error)))
    })
    this.#worker = worker
    return worker
  }

  #settle(result: VoiceResult): void {
    const job = this.#pending.get(result.id)
    this.#pending.delete(result.id)
    if ('pcm' in result) job?.resolve(result.pcm)
    else job?.reject(new Error(result.error))
    // An idle voice does not keep the process alive.
    if (this.#pending.size === 0) this.#worker?.unref()
  }

  #fail(error: Error): void {
    for (const { reject } of this.#pending.values()) reject(error)
    this.#pending.clear()
  }
}
