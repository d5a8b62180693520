import type { AudioFormat } from '../audio/audio-format.ts'
import { type JsonObject, numberField, objectField, parseObject, stringField } from '../util/json.ts'
import { deepgramProtocols } from './deepgram-auth.ts'
import { deepgramError, deepgramWarning, UNREADABLE } from './deepgram-messages.ts'
import {
  assertRange,
  bytesOf,
  type DeepgramSpeechToTextOptions,
  inputFormatOf,
  msField,
  objectsField,
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
  WireData,
  Word,
} from './provider.ts'

/** Where no default is told it is Deepgram's own. */
export interface DeepgramListenOptions extends DeepgramSpeechToTextOptions {
  /** Default `nova-3`. */
  model?: string
  /** A version of the model. */
  version?: string
  /** Such as `en-US`, or `multi` for several. */
  language?: string
  /** Whether words are shown while they may still change; default true. */
  interimResults?: boolean
  /** Silence that ends an utterance, in ms; false to let none end one. */
  endpointing?: number | false
  /**
   * Silence between words that ends an utterance where noise hides it from `endpointing`, in ms, from 1000; it needs
   * `interimResults`. False turns it off. Default 1000.
   */
  utteranceEndMs?: number | false
  /** Whether the start of speech is told; default true. */
  vadEvents?: boolean
  /** Whether there is punctuation; `smartFormat` has it anyway. */
  punctuate?: boolean
  /** Whether numbers, dates and the like are written as one reads them; default true. */
  smartFormat?: boolean
  /** Whether people are told apart, and by which model; see `Word.speaker`. True is `latest`. */
  diarize?: boolean | 'latest' | 'v1'
  /** Whether spoken commands, such as “comma”, become punctuation. */
  dictation?: boolean
  /** Whether “uh” and “um” are written. */
  fillerWords?: boolean
  /** Whether names, places, numbers and the like are told as a detail. */
  detectEntities?: boolean
  /** What is left out of the text, such as `pci`, `numbers` or `ssn`. */
  redact?: readonly string[]
  /** Each `find:replacement`. */
  replace?: readonly string[]
  /** Phrases to look for; where they are is in the raw messages. */
  search?: readonly string[]
  /** For models before Nova-3, which takes `keyterms`: each a word, or `word:intensity`. */
  keywords?: readonly string[]
  /** Each `key:value`; comes back with the results. */
  extra?: readonly string[]
  /** Channels of sound that does not come from a microphone. */
  channels?: number
  /** Whether each channel is heard by itself. */
  multichannel?: boolean
  /** An address that Deepgram sends the results to, instead of here. */
  callback?: string
  callbackMethod?: 'POST' | 'GET' | 'PUT' | 'DELETE'
}

/** Something of a name, a number or a place in what was said. */
export interface DeepgramEntity {
  readonly label: string
  readonly value: string
  /** As it was spoken. */
  readonly rawValue: string
  /** 0…1. */
  readonly confidence: number
  /** Places among the words of the entry: the first, and the one after the last. */
  readonly startWord: number
  readonly endWord: number
}

/** What Deepgram tells beyond words; `channel` counts from 0, times are in ms from the first sound. */
export type DeepgramListenDetail =
  | { readonly name: 'speech-started'; readonly channel: number; readonly atMs: number }
  | { readonly name: 'utterance-end'; readonly channel: number; readonly lastWordEndMs: number }
  /** What the words that became final are in, most of them first. */
  | { readonly name: 'languages'; readonly channel: number; readonly languages: readonly string[] }
  | { readonly name: 'entities'; readonly channel: number; readonly entities: readonly DeepgramEntity[] }
  /** The end of a stream: what was heard of it in all. */
  | {
      readonly name: 'metadata'
      readonly requestId: string
      readonly durationMs: number
      readonly channels: number
    }

type ListenEvent = ProviderEvent<DeepgramListenDetail>

/** What is being said on one channel. */
interface Channel {
  readonly index: number
  entries: number
  /** The entry that grows; null between utterances. */
  id: string | null
  /** What of it does not change any more. */
  text: string
  words: readonly Word[]
  /** Whether more of it is shown that may change. */
  interim: boolean
  /** Whether it is over, although a result of the same words is to come. */
  over: boolean
  speaking: boolean
}

/** Deepgram closes after ten seconds in which nothing came; it asks for this every three to five. */
const KEEP_ALIVE = { intervalMs: 4000, data: '{"type":"KeepAlive"}' } as const

/**
 * Speech to text by Deepgram's Nova: no agent, only the user's words as they are spoken.
 *
 * @see https://developers.deepgram.com/docs/live-streaming-audio
 */
export class DeepgramListen implements Provider {
  readonly name = 'deepgram-listen'
  readonly inputFormat: AudioFormat
  readonly outputFormat = null
  readonly capabilities: Capabilities = {
    speech: false,
    text: false,
    images: false,
    say: false,
    tools: false,
    update: false,
    endTurn: true,
    history: false,
    words: true,
  }
  readonly keepAlive = KEEP_ALIVE
  readonly #options: DeepgramListenOptions
  readonly #channels = new Map<number, Channel>()
  #closing = false

  /**
   * @throws {TypeError} If the encoding is none.
   * @throws {RangeError} If a number is out of its range, or `utteranceEndMs` is given without `interimResults`.
   */
  constructor(options: DeepgramListenOptions = {}) {
    const { interimResults = true, utteranceEndMs, endpointing, channels } = options
    this.inputFormat = inputFormatOf(options)
    if (utteranceEndMs !== false) assertRange({ utteranceEndMs }, 1000)
    if (endpointing !== false) assertRange({ endpointing }, 0)
    assertRange({ channels }, 1)
    if (utteranceEndMs && !interimResults) {
      throw new RangeError(
        'Cannot listen as interimResults must be true for utteranceEndMs: current value is false',
      )
    }
    this.#options = options
  }

  endpoint(credential: Credential | null): Endpoint {
    const { diarize, interimResults = true, utteranceEndMs = interimResults && 1000, ...rest } = this.#options
    const fields = {
      model: 'nova-3',
      interimResults,
      // There is no word for off but silence.
      utteranceEndMs: utteranceEndMs || undefined,
      vadEvents: true,
      smartFormat: true,
      diarizeModel: diarize === true ? 'latest' : diarize || undefined,
      ...rest,
    }
    return {
      url: speechToTextUrl('/v1/listen', fields),
      protocols: deepgramProtocols(credential),
    }
  }

  /** There is no handshake: who is connected is heard. */
  open(): Iterable<ListenEvent> {
    this.#channels.clear()
    this.#closing = false
    return [{ type: 'ready' }]
  }

  *decode(data: string | ArrayBuffer): Iterable<ListenEvent> {
    if (typeof data !== 'string') return
    const event = parseObject(data)
    if (!event) {
      yield UNREADABLE
      return
    }
    switch (event['type']) {
      case 'SpeechStarted':
        yield* this.#speechStarted(event)
        break
      case 'Results':
        yield* this.#results(event)
        break
      case 'UtteranceEnd':
        yield* this.#utteranceEnd(event)
        break
      case 'Metadata':
        yield* this.#metadata(event)
        break
      case 'Warning':
        yield deepgramWarning(event)
        break
      case 'Error':
        yield deepgramError(event)
        break
    }
  }

  *encode(command: Command): Iterable<WireData> {
    switch (command.type) {
      case 'end-turn':
        yield '{"type":"Finalize"}'
        break
      case 'close':
        this.#closing = true
        yield '{"type":"CloseStream"}'
        break
    }
  }

  encodeAudio(samples: Int16Array<ArrayBuffer> | Uint8Array<ArrayBuffer>): WireData {
    // No bytes at all would end the stream.
    return samples.length > 0 ? bytesOf(samples) : KEEP_ALIVE.data
  }

  *#speechStarted(event: JsonObject): Iterable<ListenEvent> {
    const channel = this.#channel(event, 'channel')
    channel.speaking = true
    yield { type: 'speech-start' }
    const atMs = msField(event, 'timestamp')
    yield { type: 'detail', detail: { name: 'speech-started', channel: channel.index, atMs } }
  }

  *#results(event: JsonObject): Iterable<ListenEvent> {
    const channel = this.#channel(event, 'channel_index')
    const { index } = channel
    const [best = {}] = objectsField(objectField(event, 'channel'), 'alternatives')
    const heard = stringField(best, 'transcript')
    const final = event['is_final'] === true
    const ends = final && (event['speech_final'] === true || event['from_finalize'] === true || channel.over)
    const before = channel.words.length
    const text = channel.text && heard ? `${channel.text} ${heard}` : channel.text || heard
    const words = [...channel.words, ...wordsOf(best)]
    if (heard && channel.id === null) {
      channel.id = `user-${index}-${++channel.entries}`
      if (!channel.speaking) yield { type: 'speech-start' }
      channel.speaking = true
    }
    const { id } = channel
    if (id !== null) {
      yield { type: 'transcript', id, role: 'user', text, final: ends || channel.over, words }
    }
    channel.interim = !final && heard !== ''
    if (!final) return
    channel.text = text
    channel.words = words
    const languages = stringsField(best, 'languages')
    if (languages.length > 0) {
      yield { type: 'detail', detail: { name: 'languages', channel: index, languages } }
    }
    const entities = objectsField(event, 'entities').map((entity) => entityOf(entity, before))
    if (entities.length > 0) {
      yield { type: 'detail', detail: { name: 'entities', channel: index, entities } }
    }
    if (ends) yield* this.#end(channel)
  }

  *#utteranceEnd(event: JsonObject): Iterable<ListenEvent> {
    const channel = this.#channel(event, 'channel')
    const { index, interim } = channel
    yield* this.#finish(channel)
    // The final result of words that were shown is still to come: it belongs to the same entry.
    if (interim) channel.over = true
    if (interim) yield* this.#silent(channel)
    else yield* this.#end(channel)
    const lastWordEndMs = msField(event, 'last_word_end')
    yield { type: 'detail', detail: { name: 'utterance-end', channel: index, lastWordEndMs } }
  }

  *#metadata(event: JsonObject): Iterable<ListenEvent> {
    for (const channel of this.#channels.values()) {
      yield* this.#finish(channel)
      yield* this.#end(channel)
    }
    yield {
      type: 'detail',
      detail: {
        name: 'metadata',
        requestId: stringField(event, 'request_id'),
        durationMs: msField(event, 'duration'),
        channels: numberField(event, 'channels'),
      },
    }
    if (this.#closing) yield { type: 'closed' }
  }

  /** The entry stays as it is shown. */
  *#finish({ id, over }: Channel): Iterable<ListenEvent> {
    if (id !== null && !over) yield { type: 'transcript', id, role: 'user', final: true }
  }

  /** The next words begin an entry of their own. */
  *#end(channel: Channel): Iterable<ListenEvent> {
    Object.assign(channel, { id: null, text: '', words: [], interim: false, over: false })
    yield* this.#silent(channel)
  }

  *#silent(channel: Channel): Iterable<ListenEvent> {
    if (channel.speaking) yield { type: 'speech-end' }
    channel.speaking = false
  }

  /** @returns What is being said on the channel that a message names, as the first of a list. */
  #channel(event: JsonObject, field: string): Channel {
    const numbers = event[field]
    const [first] = Array.isArray(numbers) ? numbers : []
    const index = typeof first === 'number' ? first : 0
    const known = this.#channels.get(index)
    if (known) return known
    const channel = {
      index,
      entries: 0,
      id: null,
      text: '',
      words: [],
      interim: false,
      over: false,
      speaking: false,
    }
    this.#channels.set(index, channel)
    return channel
  }
}

function entityOf(entity: JsonObject, before: number): DeepgramEntity {
  return {
    label: stringField(entity, 'label'),
    value: stringField(entity, 'value'),
    rawValue: stringField(entity, 'raw_value'),
    confidence: numberField(entity, 'confidence'),
    startWord: before + numberField(entity, 'start_word'),
    endWord: before + numberField(entity, 'end_word'),
  }
}
