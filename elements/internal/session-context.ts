import type { ReactiveController, ReactiveElement } from 'lit'
import type { VoiceSession } from '../../src/index.ts'
import type { Conversation } from './conversation.ts'

/** A key whose type says what is provided under it. */
export type Context<T> = symbol & { readonly __context__?: T }

/**
 * The session of the nearest `<voice-agent>`, or null while it has none. Any element may ask for it with a
 * {@link ContextRequestEvent}, or with a library that speaks the protocol; the key is the same in every copy.
 */
export const sessionContext: Context<VoiceSession | null> = Symbol.for('voicewire.session')

/** What the controls of this library ask for: the session together with how to start one and what went wrong. */
export const conversationContext: Context<Conversation> = Symbol.for('voicewire.conversation')

type ContextCallback<T> = (value: T, unsubscribe?: () => void) => void

/**
 * Asks the elements around the target for a value.
 *
 * @see https://github.com/webcomponents-cg/community-protocols/blob/main/proposals/context.md
 */
export class ContextRequestEvent<T> extends Event {
  readonly context: Context<T>
  readonly callback: ContextCallback<T>
  /** Whether the callback is to be called again at each change. */
  readonly subscribe: boolean

  constructor(context: Context<T>, callback: ContextCallback<T>, subscribe = false) {
    super('context-request', { bubbles: true, composed: true })
    this.context = context
    this.callback = callback
    this.subscribe = subscribe
  }
}

/** Says that there is now something that answers, to those who asked before it was there. */
class ContextProviderEvent<T> extends Event {
  readonly context: Context<T>
  readonly contextTarget: Element

  constructor(context: Context<T>, contextTarget: Element) {
    super('context-provider', { bubbles: true, composed: true })
    this.context = context
    this.contextTarget = contextTarget
  }
}

/** Answers requests from inside an element, and tells those who subscribed of each new value. */
export class ContextProvider<T> implements ReactiveController {
  readonly #host: ReactiveElement
  readonly #context: Context<T>
  readonly #subscribers = new Map<ContextCallback<T>, () => void>()
  #value: T

  constructor(host: ReactiveElement, context: Context<T>, value: T) {
    this.#host = host
    this.#context = context
    this.#value = value
    host.addController(this)
    host.addEventListener('context-request', (event) => this.#answer(event as ContextRequestEvent<T>))
  }

  set value(value: T) {
    if (value === this.#value) return
    this.#value = value
    for (const [callback, unsubscribe] of this.#subscribers) callback(value, unsubscribe)
  }

  hostConnected(): void {
    this.#host.dispatchEvent(new ContextProviderEvent(this.#context, this.#host))
  }

  #answer(event: ContextRequestEvent<T>): void {
    const { context, callback, subscribe } = event
    if (context !== this.#context) return
    event.stopPropagation()
    const unsubscribe = (): void => {
      this.#subscribers.delete(callback)
    }
    if (subscribe) this.#subscribers.set(callback, unsubscribe)
    callback(this.#value, unsubscribe)
  }
}

/** Finds the nearest provider of a context, also one that comes after its host, or that is put around it. */
export class ContextConsumer<T> implements ReactiveController {
  readonly #host: ReactiveElement
  readonly #context: Context<T>
  readonly #onfound: (value: T | null) => void
  /** Where it was connected: an element that is adopted by another document is there when it hears of it. */
  #page: Document | null = null

  /** @param onfound Called with what the nearest one gives, as often as it was asked; with null where there is none. */
  constructor(host: ReactiveElement, context: Context<T>, onfound: (value: T | null) => void) {
    this.#host = host
    this.#context = context
    this.#onfound = onfound
    host.addController(this)
  }

  hostConnected(): void {
    this.#page = this.#host.ownerDocument
    this.#page.addEventListener('context-provider', this.#onprovider)
    this.#request()
  }

  hostDisconnected(): void {
    this.#page?.removeEventListener('context-provider', this.#onprovider)
    this.#onfound(null)
  }

  #onprovider = (event: Event): void => {
    if ((event as ContextProviderEvent<unknown>).context === this.#context) this.#request()
  }

  #request(): void {
    let found: T | null = null
    this.#host.dispatchEvent(
      new ContextRequestEvent(this.#context, (value) => {
        found = value
      }),
    )
    this.#onfound(found)
  }
}
