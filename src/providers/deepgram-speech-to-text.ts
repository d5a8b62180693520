import type { AudioEncoding, AudioFormat } from '../audio/audio-format.ts'
import { isObject, type JsonObject, numberField, stringField } from '../util/json.ts'
import { type DeepgramRegion, deepgramOrigin } from './deepgram-auth.ts'
import type { Word } from './provider.ts'

/** A query field: a list repeats it. */
export type DeepgramQueryValue = string | number | boolean | readonly string[] | undefined

/** What both of Deepgram's speech-to-text services take. */
export interface DeepgramSpeechToTextOptions {
  /** How sound travels; G.711 takes half the bytes. Default `pcm16`. */
  encoding?: AudioEncoding
  /** In Hz, 8000…48 000; default 16 000. */
  sampleRate?: number
  /** Names and words of the trade that are to be heard rightly. */
  keyterms?: readonly string[]
  /** Whether numbers are written in digits. */
  numerals?: boolean
  /** Whether swear words are masked. */
  profanityFilter?: boolean
  /** Labels of the request in Deepgram's usage reports. */
  tags?: readonly string[]
  /** Whether Deepgram may not learn from what it hears. */
  mipOptOut?: boolean
  /** Further query fields under Deepgram's names; they win over the options. */
  query?: Readonly<Record<string, DeepgramQueryValue>>
  /** Where a direct connection goes, in place of `region`; what its query says wins over everything here. */
  url?: string
  /** Where Deepgram processes the sound; default its own choice. */
  region?: DeepgramRegion
}

const ENCODINGS: Readonly<Record<AudioEncoding, string>> = { pcm16: 'linear16', mulaw: 'mulaw', alaw: 'alaw' }

/** Options whose fields are in the singular, as each value is one of them. */
const SINGULAR: Readonly<Record<string, string>> = {
  keyterms: 'keyterm',
  tags: 'tag',
  languageHints: 'language_hint',
}

/**
 * @returns What the microphone must deliver.
 * @throws {TypeError} If the encoding is none.
 * @throws {RangeError} If the rate is out of range.
 */
export function inputFormatOf({
  encoding = 'pcm16',
  sampleRate = 16_000,
}: DeepgramSpeechToTextOptions): AudioFormat {
  if (!Object.hasOwn(ENCODINGS, encoding)) {
    const encodings = Object.keys(ENCODINGS).join(', ')
    throw new TypeError(`Cannot listen as encoding must be one of ${encodings}: current value is ${encoding}`)
  }
  assertRange({ sampleRate }, 8000, 48_000)
  return { encoding, sampleRate }
}

/**
 * @param values By option name; what is undefined passes.
 * @throws {RangeError} If one is not in `min`…`max`.
 */
export function assertRange(values: Readonly<Record<string, unknown>>, min: number, max = Infinity): void {
  for (const [name, value] of Object.entries(values)) {
    if (value === undefined || (typeof value === 'number' && value >= min && value <= max)) continue
    const range = max === Infinity ? `at least ${min}` : `in ${min}…${max}`
    throw new RangeError(`Cannot listen as ${name} must be ${range}: current value is ${value}`)
  }
}

/** @returns The address with all options as its query. */
export function speechToTextUrl(path: string, options: DeepgramSpeechToTextOptions): string {
  const { url, region, query, encoding = 'pcm16', sampleRate = 16_000, ...rest } = options
  const address = new URL(url ?? deepgramOrigin(region) + path)
  const given = new Set(address.searchParams.keys())
  const fields: Record<string, DeepgramQueryValue> = {
    encoding: ENCODINGS[encoding],
    sample_rate: sampleRate,
  }
  for (const [name, value] of Object.entries(rest)) {
    fields[SINGULAR[name] ?? name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)] = value
  }
  for (const [name, value] of Object.entries({ ...fields, ...query })) {
    if (value === undefined || given.has(name)) continue
    for (const one of [value].flat()) address.searchParams.append(name, String(one))
  }
  return address.href
}

/** @returns The bytes of a chunk, as Deepgram takes them. */
export function bytesOf({
  buffer,
  byteOffset,
  byteLength,
}: Int16Array<ArrayBuffer> | Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  return new Uint8Array(buffer, byteOffset, byteLength)
}

/** @returns A field in seconds as whole milliseconds. */
export function msField(object: JsonObject, name: string): number {
  return Math.round(numberField(object, name) * 1000)
}

/** @returns The objects of a field that is a list; else none. */
export function objectsField(object: JsonObject, name: string): JsonObject[] {
  const value = object[name]
  return Array.isArray(value) ? value.filter(isObject) : []
}

/** @returns The strings of a field that is a list; else none. */
export function stringsField(object: JsonObject, name: string): string[] {
  const value = object[name]
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : []
}

/** @returns The words of a result; without those whose time is not told. */
export function wordsOf(result: JsonObject): Word[] {
  return objectsField(result, 'words')
    .filter(({ start, end }) => typeof start === 'number' && typeof end === 'number')
    .map((word) => ({
      text: stringField(word, 'punctuated_word') || stringField(word, 'word'),
      startMs: msField(word, 'start'),
      endMs: msField(word, 'end'),
      confidence: numberField(word, 'confidence'),
      ...(typeof word['speaker'] === 'number' && { speaker: word['speaker'] }),
    }))
}
