import type { ReactiveElement } from 'lit'
import type { VoiceSession } from '../../src/index.ts'
import { Conversation } from './conversation.ts'
import { LocaleController } from './locale.ts'
import { ENGLISH, type Strings } from './localization.ts'
import { ContextConsumer, conversationContext } from './session-context.ts'

/**
 * Keeps an element up to date with a conversation: that of the agent around it, found anew whenever the
 * element is connected or an agent appears, or that of a session set by hand.
 */
export class SessionController {
  readonly #host: ReactiveElement
  #found: Conversation | null = null
  #given: Conversation | null = null
  #unsubscribe: (() => void) | null = null
  #localized = false
  #locale: Partial<Strings> = {}

  constructor(host: ReactiveElement) {
    this.#host = host
    new ContextConsumer(host, conversationContext, (conversation) => {
      this.#found = conversation
      this.#watch()
    })
  }

  /** Null while the element is in no agent and has no session of its own. */
  get conversation(): Conversation | null {
    return this.#given ?? this.#found
  }

  /** Null returns to the session of the agent around the element. */
  use(session: VoiceSession | null): void {
    if (session === (this.#given?.session ?? null)) return
    if (this.#given) this.#given.session = null
    this.#given = session ? new Conversation() : null
    if (this.#given) {
      this.#given.session = session
      this.#given.strings = { ...ENGLISH, ...this.#locale }
      this.#localize()
    }
    this.#watch()
  }

  #localize(): void {
    if (this.#localized) return
    this.#localized = true
    new LocaleController(this.#host, (words) => {
      this.#locale = words
      if (this.#given) this.#given.strings = { ...ENGLISH, ...words }
    })
  }

  #watch(): void {
    this.#unsubscribe?.()
    this.#unsubscribe = this.conversation?.subscribe(() => this.#host.requestUpdate()) ?? null
    this.#host.requestUpdate()
  }
}
