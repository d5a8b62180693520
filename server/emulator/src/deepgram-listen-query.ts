import type { AudioFormat } from './audio-format.ts'
import {
  booleanField,
  judgeQuery,
  listField,
  numberField,
  numberOrFalseField,
  QueryError,
  type QueryField,
  readQuery,
  textField,
} from './deepgram-query.ts'
import { sayIssue } from './deepgram-schema.ts'
import { number, oneOf, string } from './schema.ts'

/** What the query of `/v1/listen` asks for. */
export interface ListenConfig {
  readonly format: AudioFormat
  readonly model: string
  readonly interimResults: boolean
  /** Milliseconds of silence that end an utterance; `null` where endpointing is off. */
  readonly endpointingMs: number | null
  /** Milliseconds without words after which `UtteranceEnd` is sent; `null` for never. */
  readonly utteranceEndMs: number | null
  readonly vadEvents: boolean
  /** Whether words keep their capitals and punctuation. */
  readonly punctuate: boolean
  readonly diarize: boolean
}

const ENCODINGS = [
  ...['linear16', 'linear32', 'flac', 'alaw', 'mulaw', 'amr-nb', 'amr-wb'],
  ...['opus', 'ogg-opus', 'speex', 'g729'],
]
/** Encodings that are bare samples, whose rate nobody can tell from the bytes, and that are understood here. */
const RAW = ['linear16', 'linear32', 'mulaw', 'alaw']

const text = textField(string({ min: 1 }))
const list = listField(string({ min: 1 }))
/** Samples per second. */
export const sampleRateField: QueryField = numberField(number({ integer: true, min: 8000, max: 96_000 }))

const FIELDS: Readonly<Record<string, QueryField>> = {
  callback: text,
  callback_method: textField(oneOf('POST', 'GET', 'PUT', 'DELETE')),
  channels: numberField(number({ integer: true, min: 1 })),
  detect_entities: booleanField,
  diarize: booleanField,
  diarize_model: textField(oneOf('latest', 'v1')),
  dictation: booleanField,
  encoding: textField(oneOf(...ENCODINGS)),
  endpointing: numberOrFalseField(number({ integer: true, min: 0 })),
  extra: list,
  filler_words: booleanField,
  interim_results: booleanField,
  keyterm: list,
  keywords: list,
  language: text,
  mip_opt_out: booleanField,
  model: text,
  multichannel: booleanField,
  numerals: booleanField,
  profanity_filter: booleanField,
  punctuate: booleanField,
  redact: list,
  replace: list,
  sample_rate: sampleRateField,
  search: list,
  smart_format: booleanField,
  tag: list,
  utterance_end_ms: numberField(number({ integer: true, min: 1000 })),
  vad_events: booleanField,
  version: text,
}

/**
 * Reads the query of `/v1/listen`.
 *
 * @throws {QueryError} If Deepgram would refuse it, or it asks for what is not emulated.
 */
export function listenConfig(params: URLSearchParams): ListenConfig {
  const query = readQuery(params, FIELDS)
  const wrong = judgeQuery(query, { fields: FIELDS, required: ['model'] })
  if (wrong) throw new QueryError(sayIssue(wrong))
  const model = String(query['model'])
  if (model.startsWith('flux-')) throw new QueryError(`The model ${model} is served by /v2/listen only`)
  const utteranceEndMs = (query['utterance_end_ms'] ?? null) as number | null
  const interimResults = query['interim_results'] === true
  if (utteranceEndMs !== null && !interimResults) {
    throw new QueryError("Field 'utterance_end_ms' needs interim_results=true")
  }
  if (query['callback'] !== undefined) throw notEmulated('callback')
  if (query['multichannel'] === true || Number(query['channels'] ?? 1) > 1) throw notEmulated('channels')
  const endpointing = query['endpointing'] ?? 10
  return {
    format: rawFormat(query),
    model,
    interimResults,
    endpointingMs: endpointing === false ? null : Number(endpointing),
    utteranceEndMs,
    vadEvents: query['vad_events'] === true,
    punctuate: ['punctuate', 'smart_format', 'dictation'].some((name) => query[name] === true),
    diarize: query['diarize'] === true || query['diarize_model'] !== undefined,
  }
}

/**
 * The format of raw sound that a query tells.
 *
 * @throws {QueryError} If the rate is missing, or the sound is in a container or compressed.
 */
export function rawFormat({ encoding, sample_rate: rate }: Record<string, unknown>): AudioFormat {
  if (encoding === undefined) throw notEmulated('sound in a container, without encoding')
  if (!RAW.includes(String(encoding))) throw notEmulated(`encoding ${encoding}`)
  if (rate === undefined) throw new QueryError(`Field 'sample_rate' is missing: ${encoding} needs it`)
  return { encoding: encoding as AudioFormat['encoding'], sampleRate: Number(rate) }
}

function notEmulated(what: string): QueryError {
  return new QueryError(`Not emulated: ${what}`)
}
