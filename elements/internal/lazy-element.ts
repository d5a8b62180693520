import { type CSSResult, type CSSResultOrNative, nothing, type ReactiveController } from 'lit'
import type { Conversation } from './conversation.ts'
import type { Strings } from './localization.ts'
import { SessionElement } from './session-element.ts'

/** What a body shows, as its element knows it at any time. */
export interface Inside {
  readonly conversation: Conversation | null
  readonly words: Strings
}

/** What an element looks like and does. */
export interface Body extends ReactiveController {
  render(): unknown
}

/** A module that an element has its body from. */
export interface BodyModule<Host> {
  readonly Body: {
    readonly styles: CSSResult
    /** The host is the element that imports the module, with its properties. */
    new (host: Host, inside: Inside): Body
  }
}

/** An element that few pages have: what it looks like and does is loaded when the first one is put into a page. */
export abstract class LazyElement extends SessionElement {
  #body: Body | null = null
  #styles: CSSResult | null = null
  #loading: Promise<void> | null = null

  /** Imports the body's module. */
  protected abstract load(): Promise<BodyModule<this>>

  override connectedCallback(): void {
    super.connectedCallback()
    this.#loading ??= this.#load()
  }

  protected override get looks(): readonly CSSResultOrNative[] {
    return this.#styles ? [...super.looks, this.#styles] : super.looks
  }

  protected override render(): unknown {
    return this.#body?.render() ?? nothing
  }

  /** Whoever waits for the element waits for its body, too. */
  protected override async getUpdateComplete(): Promise<boolean> {
    await this.#loading
    return super.getUpdateComplete()
  }

  get #inside(): Inside {
    return this as unknown as Inside
  }

  async #load(): Promise<void> {
    try {
      const { Body } = await this.load()
      this.#styles = Body.styles
      this.adoptLooks(this.renderRoot as ShadowRoot)
      this.#body = new Body(this, this.#inside)
      this.addController(this.#body)
      this.requestUpdate()
    } catch (error) {
      // The next one that is put into the page tries again, and so does this one.
      this.#loading = null
      console.warn(`voicewire: Cannot load <${this.localName}>`, error)
    }
  }
}
