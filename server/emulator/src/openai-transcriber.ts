import { type AudioFormat, decodeAudio } from './audio-format.ts'
import { audioTokens, textTokens } from './openai-conversation.ts'
import { pause, words } from './pacer.ts'
import type { JsonObject } from './schema.ts'
import type { Services, Transcript, Transcripts } from './services.ts'

/** A transcript to be told. */
interface Told {
  readonly text: Promise<string>
  readonly model: string | undefined
  /** Milliseconds of sound. */
  readonly ms: number
  /** Whether the session asked how sure every word is. */
  readonly logprobs: boolean
}

/** Tells OpenAI's clients what their users said, a little later than the turn. */
export class Transcriber {
  readonly #transcripts: Transcripts
  readonly #delayMs: number
  readonly #send: (type: string, fields: JsonObject) => void
  readonly #abort = new AbortController()

  constructor(services: Services, send: (type: string, fields: JsonObject) => void) {
    this.#transcripts = services.transcripts()
    this.#delayMs = services.pace.transcriptMs
    this.#send = send
  }

  /** Turns committed sound into text. */
  listen(bytes: Uint8Array, { format, ms }: { format: AudioFormat; ms: number }): Transcript {
    const pcm = decodeAudio(bytes, format.encoding)
    return this.#transcripts.of({ pcm, sampleRate: format.sampleRate, ms })
  }

  /** Sends the transcript of an item when it is ready, a word at a time. */
  tell(itemId: string, said: Told): void {
    void this.#tell(itemId, said)
  }

  /** Says no more. */
  close(): void {
    this.#abort.abort()
  }

  async #tell(itemId: string, { text, model, ms, logprobs }: Told): Promise<void> {
    const place = { item_id: itemId, content_index: 0 }
    const event = 'conversation.item.input_audio_transcription'
    try {
      const transcript = await text
      if (!(await pause(this.#delayMs, this.#abort.signal))) return
      const all = words(transcript)
      const sure = (some: string[]) => (logprobs ? { logprobs: some.map(logprobOf) } : {})
      for (const delta of all) this.#send(`${event}.delta`, { ...place, delta, ...sure([delta]) })
      const usage = usageOf(transcript, { model, ms })
      this.#send(`${event}.completed`, { ...place, transcript, usage, ...sure(all) })
    } catch {
      // The message of a failing transcriber is the test's own affair and may hold anything.
      const error = { type: 'server_error', code: 'audio_unintelligible', message: 'Transcription failed.' }
      if (!this.#abort.signal.aborted)
        this.#send(`${event}.failed`, { ...place, error: { ...error, param: null } })
    }
  }
}

/** A word as a token that nobody doubts. */
function logprobOf(token: string): JsonObject {
  return { token, logprob: 0, bytes: [...Buffer.from(token)] }
}

/** `whisper-1` is charged by the second, the others by the token. */
function usageOf(transcript: string, { model, ms }: { model: string | undefined; ms: number }): JsonObject {
  if (model === 'whisper-1') return { type: 'duration', seconds: Math.ceil(ms / 1000) }
  const input = audioTokens(ms, true)
  const output = textTokens(transcript)
  return {
    type: 'tokens',
    total_tokens: input + output,
    input_tokens: input,
    input_token_details: { text_tokens: 0, audio_tokens: input },
    output_tokens: output,
  }
}
