import { createHash, randomUUID } from 'node:crypto'
import type { EmulatorConnection } from './connection.ts'
import { DeepgramInput, type InputEvent } from './deepgram-input.ts'
import type { ListenConfig } from './deepgram-listen-query.ts'
import { ListenResults } from './deepgram-listen-results.ts'
import { heardWords, roundSeconds, wordsOf } from './deepgram-words.ts'
import { Patience } from './patience.ts'
import { number, object, oneOf, tagged } from './schema.ts'
import type { Services, Transcripts } from './services.ts'

/** Interim results come about this often, in milliseconds of sound. */
const INTERIM_MS = 500
/** A result becomes final after this much sound at the latest, in milliseconds; speech then goes on in the next. */
const SEGMENT_MS = 3000
/** The level falls inside words too: shorter silence, in milliseconds, is no endpoint, whatever was asked for. */
const MIN_ENDPOINT_MS = 300
/** Silence that ends an utterance where endpointing is off, in milliseconds. */
const UNASKED_ENDPOINT_MS = 500

const clientMessage = tagged('type', {
  KeepAlive: object({ type: oneOf('KeepAlive') }),
  Finalize: object({ type: oneOf('Finalize') }, { channel: number({ integer: true, min: 0 }) }),
  CloseStream: object({ type: oneOf('CloseStream') }),
})

/** The words of an utterance that is under way. */
interface Utterance {
  /** All of them where they are known beforehand, else `null`: such an utterance has no interim results. */
  readonly words: readonly string[] | null
  /** How many were told in final results. */
  told: number
}

/** One session of Deepgram's speech-to-text, from the handshake to `Metadata`. */
export class DeepgramListenSession {
  readonly #connection: EmulatorConnection
  readonly #services: Services
  readonly #config: ListenConfig
  readonly #input: DeepgramInput
  readonly #transcripts: Transcripts
  readonly #results: ListenResults
  readonly #hash = createHash('sha256')
  #utterance: Utterance | null = null
  /** Where the result under way begins, in samples, and where its last interim result ended. */
  #from = 0
  #interimAt = 0
  /** Where speech was last heard, in samples, until `UtteranceEnd` told it; `null` then. */
  #lastSpeechAt: number | null = null
  /** Whether the last utterance turned out to have words. */
  #hadWords = Promise.resolve(true)
  readonly #silence = new Patience(() => this.#end(1011, 'NET-0001'))
  #ended = false
  /** Results go out in the order of the sound, however long each takes to be understood. */
  #pending = Promise.resolve()

  constructor(connection: EmulatorConnection, services: Services, config: ListenConfig) {
    this.#connection = connection
    this.#services = services
    this.#config = config
    const { endpointingMs } = config
    const silenceMs = endpointingMs === null ? UNASKED_ENDPOINT_MS : Math.max(MIN_ENDPOINT_MS, endpointingMs)
    this.#input = new DeepgramInput(config.format, { silenceMs })
    this.#transcripts = services.transcripts()
    this.#results = new ListenResults(config, randomUUID())
    this.#watchSilence()
  }

  /** Takes one text message. */
  onText(text: string): void {
    const data = this.#connection.noteReceived(text)
    if (this.#ended) return
    if (clientMessage(data, '')) {
      this.#end(1008, 'UNPARSABLE_CLIENT_MESSAGE')
      return
    }
    switch ((data as { type: string }).type) {
      case 'KeepAlive':
        this.#watchSilence()
        return
      case 'Finalize':
        this.#flush({ fromFinalize: true })
        return
      case 'CloseStream':
        this.#closeStream()
        return
    }
  }

  /** Takes one binary message: sound, or the end of it where it is empty. */
  onBinary(bytes: Uint8Array): void {
    if (this.#ended) return
    if (bytes.length === 0) {
      this.#closeStream()
      return
    }
    this.#watchSilence()
    this.#connection.noteAudio(bytes, this.#config.format)
    this.#hash.update(bytes)
    for (const event of this.#input.push(bytes)) this.#follow(event)
  }

  /** Frees everything; the connection is gone. */
  onClose(): void {
    this.#ended = true
    this.#silence.end()
  }

  /** Ends the session as a server does that shuts down. */
  goAway(): void {
    this.#end(1001, 'server shutting down')
  }

  #follow(event: InputEvent): void {
    switch (event.type) {
      case 'start':
        this.#speechStarted(event.at)
        return
      case 'stop':
        this.#tellUtterance(event.at, { speechFinal: this.#config.endpointingMs !== null })
        return
      case 'progress':
        this.#tellInterim()
        this.#tellSegment()
        this.#tellUtteranceEnd()
        return
    }
  }

  #speechStarted(at: number): void {
    const { upcoming } = this.#transcripts
    this.#utterance = { words: upcoming === null ? null : wordsOf(upcoming), told: 0 }
    this.#interimAt = at
    this.#hadWords = Promise.resolve(true)
    if (this.#config.vadEvents)
      this.#later({ type: 'SpeechStarted', channel: [0], timestamp: this.#seconds(at) })
  }

  #tellInterim(): void {
    const { position } = this.#input
    const words = this.#heard()
    if (!this.#config.interimResults || !words || this.#msSince(this.#interimAt) < INTERIM_MS) return
    this.#interimAt = position
    this.#later(this.#results.of(words, this.#span(this.#input.speechEnd)))
  }

  /** Ends a result that has become long: with the words so far, of which the last is kept back, or with none. */
  #tellSegment(): void {
    if (this.#msSince(this.#from) < SEGMENT_MS) return
    const utterance = this.#utterance
    const left = utterance?.words ? utterance.words.length - utterance.told - 1 : 0
    if (utterance && utterance.words === null) return
    const words = (this.#heard() ?? []).slice(0, Math.max(0, left))
    if (utterance) utterance.told += words.length
    this.#later(this.#results.of(words, this.#span(this.#input.speechEnd), { isFinal: true }))
    this.#from = this.#input.position
  }

  /** Tells the rest of the utterance, whose speech ended at `end`. */
  #tellUtterance(end: number, how: { speechFinal?: boolean; fromFinalize?: boolean }): void {
    const told = this.#utterance?.told ?? 0
    const span = this.#span(end)
    const { text } = this.#transcripts.of(this.#input.takeSpeech(end))
    const all = text.then(wordsOf, () => [])
    this.#later(all.then((words) => this.#results.of(words.slice(told), span, { isFinal: true, ...how })))
    this.#hadWords = all.then((words) => words.length > 0)
    this.#utterance = null
    this.#from = this.#input.position
  }

  /** Tells that no words came for long. */
  #tellUtteranceEnd(): void {
    const { utteranceEndMs } = this.#config
    if (this.#input.speaking && this.#input.silentMs === 0) this.#lastSpeechAt = this.#input.position
    if (utteranceEndMs === null || this.#lastSpeechAt === null) return
    if (this.#msSince(this.#lastSpeechAt) < utteranceEndMs) return
    const message = {
      type: 'UtteranceEnd',
      channel: [0, 1],
      last_word_end: this.#seconds(this.#lastSpeechAt),
    }
    this.#later(this.#hadWords.then((had) => (had ? message : null)))
    this.#lastSpeechAt = null
  }

  /** Makes what was heard so far final. */
  #flush(how: { fromFinalize?: boolean }): void {
    if (this.#input.speaking) {
      this.#tellUtterance(this.#input.speechEnd, how)
      return
    }
    this.#later(this.#results.of([], this.#span(this.#input.position), { isFinal: true, ...how }))
    this.#from = this.#input.position
  }

  #closeStream(): void {
    this.#ended = true
    this.#silence.end()
    if (this.#input.position > this.#from) this.#flush({})
    const duration = this.#seconds(this.#input.position)
    const sha256 = this.#hash.digest('hex')
    const created = new Date(this.#services.now()).toISOString()
    this.#later(this.#results.metadata({ sha256, created, duration }))
    void this.#pending.then(() => this.#connection.close(1000, ''))
  }

  /** The words of the result under way; `null` where nobody speaks or nobody knows. */
  #heard(): string[] | null {
    const { words, told } = this.#utterance ?? { words: null, told: 0 }
    if (!words) return null
    const ms = this.#input.toMs(this.#input.speechEnd - this.#input.speechStart)
    return heardWords(words, ms).slice(told)
  }

  /** Where the result under way lies, its words up to `end`. */
  #span(end: number) {
    const { speechStart, position } = this.#input
    return {
      start: this.#seconds(this.#from),
      end: this.#seconds(position),
      firstWord: this.#seconds(Math.max(this.#from, speechStart)),
      lastWord: this.#seconds(end),
    }
  }

  #msSince(position: number): number {
    return this.#input.toMs(this.#input.position - position)
  }

  #seconds(samples: number): number {
    return roundSeconds(samples / this.#config.format.sampleRate)
  }

  #watchSilence(): void {
    this.#silence.wait(this.#services.timeouts.listenSilenceMs)
  }

  #later(message: Message | Promise<Message | null>): void {
    this.#pending = this.#pending.then(async () => {
      const ready = await message
      if (ready) this.#connection.send(ready)
    })
  }

  #end(code: number, reason: string): void {
    this.#ended = true
    this.#silence.end()
    this.#connection.close(code, reason)
  }
}

type Message = Parameters<EmulatorConnection['send']>[0]
