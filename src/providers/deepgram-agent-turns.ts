import { type JsonObject, stringField } from '../util/json.ts'
import type { DeepgramAgentDetail } from './deepgram-agent-options.ts'
import type { ProviderEvent } from './provider.ts'

type AgentEvent = ProviderEvent<DeepgramAgentDetail>

/** Who speaks when on one connection. Deepgram names neither turns nor items: they are counted and named here. */
export class AgentTurns {
  #entries = 0
  /** The agent's turn at hand; null between turns. */
  #turn: string | null = null
  /** Whether the agent's newest turn has text. */
  #hasText = false
  /** The turn that was cut off, until the next begins: text of it may still be on its way. */
  #cut: string | null = null
  /** Whether what sounds is still the turn that was cut off. */
  #dropping = false
  /** Whether the user's words are still to come, though the answer to them may have begun. */
  #awaited = false
  /** The newest entry with text, and the one before the turn at hand. */
  #last: string | null = null
  #before: string | null = null

  /** The agent is cut off without Deepgram's knowledge. */
  cutOff(): void {
    if (this.#turn === null) return
    this.#cut = this.#turn
    this.#dropping = true
  }

  /** What comes from now on belongs to the next turn. */
  next(): void {
    // What was cut off is not to come back under its name.
    if (this.#dropping) this.#turn = null
    this.#dropping = false
    this.#cut = null
  }

  /** A piece of the agent's voice. */
  *audio(data: ArrayBuffer): Iterable<AgentEvent> {
    if (this.#dropping) return
    this.#cut = null
    yield { type: 'audio', itemId: this.#turnId(), data: new Uint8Array(data) }
  }

  /** The user began to speak, which cuts the agent off. */
  *speechStart(): Iterable<AgentEvent> {
    yield { type: 'speech-start' }
    this.cutOff()
    this.#dropping = true
    this.#awaited = true
    yield* this.#end()
  }

  /** All of the agent's turn was sent. */
  *done(): Iterable<AgentEvent> {
    const status = this.#cut === null ? 'completed' : 'cancelled'
    const whole = this.#turn !== null
    yield* this.#end()
    // Of a turn that Deepgram itself cut off, text may still come.
    if (whole) this.next()
    yield { type: 'response-end', status }
  }

  /** @param event A `ConversationText`. */
  *text(event: JsonObject): Iterable<AgentEvent> {
    const text = stringField(event, 'content')
    yield* event['role'] === 'user' ? this.#user(text) : this.#agent(text)
  }

  *#user(text: string): Iterable<AgentEvent> {
    // An answer that began since the user spoke is the answer to these words.
    const answered = this.#awaited && !this.#dropping && this.#turn !== null
    const afterId = answered && this.#hasText ? this.#before : null
    const id = `user-${++this.#entries}`
    this.#awaited = false
    if (!answered) {
      yield* this.#end()
      this.next()
    }
    if (afterId === null) this.#last = id
    yield { type: 'transcript', id, role: 'user', text, final: true, ...(afterId !== null && { afterId }) }
    if (!answered) yield { type: 'speech-end' }
  }

  *#agent(text: string): Iterable<AgentEvent> {
    // What was spoken of an answer may be told after it was cut off.
    const id = this.#cut ?? this.#turnId()
    // An answer comes sentence by sentence; together they are one utterance.
    const words = this.#hasText ? { delta: ` ${text}` } : id === this.#cut ? { text } : { delta: text }
    this.#hasText = true
    this.#last = id
    yield { type: 'transcript', id, role: 'assistant', ...words, final: true }
  }

  *#end(): Iterable<AgentEvent> {
    const itemId = this.#turn
    this.#turn = null
    if (itemId) yield { type: 'audio-end', itemId }
  }

  #turnId(): string {
    if (this.#turn === null) {
      this.#turn = `assistant-${++this.#entries}`
      this.#hasText = false
      this.#before = this.#last
    }
    return this.#turn
  }
}
