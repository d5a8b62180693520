import { randomUUID } from 'node:crypto'
import type { EmulatorConnection } from './connection.ts'
import { configured, type FluxConfig } from './deepgram-flux-query.ts'
import { FluxTurn } from './deepgram-flux-turn.ts'
import { DeepgramInput, type InputEvent } from './deepgram-input.ts'
import { QueryError } from './deepgram-query.ts'
import { Patience } from './patience.ts'
import { anything, isObject, type JsonObject, object, oneOf, tagged } from './schema.ts'
import type { Services, Transcripts } from './services.ts'

const clientMessage = tagged('type', {
  CloseStream: object({ type: oneOf('CloseStream') }),
  ForceEndTurn: object({ type: oneOf('ForceEndTurn') }),
  // What is wrong with its values is no reason to close.
  Configure: anything,
})

/** One session of Deepgram's Flux speech-to-text, from `Connected` to the close. */
export class DeepgramFluxSession {
  readonly #connection: EmulatorConnection
  readonly #services: Services
  readonly #transcripts: Transcripts
  readonly #input: DeepgramInput
  readonly #requestId = randomUUID()
  #config: FluxConfig
  #turn: FluxTurn | null = null
  #turns = 0
  /** Where the turn before ended, in samples. */
  #windowStart = 0
  #sequence = 0
  readonly #silence = new Patience(() =>
    this.#fail(1011, { code: 'NET-0001', description: 'No audio was received in time' }),
  )
  #ended = false
  /** Messages go out in the order of the sound, however long a transcript takes. */
  #pending = Promise.resolve()

  constructor(connection: EmulatorConnection, services: Services, config: FluxConfig) {
    this.#connection = connection
    this.#services = services
    this.#config = config
    this.#transcripts = services.transcripts()
    // A turn ends by confidence, which is reckoned here.
    this.#input = new DeepgramInput(config.format, { silenceMs: Number.POSITIVE_INFINITY })
    this.#send('Connected', { request_id: this.#requestId })
    this.#watchSilence()
  }

  /** Takes one text message. */
  onText(text: string): void {
    const data = this.#connection.noteReceived(text)
    if (this.#ended) return
    if (clientMessage(data, '') || !isObject(data)) {
      const description = 'The message must be CloseStream, ForceEndTurn or Configure'
      this.#fail(1008, { code: 'UNPARSABLE_CLIENT_MESSAGE', description })
      return
    }
    switch (data['type']) {
      case 'CloseStream':
        this.#closeStream()
        return
      case 'ForceEndTurn':
        this.#turn?.end('manual')
        return
      case 'Configure':
        this.#configure(data)
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
    for (const event of this.#input.push(bytes)) this.#follow(event)
  }

  /** Frees everything; the connection is gone. */
  onClose(): void {
    this.#ended = true
    this.#silence.end()
  }

  /** Ends the session as a server does that shuts down. */
  goAway(): void {
    this.#fail(1001, { code: 'SERVER_GOING_AWAY', description: 'The server is shutting down' })
  }

  #follow(event: InputEvent): void {
    if (event.type === 'start') this.#turn = this.#startTurn()
    else if (event.type === 'progress') this.#turn?.progress(this.#config.thresholds)
  }

  #startTurn(): FluxTurn {
    const windowStart = this.#windowStart
    const index = this.#turns++
    return new FluxTurn({
      input: this.#input,
      transcripts: this.#transcripts,
      windowStart,
      send: (fields) => this.#tellTurn({ turn_index: index, ...fields }),
      over: () => {
        this.#turn = null
        this.#windowStart = this.#input.position
      },
    })
  }

  #tellTurn({ words, ...fields }: JsonObject & { words: JsonObject[] | Promise<JsonObject[]> }): void {
    const { multi, languageHints } = this.#config
    this.#later(async () => {
      const told = await words
      const transcript = told.map(({ word }) => word).join(' ')
      const languages = { languages: told.length > 0 ? ['en'] : [], languages_hinted: languageHints }
      const info = { ...fields, transcript, words: told, ...(multi ? languages : {}) }
      this.#send('TurnInfo', { request_id: this.#requestId, ...info })
    })
  }

  #configure(message: JsonObject): void {
    const answer = { request_id: this.#requestId }
    try {
      this.#config = configured(this.#config, message)
    } catch (error) {
      if (!(error instanceof QueryError)) throw error
      const { message: description } = error
      this.#later(() =>
        this.#send('ConfigureFailure', { ...answer, code: 'INVALID_CONFIGURATION', description }),
      )
      return
    }
    const { thresholds, keyterms, languageHints, numerals, multi } = this.#config
    const effective = { thresholds, keyterms, numerals, ...(multi ? { language_hints: languageHints } : {}) }
    this.#later(() => this.#send('ConfigureSuccess', { ...answer, ...effective }))
  }

  #closeStream(): void {
    this.#ended = true
    this.#silence.end()
    this.#turn?.end('manual')
    this.#later(() => this.#connection.close(1000, ''))
  }

  #watchSilence(): void {
    this.#silence.wait(this.#services.timeouts.fluxSilenceMs)
  }

  #fail(close: number, { code, description }: { code: string; description: string }): void {
    this.#ended = true
    this.#silence.end()
    this.#later(() => {
      this.#send('Error', { code, description })
      this.#connection.close(close, code)
    })
  }

  #later(work: () => void | Promise<void>): void {
    this.#pending = this.#pending.then(work)
  }

  #send(type: string, fields: JsonObject): void {
    this.#connection.send({ type, sequence_id: this.#sequence++, ...fields })
  }
}
