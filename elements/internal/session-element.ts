import type { PropertyDeclarations } from 'lit'
import type { VoiceSession } from '../../src/index.ts'
import type { Conversation } from './conversation.ts'
import { ENGLISH, type Strings } from './localization.ts'
import { PageElement } from './page-element.ts'
import { SessionController } from './session-controller.ts'

/** What the controls have in common: a session, found or set, and words. */
export abstract class SessionElement extends PageElement {
  static override properties: PropertyDeclarations = {
    session: { attribute: false, noAccessor: true },
    strings: { attribute: false },
  }

  /** Words that replace those of the agent around the element. */
  declare strings: Partial<Strings> | null
  readonly #controller = new SessionController(this)

  /** The session that this element shows: the one set here, else that of the agent around it, else null. */
  get session(): VoiceSession | null {
    return this.conversation?.session ?? null
  }

  set session(session: VoiceSession | null) {
    this.#controller.use(session)
  }

  protected get conversation(): Conversation | null {
    return this.isHydrating ? null : this.#controller.conversation
  }

  protected get words(): Strings {
    return this.isHydrating ? ENGLISH : { ...(this.conversation?.strings ?? ENGLISH), ...this.strings }
  }
}
