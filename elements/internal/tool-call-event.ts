import type { ToolCallEvent } from '../../src/index.ts'

/** What answers a call: once, and only while its event is being dispatched. */
export interface Answering {
  /** Aborted when the call is withdrawn, takes too long, or the connection is gone. */
  readonly signal: AbortSignal
  /** Takes the answer over; called at most once. */
  readonly onanswer: (answer: unknown) => void
}

/**
 * The model calls a tool, or a call has come to its end.
 *
 * A call of a `<voice-tool>`, or of a tool without a handler, begins with one event of the status `running` that asks
 * the page for the answer: on the `<voice-tool>`, from where it bubbles to the agent, or on the agent itself. Tools
 * that have a handler of their own are told of on the agent, and need no answer. What became of a call is told on the
 * agent, by a second event with the status `done`, `failed`, `cancelled` or `declined`.
 *
 * @example
 * tool.addEventListener('toolcall', (event) => event.respondWith(lookUp(event.detail.input, event.signal)))
 */
export class VoiceToolCallEvent extends CustomEvent<ToolCallEvent> {
  /** Of a call that is to be answered: aborted when the answer is no longer wanted. Null for all others. */
  readonly signal: AbortSignal | null
  #answering: Answering | null
  #why = 'it is a tool with a handler of its own, or its call is over'

  constructor(detail: ToolCallEvent, answering: Answering | null = null) {
    super('toolcall', { detail, bubbles: true, composed: true })
    this.signal = answering?.signal ?? null
    this.#answering = answering
  }

  /**
   * Answers the model's call. Where nobody does, or the promise is rejected, the model is told that the tool failed,
   * and the page gets a `warning` with the reason.
   *
   * @param answer What the model is told, now or later: a string as it is, nothing as an empty one, all else as JSON.
   * @throws {DOMException} `InvalidStateError`, if the event asks for no answer, has one already, or is over.
   */
  respondWith(answer: unknown): void {
    if (!this.#answering || this.eventPhase === Event.NONE) {
      const why = this.#answering ? 'it is over' : this.#why
      throw new DOMException(
        `Cannot answer the call as toolcall must be an event that waits for an answer: ${why}`,
        'InvalidStateError',
      )
    }
    this.#answering.onanswer(answer)
    this.#answering = null
    this.#why = 'it is answered'
  }
}
