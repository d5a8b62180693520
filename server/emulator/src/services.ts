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
  /** Makes the transcriber of one connection. */
  readonly transcriber: () => Transcribe
}

/** What was said, and whether it is the words themselves or only a description. */
export interface Transcript {
  readonly text: Promise<string>
  readonly transcribed: boolean
}

/** Turns the utterances of one connection into text. */
export type Transcribe = (speech: UserSpeech) => Transcript

/** The transcriber that the options ask for. */
export function transcriberOf({ transcribe, transcripts = [] }: EmulatorOptions): () => Transcribe {
  if (transcribe) {
    return () => (speech) => ({ text: Promise.resolve().then(() => transcribe(speech)), transcribed: true })
  }
  return () => {
    const left = [...transcripts]
    return ({ ms }) => {
      const text = left.shift()
      // Nobody here understands speech, so the truth is all there is to tell.
      const length = `(${(ms / 1000).toFixed(1)} seconds of speech)`
      return { text: Promise.resolve(text ?? length), transcribed: text !== undefined }
    }
  }
}
