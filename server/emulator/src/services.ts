import type { Credentials } from './credentials.ts'
import type { EmulatorOptions, Pace, Timeouts, UserSpeech } from './options.ts'
import type { Respond } from './reply.ts'
import type { Speech } from './voice.ts'

/** What every session of the emulator shares. */
export interface Services {
  readonly credentials: Credentials
  readonly speech: Speech
  readonly respond: Respond
  readonly pace: Pace
  readonly timeouts: Timeouts
  readonly calls: readonly string[] | null
  readonly agents: NonNullable<EmulatorOptions['agents']>
  readonly now: () => number
  /** Makes the transcripts of one connection. */
  readonly transcripts: () => Transcripts
}

/** What was said, and whether it is the words themselves or only a description. */
export interface Transcript {
  readonly text: Promise<string>
  readonly transcribed: boolean
}

/** Turns the utterances of one connection into text, one after the other. */
export interface Transcripts {
  /** The text of the next utterance where it is known before it is over, as words of a script are; else `null`. */
  readonly upcoming: string | null
  /** The text of an utterance that is over. */
  of(speech: UserSpeech): Transcript
}

/** The transcripts that the options ask for. */
export function transcriptsOf({ transcribe, transcripts = [] }: EmulatorOptions): () => Transcripts {
  return transcribe ? () => new TranscribedSpeech(transcribe) : () => new Script(transcripts)
}

class TranscribedSpeech implements Transcripts {
  readonly upcoming = null
  readonly #transcribe: NonNullable<EmulatorOptions['transcribe']>

  constructor(transcribe: NonNullable<EmulatorOptions['transcribe']>) {
    this.#transcribe = transcribe
  }

  of(speech: UserSpeech): Transcript {
    return { text: Promise.resolve().then(() => this.#transcribe(speech)), transcribed: true }
  }
}

class Script implements Transcripts {
  readonly #left: string[]

  constructor(transcripts: readonly string[]) {
    this.#left = [...transcripts]
  }

  get upcoming(): string | null {
    return this.#left[0] ?? null
  }

  of({ ms }: UserSpeech): Transcript {
    const text = this.#left.shift()
    // Nobody here understands speech, so the truth is all there is to tell.
    const length = `(${(ms / 1000).toFixed(1)} seconds of speech)`
    return { text: Promise.resolve(text ?? length), transcribed: text !== undefined }
  }
}
