import type { AudioFormat } from './audio-format.ts'
import { rawFormat, sampleRateField } from './deepgram-listen-query.ts'
import {
  booleanField,
  judgeQuery,
  listField,
  numberField,
  QueryError,
  type QueryField,
  readQuery,
  textField,
} from './deepgram-query.ts'
import { sayIssue } from './deepgram-schema.ts'
import { array, boolean, type JsonObject, number, object, oneOf, type Schema, string } from './schema.ts'

/** When Flux takes a turn to be over. */
export interface Thresholds {
  /** 0.5…1: the confidence that ends a turn; at 1 none does. */
  readonly eot_threshold: number
  /** 0.3…0.9: the confidence at which a turn may be over; absent where nobody wants to know. */
  readonly eager_eot_threshold?: number
  /** Milliseconds of silence that end a turn at any confidence. */
  readonly eot_timeout_ms: number
}

/** What the query of `/v2/listen` asks for, and `Configure` changes. */
export interface FluxConfig {
  readonly format: AudioFormat
  readonly multi: boolean
  readonly thresholds: Thresholds
  readonly keyterms: readonly string[]
  readonly languageHints: readonly string[]
  readonly numerals: boolean
}

const filled = string({ min: 1 })
const THRESHOLDS = {
  eot_threshold: number({ min: 0.5, max: 1 }),
  eager_eot_threshold: number({ min: 0.3, max: 0.9 }),
  eot_timeout_ms: number({ integer: true, min: 500, max: 60_000 }),
}

const FIELDS: Readonly<Record<string, QueryField>> = {
  eager_eot_threshold: numberField(THRESHOLDS.eager_eot_threshold),
  encoding: textField(oneOf('linear16', 'linear32', 'mulaw', 'alaw', 'opus', 'ogg-opus')),
  eot_threshold: numberField(THRESHOLDS.eot_threshold),
  eot_timeout_ms: numberField(THRESHOLDS.eot_timeout_ms),
  keyterm: listField(filled),
  language_hint: listField(filled),
  mip_opt_out: booleanField,
  model: textField(oneOf('flux-general-en', 'flux-general-multi')),
  numerals: booleanField,
  profanity_filter: booleanField,
  redact: listField(oneOf('numbers', 'aggressive_numbers')),
  sample_rate: sampleRateField,
  tag: listField(filled),
}

/** A `Configure` message. */
export const configureMessage: Schema = object(
  { type: oneOf('Configure') },
  {
    thresholds: object({}, THRESHOLDS),
    keyterms: (value, path) => (typeof value === 'string' ? null : array(filled)(value, path)),
    language_hints: array(filled),
    numerals: boolean,
  },
)

/**
 * Reads the query of `/v2/listen`.
 *
 * @throws {QueryError} If Deepgram would refuse it, or it asks for what is not emulated.
 */
export function fluxConfig(params: URLSearchParams): FluxConfig {
  const query = readQuery(params, FIELDS)
  const wrong = judgeQuery(query, { fields: FIELDS, required: ['model'] })
  if (wrong) throw new QueryError(sayIssue(wrong))
  const { eot_threshold = 0.7, eager_eot_threshold: eager, eot_timeout_ms = 5000 } = query
  const thresholds = {
    eot_threshold,
    eot_timeout_ms,
    ...(eager === undefined ? {} : { eager_eot_threshold: eager }),
  }
  return checked({
    format: rawFormat(query),
    multi: query['model'] === 'flux-general-multi',
    thresholds: thresholds as Thresholds,
    keyterms: (query['keyterm'] ?? []) as string[],
    languageHints: (query['language_hint'] ?? []) as string[],
    numerals: query['numerals'] === true,
  })
}

/**
 * What a configuration becomes by a `Configure` message; what the message leaves out stays.
 *
 * @throws {QueryError} If it is not one, or its values do not fit.
 */
export function configured(config: FluxConfig, message: JsonObject): FluxConfig {
  const wrong = configureMessage(message, '')
  if (wrong) throw new QueryError(sayIssue(wrong))
  const { thresholds, keyterms = config.keyterms, language_hints: hints, numerals } = message
  return checked({
    ...config,
    thresholds: { ...config.thresholds, ...(thresholds as Partial<Thresholds> | undefined) },
    keyterms: (typeof keyterms === 'string' ? [keyterms] : keyterms) as string[],
    languageHints: (hints ?? config.languageHints) as string[],
    numerals: (numerals ?? config.numerals) as boolean,
  })
}

function checked(config: FluxConfig): FluxConfig {
  const { eager_eot_threshold: eager, eot_threshold: final } = config.thresholds
  if (eager !== undefined && eager > final) {
    const expected = `at most eot_threshold, ${final}`
    throw new QueryError(`Field 'eager_eot_threshold' must be ${expected}: current value is ${eager}`)
  }
  if (config.languageHints.length > 0 && !config.multi) {
    throw new QueryError('Language hints are for flux-general-multi only')
  }
  return config
}
