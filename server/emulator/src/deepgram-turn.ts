import { byteLengthOf, bytesPerSample, encodeAudio } from './audio-format.ts'
import type { EmulatorConnection, SpokenItem } from './connection.ts'
import { DeepgramCalls } from './deepgram-calls.ts'
import { askChain, ChainError } from './deepgram-chain.ts'
import { type AgentConfig, type AgentMind, pastCallOf } from './deepgram-settings.ts'
import { Pacer, pause, sentences, words } from './pacer.ts'
import type { PastCall, Reply, ReplyContext, ToolCall, ToolOutput, Utterance } from './reply.ts'
import type { JsonObject } from './schema.ts'
import type { Services } from './services.ts'

/** What a turn of the agent is about: words of its own, or an answer to the user's. */
export type TurnRequest =
  | { readonly type: 'say'; readonly text: string }
  | {
      readonly type: 'answer'
      readonly text: string
      readonly speechMs: number | null
      readonly transcribed: boolean
    }

type AnswerRequest = Extract<TurnRequest, { type: 'answer' }>

/** What a turn needs of the session around it. */
export interface TurnContext {
  readonly connection: EmulatorConnection
  readonly config: () => AgentConfig
  readonly services: Services
  /** How many turns the agent had before. */
  readonly turn: number
  readonly history: () => readonly Utterance[]
  /** Calls that were answered; the turn adds its own. */
  readonly pastCalls: PastCall[]
  /** Ids of all calls that the session asked its client for. */
  readonly issuedCalls: Set<string>
  send(type: string, fields: JsonObject): void
  tell(role: 'assistant', text: string): void
  warn(code: string, description: string): void
  /** Ends the session with an error. */
  fail(code: string, description: string): void
}

/** Functions that answer with calls for ever are stopped here. */
const MAX_ROUNDS = 10

/** One turn of Deepgram's agent: thinking, calling functions, speaking. It can be cut off at any moment. */
export class DeepgramTurn {
  readonly #context: TurnContext
  readonly #request: TurnRequest
  readonly #abort = new AbortController()
  readonly #startedAt = performance.now()
  readonly #calls: DeepgramCalls
  #thoughtAt = 0
  #spoken: SpokenItem | null = null
  /** The words of the sentence under way that were sent as sound. */
  #partial = ''
  #sizes = 0

  constructor(context: TurnContext, request: TurnRequest) {
    this.#context = context
    this.#request = request
    const { issuedCalls: issued, send, warn } = context
    this.#calls = new DeepgramCalls({ signal: this.#abort.signal, issued, send, warn })
  }

  /** Runs to the end; never rejects. */
  async run(): Promise<void> {
    try {
      if (this.#request.type === 'say') await this.#speak(this.#request.text)
      else await this.#answer(this.#request)
    } catch (error) {
      if (this.#abort.signal.aborted) return
      const description = error instanceof Error ? error.message : String(error)
      this.#context.fail(error instanceof ChainError ? error.code : 'INTERNAL_SERVER_ERROR', description)
    }
  }

  /** The user spoke: nothing more is sent, what was said so far is told, and open calls are withdrawn. */
  interrupt(): void {
    if (this.#abort.signal.aborted) return
    this.stop()
    if (this.#partial !== '') this.#tellSpoken(this.#partial)
    this.#calls.withdraw()
  }

  /** Stops without another word. */
  stop(): void {
    this.#abort.abort()
  }

  /** Takes a FunctionCallResponse; returns whether a call waited for it. */
  takeResponse(message: JsonObject): boolean {
    return this.#calls.take(message)
  }

  async #answer(request: AnswerRequest): Promise<void> {
    let outputs: ToolOutput[] = []
    for (let round = 0; round < MAX_ROUNDS; round++) {
      if (!(await pause(this.#context.services.pace.thinkMs, this.#abort.signal))) return
      const { mind, reply } = await this.#think(request, outputs)
      if (this.#abort.signal.aborted) return
      this.#thoughtAt = performance.now()
      const { text, calls } = normalize(reply)
      this.#context.send('AgentThinking', { content: calls.length > 0 ? 'A function can tell.' : text })
      if (text !== '') await this.#speak(text)
      if (calls.length === 0 || this.#abort.signal.aborted) return
      const answers = await this.#callAll(calls, mind)
      if (!answers) return
      outputs = answers
    }
  }

  #think(
    request: AnswerRequest,
    toolOutputs: readonly ToolOutput[],
  ): Promise<{ mind: AgentMind; reply: Reply }> {
    const { config, services } = this.#context
    return askChain(config().minds, {
      doing: 'think',
      attempt: async (mind) => {
        const context = this.#replyContext(request, { mind, toolOutputs })
        return { mind, reply: await services.respond(request.text, context) }
      },
      warn: (code, description) => this.#warn(code, description),
    })
  }

  /** A turn that was cut off has nothing more to complain about. */
  #warn(code: string, description: string): void {
    if (!this.#abort.signal.aborted) this.#context.warn(code, description)
  }

  #replyContext(
    request: AnswerRequest,
    { mind, toolOutputs }: { mind: AgentMind; toolOutputs: readonly ToolOutput[] },
  ): ReplyContext {
    const { prompt, functions } = mind
    return {
      protocol: 'deepgram-agent',
      turn: this.#context.turn,
      instructions: prompt,
      asked: null,
      speechMs: request.speechMs,
      transcribed: request.transcribed,
      tools: functions,
      toolOutputs,
      history: this.#context.history(),
      pastCalls: this.#context.pastCalls,
    }
  }

  /** Has functions called; `null` if the turn was cut off first. */
  async #callAll(calls: readonly ToolCall[], { functions }: AgentMind): Promise<ToolOutput[] | null> {
    const known = calls.map((call) => ({
      call,
      definition: functions.find(({ name }) => name === call.name),
    }))
    const unknown = known.find(({ definition }) => !definition)
    if (unknown) {
      const description = `No function is called ${unknown.call.name}`
      this.#context.fail('NON_EXISTENT_FUNCTION_CALLED', description)
      return null
    }
    const answered = await this.#calls.ask(
      known.map(({ call, definition }) => ({ call, clientSide: definition!.clientSide })),
    )
    if (!answered) return null
    this.#context.pastCalls.push(...answered.history.map(pastCallOf))
    if (this.#context.config().history) this.#context.send('History', { function_calls: answered.history })
    return answered.outputs
  }

  async #speak(text: string): Promise<void> {
    const clips = sentences(text).map((sentence) => ({ sentence, pcm: this.#synthesize(sentence) }))
    // A clip that is never reached, as the turn was cut off, has nobody to tell of its failure.
    for (const { pcm } of clips) pcm.catch(() => {})
    const pacer = new Pacer(this.#context.services.pace.speed, this.#abort.signal)
    for (const { sentence, pcm } of clips) {
      if (!(await this.#stream(sentence, { pcm: await pcm, pacer }))) return
      this.#partial = ''
      this.#tellSpoken(sentence)
    }
    if (this.#spoken) this.#spoken.complete = true
    this.#spoken = null
    this.#context.send('AgentAudioDone', {})
  }

  #synthesize(text: string): Promise<Int16Array> {
    const { config, services } = this.#context
    const { voices, output } = config()
    return askChain(voices, {
      doing: 'speak',
      attempt: ({ voice, speed }) =>
        services.speech.synthesize({ text, voice, speed, sampleRate: output.sampleRate }),
      warn: (code, description) => this.#warn(code, description),
    })
  }

  /** Sends one sentence as sound. Returns `false` if it was cut off. */
  async #stream(sentence: string, { pcm, pacer }: { pcm: Int16Array; pacer: Pacer }): Promise<boolean> {
    if (this.#abort.signal.aborted) return false
    const { output } = this.#context.config()
    const spoken = this.#spoken ?? this.#startSpeaking()
    const bytes = encodeAudio(pcm, output.encoding)
    const all = words(sentence)
    for (let at = 0; at < bytes.length; ) {
      if (!(await pacer.until(spoken.audio.ms))) return false
      const chunk = bytes.subarray(at, at + this.#nextSize())
      at += chunk.length
      if (this.#context.connection.sendBinary(chunk)) spoken.audio.append(chunk, output)
      this.#partial = all.slice(0, Math.floor((all.length * at) / bytes.length)).join('')
    }
    return true
  }

  #startSpeaking(): SpokenItem {
    const { connection, config, send } = this.#context
    const spoken = connection.startSpeaking(`utterance_${connection.spoken.length + 1}`, null)
    this.#spoken = spoken
    this.#tellLatencies(send)
    if (config().wav) connection.sendBinary(wavHeader(config().output))
    return spoken
  }

  /** Deepgram tells its latencies twice: for the app beside the start, for statistics in parts. */
  #tellLatencies(send: TurnContext['send']): void {
    const seconds = (ms: number) => Math.max(0, Math.round(ms) / 1000)
    const thought = this.#thoughtAt === 0 ? this.#startedAt : this.#thoughtAt
    const ttt = seconds(thought - this.#startedAt)
    const tts = seconds(performance.now() - thought)
    const total = seconds(performance.now() - this.#startedAt)
    send('AgentStartedSpeaking', { total_latency: total, tts_latency: tts, ttt_latency: ttt })
    send('LatencyReport', { stt_latency: 0, ttt_token_latency: ttt, ttt_text_latency: ttt })
    send('LatencyReport', { tts_latency: tts, total_latency: total })
  }

  #nextSize(): number {
    const { deepgramChunkBytes, deepgramChunkMs } = this.#context.services.pace
    if (deepgramChunkBytes?.length) return deepgramChunkBytes[this.#sizes++ % deepgramChunkBytes.length]!
    return byteLengthOf(deepgramChunkMs, this.#context.config().output)
  }

  #tellSpoken(text: string): void {
    if (this.#spoken) this.#spoken.text = `${this.#spoken.text} ${text}`.trim()
    this.#context.tell('assistant', text)
  }
}

function normalize(reply: Reply): { text: string; calls: readonly ToolCall[] } {
  if (typeof reply === 'string') return { text: reply, calls: [] }
  return { text: reply.text ?? '', calls: reply.calls ?? [] }
}

/** The 44 bytes that precede samples in a WAV stream whose length nobody knows yet. */
function wavHeader(format: AgentConfig['output']): Uint8Array {
  const code = { linear16: 1, linear32: 1, alaw: 6, mulaw: 7 }[format.encoding]
  const size = bytesPerSample(format)
  const header = Buffer.alloc(44)
  header.write('RIFF', 0)
  header.writeUInt32LE(0xffffffff, 4)
  header.write('WAVEfmt ', 8)
  header.writeUInt32LE(16, 16)
  header.writeUInt16LE(code, 20)
  header.writeUInt16LE(1, 22)
  header.writeUInt32LE(format.sampleRate, 24)
  header.writeUInt32LE(format.sampleRate * size, 28)
  header.writeUInt16LE(size, 32)
  header.writeUInt16LE(size * 8, 34)
  header.write('data', 36)
  header.writeUInt32LE(0xffffffff, 40)
  return header
}
