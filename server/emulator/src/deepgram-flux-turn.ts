import type { Thresholds } from './deepgram-flux-query.ts'
import type { DeepgramInput } from './deepgram-input.ts'
import { CONFIDENCE, heardWords, roundSeconds, spread, wordsOf } from './deepgram-words.ts'
import type { JsonObject } from './schema.ts'
import type { Transcripts } from './services.ts'

/** Updates come about this often, in milliseconds of sound. */
const UPDATE_MS = 250
/** Confidence grows from the first to the second by 0.1 in 100 ms of silence; it never reaches 1. */
const SPEAKING_CONFIDENCE = 0.2
const MAX_CONFIDENCE = 0.99

/** What ended a turn. */
export type TurnTrigger = 'model' | 'manual' | 'timeout'

/** What a turn needs of the session around it. */
export interface FluxTurnContext {
  readonly input: DeepgramInput
  readonly transcripts: Transcripts
  /** Where the turn's sound begins, in samples. */
  readonly windowStart: number
  /** Sends a `TurnInfo`; its transcript is made of the words, which may still be on their way. */
  send(fields: JsonObject & { words: JsonObject[] | Promise<JsonObject[]> }): void
  /** Called once, when the turn has ended. */
  over(): void
}

/** One turn of the user, from `StartOfTurn` to `EndOfTurn`. */
export class FluxTurn {
  readonly #context: FluxTurnContext
  /** The words where they are known beforehand, else `null`. */
  readonly #script: readonly string[] | null
  #updatedAt: number
  #eager = false
  /** The words told by `EagerEndOfTurn`, which are those of the turn if nothing follows. */
  #eagerWords: Promise<string[]> | null = null
  /** How many words were told: no more can become fewer. */
  #told = 0

  constructor(context: FluxTurnContext) {
    this.#context = context
    const { upcoming } = context.transcripts
    this.#script = upcoming === null ? null : wordsOf(upcoming)
    this.#updatedAt = context.input.position
    this.#send('StartOfTurn', this.#heard())
  }

  /** Looks at what was heard since. */
  progress({ eot_threshold, eager_eot_threshold, eot_timeout_ms }: Thresholds): void {
    const { input } = this.#context
    const confidence = this.#confidence()
    if (this.#eager && input.silentMs === 0) this.#resume()
    if (eot_threshold <= confidence) this.end('model')
    else if (input.silentMs >= eot_timeout_ms) this.end('timeout')
    else if (!this.#eager && eager_eot_threshold !== undefined && eager_eot_threshold <= confidence) {
      this.#endEagerly()
    } else if (!this.#eager && input.toMs(input.position - this.#updatedAt) >= UPDATE_MS) {
      this.#updatedAt = input.position
      this.#send('Update', this.#heard())
    }
  }

  /** Ends the turn here. */
  end(trigger: TurnTrigger): void {
    const { input, over } = this.#context
    this.#send('EndOfTurn', this.#eagerWords ?? this.#understand(), { trigger })
    input.takeSpeech()
    over()
  }

  #endEagerly(): void {
    this.#eager = true
    if (this.#script) this.#told = this.#script.length
    else this.#eagerWords = this.#understand()
    this.#send('EagerEndOfTurn', this.#eagerWords ?? this.#heard())
  }

  #resume(): void {
    this.#eager = false
    this.#eagerWords = null
    this.#send('TurnResumed', this.#heard())
  }

  /** All words of the turn, up to here. A script goes on to its next line by this. */
  #understand(): Promise<string[]> {
    const { input, transcripts } = this.#context
    return transcripts.of(input.speech()).text.then(wordsOf, () => [])
  }

  /** The words so far; none where only the end will tell them. */
  #heard(): string[] {
    if (!this.#script) return []
    const { input } = this.#context
    const heard = heardWords(this.#script, input.toMs(input.speechEnd - input.speechStart))
    this.#told = Math.max(this.#told, heard.length)
    return this.#script.slice(0, this.#told)
  }

  /** That no more speech is coming in this turn, 0…1. */
  #confidence(): number {
    // Rounded, as thresholds are decimals too.
    const grown = roundSeconds(SPEAKING_CONFIDENCE + this.#context.input.silentMs / 1000)
    return Math.min(MAX_CONFIDENCE, grown)
  }

  #send(event: string, words: string[] | Promise<string[]>, trigger: JsonObject = {}): void {
    const { input, windowStart, send } = this.#context
    const seconds = (samples: number) => roundSeconds(samples / input.format.sampleRate)
    const span = { from: seconds(input.speechStart), to: seconds(input.speechEnd) }
    const timed = (all: string[]): JsonObject[] =>
      spread(all, span).map((word) => ({ ...word, confidence: CONFIDENCE }))
    send({
      event,
      audio_window_start: seconds(windowStart),
      audio_window_end: seconds(input.position),
      words: Array.isArray(words) ? timed(words) : words.then(timed),
      end_of_turn_confidence: this.#confidence(),
      ...trigger,
    })
  }
}
