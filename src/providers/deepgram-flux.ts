import type { AudioFormat } from '../audio/audio-format.ts'
import { type JsonObject, numberField, parseObject, stringField } from '../util/json.ts'
import { deepgramProtocols } from './deepgram-auth.ts'
import { deepgramError, deepgramWarning, rejection, UNREADABLE } from './deepgram-messages.ts'
import {
  assertRange,
  bytesOf,
  type DeepgramSpeechToTextOptions,
  inputFormatOf,
  speechToTextUrl,
  stringsField,
  wordsOf,
} from './deepgram-speech-to-text.ts'
import type {
  Capabilities,
  Command,
  Credential,
  Endpoint,
  Provider,
  ProviderEvent,
  SessionContext,
  WireData,
} from './provider.ts'

/** When Flux takes a turn to be over. */
export interface DeepgramFluxThresholds {
  /** The confidence that ends a turn, 0.5…1; at 1 only silence and `end-turn` do. Default 0.7. */
  eotThreshold?: number
  /** The confidence, 0.3…0.9 and at most `eotThreshold`, at which a turn may be over; default: it is not told. */
  eagerEotThreshold?: number
  /** Silence that ends a turn at any confidence, in ms, 500…60 000; default 5000. */
  eotTimeoutMs?: number
}

interface CommonOptions extends DeepgramSpeechToTextOptions, DeepgramFluxThresholds {
  /** What is left out of the text. */
  redact?: readonly ('numbers' | 'aggressive_numbers')[]
}

/** Flux hears English, or several languages, where hints say which to expect. */
export type DeepgramFluxOptions = CommonOptions &
  (
    | { /** Default `flux-general-en`. */ model?: 'flux-general-en'; languageHints?: never }
    | { model: 'flux-general-multi' /** Such as `en` and `es`. */; languageHints?: readonly string[] }
  )

/** What can be changed while Flux listens; what is left out stays. */
export interface DeepgramFluxUpdate extends DeepgramFluxThresholds {
  /** Takes the place of all so far. */
  keyterms?: readonly string[]
  /** For `flux-general-multi`; takes the place of all so far. */
  languageHints?: readonly string[]
  numerals?: boolean
  /** There is no model to instruct. */
  instructions?: never
  voice?: never
  tools?: never
}

/** What the session asks of Flux. */
export type DeepgramFluxCommand =
  | Exclude<Command, { type: 'update' }>
  | { readonly type: 'update'; readonly id: number; readonly config: DeepgramFluxUpdate }

/** What Flux tells of turns; `turn` counts from 0 on each connection, `confidence` that it is over is 0…1. */
export type DeepgramFluxDetail =
  /** The turn may be over: an answer can be prepared. */
  | { readonly name: 'eager-end-of-turn'; readonly turn: number; readonly confidence: number }
  /** It was not. */
  | { readonly name: 'turn-resumed'; readonly turn: number; readonly confidence: number }
  | {
      readonly name: 'end-of-turn'
      readonly turn: number
      readonly confidence: number
      /** What ended it; there may be more in future. */
      readonly trigger: 'model' | 'manual' | 'timeout' | (string & {})
      /** What was spoken, most of it first; `flux-general-multi` alone tells. */
      readonly languages: readonly string[]
      readonly languagesHinted: readonly string[]
    }

type FluxEvent = ProviderEvent<DeepgramFluxDetail>

/**
 * Speech to text by Deepgram's Flux, which knows when a turn is over: no agent, only the user's words as they are
 * spoken.
 *
 * @see https://developers.deepgram.com/docs/flux/quickstart
 */
export class DeepgramFlux implements Provider {
  readonly name = 'deepgram-flux'
  readonly inputFormat: AudioFormat
  readonly outputFormat = null
  readonly capabilities: Capabilities = {
    speech: false,
    text: false,
    images: false,
    say: false,
    tools: false,
    update: true,
    endTurn: true,
    history: false,
    words: true,
  }
  /** What Deepgram recommends for Flux. */
  readonly chunkMs = 80
  /** Flux has no such message, so it hears silence as fast as it would hear sound. */
  readonly keepAlive: { readonly intervalMs: number; readonly data: Uint8Array<ArrayBuffer> }
  readonly #options: DeepgramFluxOptions
  /** Sent and not answered yet, oldest first; null for what this adapter sent itself. */
  #asked: { readonly id: number | null; readonly config: DeepgramFluxUpdate }[] = []
  /** All that was changed in this conversation: a new connection does not know it. */
  #changed: DeepgramFluxUpdate = {}
  /** The turn that has an entry; null before the first. */
  #turn: number | null = null
  #speaking = false

  /**
   * @throws {TypeError} If the encoding is none.
   * @throws {RangeError} If a number is out of its range, or there are language hints for English alone.
   */
  constructor(options: DeepgramFluxOptions = {}) {
    const {
      eotThreshold,
      eagerEotThreshold,
      eotTimeoutMs,
      model = 'flux-general-en',
      languageHints,
    } = options
    this.inputFormat = inputFormatOf(options)
    assertRange({ eotThreshold }, 0.5, 1)
    assertRange({ eagerEotThreshold }, 0.3, Math.min(0.9, eotThreshold ?? 0.7))
    assertRange({ eotTimeoutMs }, 500, 60_000)
    if (languageHints && model !== 'flux-general-multi') {
      throw new RangeError(
        `Cannot listen as model must be flux-general-multi for languageHints: current value is ${model}`,
      )
    }
    this.#options = options
    this.keepAlive = { intervalMs: 1000, data: secondOfSilence(this.inputFormat) }
  }

  endpoint(credential: Credential | null): Endpoint {
    const fields = { model: 'flux-general-en', ...this.#options }
    return { url: speechToTextUrl('/v2/listen', fields), protocols: deepgramProtocols(credential) }
  }

  open({ resumed }: SessionContext): Iterable<FluxEvent> {
    if (!resumed) this.#changed = {}
    this.#asked = []
    this.#turn = null
    this.#speaking = false
    return []
  }

  *decode(data: string | ArrayBuffer): Iterable<FluxEvent> {
    if (typeof data !== 'string') return
    const event = parseObject(data)
    if (!event) {
      yield UNREADABLE
      return
    }
    switch (event['type']) {
      case 'Connected':
        if (Object.keys(this.#changed).length > 0) {
          yield { type: 'reply', data: this.#configure(null, this.#changed) }
        }
        yield { type: 'ready' }
        break
      case 'TurnInfo':
        yield* this.#turnInfo(event)
        break
      case 'ConfigureSuccess':
        yield* this.#configured()
        break
      case 'ConfigureFailure':
        yield this.#refused(event)
        break
      case 'Warning':
        yield deepgramWarning(event)
        break
      case 'Error':
        yield deepgramError(event)
        break
    }
  }

  *encode(command: DeepgramFluxCommand): Iterable<WireData> {
    switch (command.type) {
      case 'end-turn':
        yield '{"type":"ForceEndTurn"}'
        break
      case 'update':
        yield this.#configure(command.id, command.config)
        break
      case 'close':
        // Its results come until the server closes.
        yield '{"type":"CloseStream"}'
        break
    }
  }

  encodeAudio(samples: Int16Array<ArrayBuffer> | Uint8Array<ArrayBuffer>): WireData {
    // No bytes at all would end the stream.
    return samples.length > 0 ? bytesOf(samples) : this.keepAlive.data
  }

  *#turnInfo(event: JsonObject): Iterable<FluxEvent> {
    const turn = numberField(event, 'turn_index')
    const confidence = numberField(event, 'end_of_turn_confidence')
    const text = stringField(event, 'transcript')
    const kind = event['event']
    const final = kind === 'EndOfTurn'
    if (kind === 'StartOfTurn') {
      this.#speaking = true
      yield { type: 'speech-start' }
    }
    // Flux goes on telling of silence, as the turn to come.
    if (text) this.#turn = turn
    if (this.#turn === turn) {
      yield { type: 'transcript', id: `user-${turn}`, role: 'user', text, final, words: wordsOf(event) }
    }
    switch (kind) {
      case 'EagerEndOfTurn':
        yield { type: 'detail', detail: { name: 'eager-end-of-turn', turn, confidence } }
        break
      case 'TurnResumed':
        yield { type: 'detail', detail: { name: 'turn-resumed', turn, confidence } }
        break
      case 'EndOfTurn':
        if (this.#speaking) yield { type: 'speech-end' }
        this.#speaking = false
        yield {
          type: 'detail',
          detail: {
            name: 'end-of-turn',
            turn,
            confidence,
            trigger: stringField(event, 'trigger'),
            languages: stringsField(event, 'languages'),
            languagesHinted: stringsField(event, 'languages_hinted'),
          },
        }
        break
    }
  }

  #configure(id: number | null, config: DeepgramFluxUpdate): string {
    this.#asked.push({ id, config })
    const { eotThreshold, eagerEotThreshold, eotTimeoutMs, keyterms, languageHints, numerals } = config
    const thresholds = {
      eot_threshold: eotThreshold,
      eager_eot_threshold: eagerEotThreshold,
      eot_timeout_ms: eotTimeoutMs,
    }
    return JSON.stringify({
      type: 'Configure',
      ...(Object.values(thresholds).some((value) => value !== undefined) && { thresholds }),
      keyterms,
      language_hints: languageHints,
      numerals,
    })
  }

  *#configured(): Iterable<FluxEvent> {
    const asked = this.#asked.shift()
    this.#changed = { ...this.#changed, ...asked?.config }
    if (asked && asked.id !== null) yield { type: 'updated', id: asked.id }
  }

  #refused(event: JsonObject): FluxEvent {
    const { id = null } = this.#asked.shift() ?? {}
    const error = rejection(event, 'configuration-rejected')
    if (id !== null) return { type: 'update-rejected', id, error }
    return { type: 'warning', code: error.code, message: error.message }
  }
}

function secondOfSilence({ encoding, sampleRate }: AudioFormat): Uint8Array<ArrayBuffer> {
  if (encoding === 'pcm16') return new Uint8Array(2 * sampleRate)
  return new Uint8Array(sampleRate).fill(encoding === 'mulaw' ? 0xff : 0xd5)
}
