import { randomUUID } from 'node:crypto'
import type { ListenConfig } from './deepgram-listen-query.ts'
import { CONFIDENCE, plainWord, roundSeconds, spread, type TimedWord } from './deepgram-words.ts'
import type { JsonObject } from './schema.ts'

/** Where a result lies in the stream, in seconds. */
export interface ResultSpan {
  readonly start: number
  readonly end: number
  /** Where its first word begins and its last one ends. */
  readonly firstWord: number
  readonly lastWord: number
}

/** What is special about a result; nothing for an interim one. */
export interface ResultFlags {
  readonly isFinal?: boolean
  readonly speechFinal?: boolean
  readonly fromFinalize?: boolean
}

/** Writes the results of one `/v1/listen` session. */
export class ListenResults {
  readonly #config: ListenConfig
  readonly #requestId: string
  readonly #modelId = randomUUID()

  constructor(config: ListenConfig, requestId: string) {
    this.#config = config
    this.#requestId = requestId
  }

  /** A `Results` message. */
  of(words: readonly string[], span: ResultSpan, flags: ResultFlags = {}) {
    const { isFinal = false, speechFinal = false, fromFinalize = false } = flags
    const timed = spread(words, { from: span.firstWord, to: span.lastWord })
    const told = words.map((word) => (this.#config.punctuate ? word : plainWord(word)))
    const confidence = words.length > 0 ? CONFIDENCE : 0
    const alternative = {
      transcript: told.join(' '),
      confidence,
      words: timed.map((word) => this.#word(word)),
    }
    return {
      type: 'Results',
      channel_index: [0, 1],
      duration: roundSeconds(span.end - span.start),
      start: span.start,
      is_final: isFinal,
      speech_final: speechFinal,
      channel: { alternatives: [alternative] },
      metadata: { request_id: this.#requestId, model_info: this.#modelInfo(), model_uuid: this.#modelId },
      from_finalize: fromFinalize,
    }
  }

  /** The last message of a stream. */
  metadata(fields: { sha256: string; created: string; duration: number }) {
    return {
      type: 'Metadata',
      transaction_key: 'deprecated',
      request_id: this.#requestId,
      ...fields,
      channels: 1,
    }
  }

  #word({ word, start, end }: TimedWord): JsonObject {
    const plain = { word: plainWord(word), start, end, confidence: CONFIDENCE }
    return {
      ...plain,
      ...(this.#config.punctuate ? { punctuated_word: word } : {}),
      ...(this.#config.diarize ? { speaker: 0 } : {}),
    }
  }

  #modelInfo(): JsonObject {
    return { name: this.#config.model, version: 'emulator', arch: this.#config.model.split('-')[0] }
  }
}
