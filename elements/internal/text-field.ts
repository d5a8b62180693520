import { css, html, type TemplateResult } from 'lit'
import { send } from './icons.ts'
import type { Body, Inside } from './lazy-element.ts'
import type { SessionElement } from './session-element.ts'

/** The key code of a key that an input method has taken: WebKit's only word for the Enter that ends a composition. */
const TAKEN_BY_INPUT_METHOD = 229

const styles = css`
  .root {
    display: flex;
    align-items: end;
    gap: 0.25em;
    padding: 0.25em;
    overflow: clip;
    border-color: var(--field-border);
    border-radius: 1.4375em;
    cursor: auto;
    user-select: auto;
    font-weight: 400;
    text-align: start;
  }
  .root:has(textarea:focus) {
    border-color: var(--accent);
    outline: 1px solid var(--accent);
  }
  textarea {
    flex: 1;
    min-inline-size: 0;
    max-block-size: calc(6em + 0.875em);
    padding-block: 0.375em;
    padding-inline: 0.875em 0.25em;
    box-sizing: border-box;
    border: 0;
    background: none;
    color: inherit;
    font: inherit;
    field-sizing: content;
    overflow-wrap: anywhere;
    resize: none;
    scrollbar-width: thin;
  }
  textarea:focus-visible {
    outline: none;
  }
  textarea::placeholder {
    color: var(--secondary);
    opacity: 1;
  }
  textarea:read-only {
    color: var(--secondary);
  }
  button {
    flex: none;
    display: grid;
    place-items: center;
    inline-size: 2.25em;
    block-size: 2.25em;
    padding: 0;
    border: 0;
    border-radius: 50%;
    font: inherit;
    cursor: pointer;
    transition: background-color 0.15s, color 0.15s, border-color 0.15s;
  }
  textarea:placeholder-shown + button {
    background: color-mix(in srgb, var(--text), transparent 92%);
    color: var(--secondary);
  }
  :disabled {
    cursor: default;
    opacity: 0.55;
  }
  @media (forced-colors: active) {
    .root,
    button {
      border: 1px solid ButtonBorder;
    }
  }
`

interface FieldHost extends SessionElement {
  readonly placeholder: string | null
}

/** A text that is written, and how it is sent. */
class TextField implements Body {
  static readonly styles = styles
  readonly #host: FieldHost
  readonly #inside: Inside
  /** Whether a text is on its way. */
  #sending = false

  constructor(host: FieldHost, inside: Inside) {
    this.#host = host
    this.#inside = inside
  }

  render(): TemplateResult {
    const { conversation, words } = this.#inside
    const sending = this.#sending
    const { session, placeholder } = this.#host
    const disabled = !conversation || session?.provider.capabilities?.text === false
    const name = placeholder || words.write
    return html`<div class="root" part="input">
      <textarea
        part="field"
        rows="1"
        dir="auto"
        enterkeyhint="send"
        autocomplete="off"
        aria-label=${name}
        placeholder=${name}
        ?disabled=${disabled}
        ?readonly=${sending}
        @keydown=${this.#onkeydown}
        @input=${this.#fit}
      ></textarea>
      <button class="primary"
        part="send-button"
        type="button"
        aria-label=${words.send}
        aria-busy=${sending}
        ?disabled=${disabled}
        @click=${this.#send}
      >${send}</button>
    </div>`
  }

  get #field(): HTMLTextAreaElement {
    return this.#host.renderRoot.querySelector('textarea') as HTMLTextAreaElement
  }

  #onkeydown = (event: KeyboardEvent): void => {
    const composing = event.isComposing || event.keyCode === TAKEN_BY_INPUT_METHOD
    if (event.key !== 'Enter' || event.shiftKey || composing) return
    event.preventDefault()
    void this.#send()
  }

  #send = async (): Promise<void> => {
    const text = this.#field.value.trim()
    const { conversation } = this.#inside
    if (!text || !conversation || this.#sending) return
    this.#sending = true
    this.#host.requestUpdate()
    try {
      await conversation.sendText(text)
      this.#field.value = ''
      this.#fit()
    } catch {
      // The conversation told it, as an `error` event and to the status; the text is still there.
    }
    this.#sending = false
    this.#host.requestUpdate()
  }

  /** As high as its text, where the style sheet cannot say so. */
  #fit = (): void => {
    if (CSS.supports('field-sizing: content')) return
    const { style } = this.#field
    style.setProperty('block-size', 'auto')
    style.setProperty('block-size', `${this.#field.scrollHeight}px`)
  }
}

export { TextField as Body }
