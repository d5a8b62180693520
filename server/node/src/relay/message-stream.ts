import { type DataMessage, MessageAssembler } from './message-assembler.ts'
import type { MessageFilter, Verdict } from './message-filter.ts'
import { MessageWalker, type WalkerEvents, type WalkerOptions } from './message-walker.ts'
import { encodeMessage, OPCODE } from './wire.ts'

/** One direction of a session: bytes go in as they come, and come out as they may be passed on. */
export type MessageStream = Pick<
  MessageWalker,
  'push' | 'peek' | 'midFragment' | 'midMessage' | 'holding' | 'messages' | 'cuts'
>

type Bounds = Omit<WalkerOptions, 'masked'>

/** What comes from a client. @param filter null: messages are passed on untouched. */
export function clientStream(
  limits: Bounds,
  filter: MessageFilter | null,
  events: WalkerEvents,
): MessageStream {
  const { maxFragments } = limits
  if (filter === null) return new MessageWalker({ ...limits, masked: true }, events)
  const maxMessageBytes = Math.min(limits.maxMessageBytes, filter.maxMessageBytes)
  const judge = (message: DataMessage) => filter.fromClient(message)
  return new JudgedStream({ maxMessageBytes, maxFragments, masked: true, judge }, events)
}

/** What comes from the provider. @param filter null: messages are passed on untouched. */
export function upstreamStream(
  limits: Bounds,
  filter: MessageFilter | null,
  events: WalkerEvents,
): MessageStream {
  if (filter === null) return new MessageWalker({ ...limits, masked: false }, events)
  const judge = (message: DataMessage) => filter.fromProvider(message)
  return new JudgedStream({ ...limits, masked: false, judge }, events)
}

interface JudgedOptions extends WalkerOptions {
  readonly judge: (message: DataMessage) => Verdict
}

/**
 * Like a `MessageWalker`, but what it passes on are whole messages, each judged before. What need not be
 * changed leaves as the same bytes, still masked.
 */
export class JudgedStream implements MessageStream {
  readonly #walker: MessageWalker
  readonly #options: JudgedOptions
  readonly #forward: (bytes: Buffer) => void
  readonly #assembler = new MessageAssembler((message) => this.#take(message))
  /** Always between two messages. */
  readonly midFragment = false
  readonly midMessage = false
  /** What a chunk has led to leaves at once. */
  readonly cuts = false
  #passed: Buffer[] = []

  constructor(options: JudgedOptions, events: WalkerEvents) {
    this.#options = options
    this.#forward = events.forward
    this.#walker = new MessageWalker(options, {
      ...events,
      forward: (bytes) => this.#assembler.push(bytes),
      // Nothing may be passed on behind an end that came behind it.
      close: (code, reason) => {
        this.#flush()
        events.close(code, reason)
      },
      violation: (violation) => {
        this.#flush()
        events.violation(violation)
      },
    })
  }

  get holding(): boolean {
    return this.#walker.holding || this.#assembler.holding
  }

  get messages(): number {
    return this.#walker.messages
  }

  push(chunk: Buffer): void {
    this.#walker.push(chunk)
    this.#flush()
  }

  /** One write for all messages of a chunk: a second one costs more than to copy them together. */
  #flush(): void {
    if (this.#passed.length === 0) return
    const passed = this.#passed
    this.#passed = []
    this.#forward(passed.length === 1 ? passed[0]! : Buffer.concat(passed))
  }

  peek(length: number): string {
    return this.#walker.peek(length)
  }

  #take(message: DataMessage): void {
    const verdict = this.#options.judge(message)
    if (verdict === false) return
    const { masked } = this.#options // what a client masked must be masked for the provider
    if (verdict === true && message.raw !== null) this.#passed.push(message.raw)
    else if (verdict === true) {
      const opcode = message.binary ? OPCODE.binary : OPCODE.text
      this.#passed.push(encodeMessage(opcode, message.payload, masked))
    } else this.#passed.push(encodeMessage(OPCODE.text, Buffer.from(verdict), masked))
  }
}
