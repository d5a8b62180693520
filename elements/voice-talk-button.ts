import { css, html, type TemplateResult } from 'lit'
import type { Conversation } from './internal/conversation.ts'
import { CustomState } from './internal/custom-state.ts'
import { define } from './internal/define.ts'
import { microphone, voice } from './internal/icons.ts'
import { SessionElement } from './internal/session-element.ts'
import { base, button } from './internal/styles.ts'

/** What a press can be ended by; a press without a hold, as assistive technology makes it, by the next one alone. */
type Press = 'held' | 'toggled' | null

/**
 * Hold to talk: the microphone is open while the button, Space or Enter is held, and muted otherwise. A press cuts
 * the agent off; where there is no conversation it starts one. Assistive technology that can only click switches it
 * on and off.
 *
 * It has `:state(pressed)` while the microphone is open.
 *
 * @slot talk - What the button says; this is its name all the time.
 * @slot talking - What it shows while it is held.
 * @csspart button - The button.
 * @csspart icon - The picture in it.
 */
export class VoiceTalkButton extends SessionElement {
  static override shadowRootOptions: ShadowRootInit = {
    ...SessionElement.shadowRootOptions,
    delegatesFocus: true,
  }

  static override styles = [
    base,
    button,
    css`
      .root {
        display: inline-grid;
        background: var(--accent);
        color: var(--on-accent);
        touch-action: none;
        -webkit-touch-callout: none;
        transition: background-color 0.15s, box-shadow 0.15s;
      }
      .root:enabled:hover {
        background: color-mix(in oklab, var(--accent), var(--text) 14%);
      }
      .root[aria-pressed='true'] {
        box-shadow: 0 0 0 0.375em color-mix(in srgb, var(--accent), transparent 72%);
      }
      span {
        grid-area: 1 / 1;
        display: flex;
        align-items: center;
        justify-content: center;
        gap: 0.5em;
      }
      [aria-pressed='false'] .talking,
      [aria-pressed='true'] .talk {
        opacity: 0;
      }
      @media (forced-colors: active) {
        .root {
          border-color: ButtonBorder;
        }
        .root[aria-pressed='true'] {
          forced-color-adjust: none;
          background: Highlight;
          color: HighlightText;
        }
      }
    `,
  ]

  readonly #state = new CustomState(this, 'pressed')
  #press: Press = null
  #starting = false
  /** The click that follows came without a hand on a device. */
  #virtual = false
  #pointerType = ''
  /** What was muted here already; it may be unmuted by other controls since. */
  #muted: Conversation | null = null

  override connectedCallback(): void {
    super.connectedCallback()
    this.ownerDocument.addEventListener('visibilitychange', this.#release)
  }

  override disconnectedCallback(): void {
    this.#release()
    this.ownerDocument.removeEventListener('visibilitychange', this.#release)
    super.disconnectedCallback()
  }

  protected override render(): TemplateResult {
    const { conversation, words } = this
    return html`<button
      class="root"
      part="button"
      type="button"
      aria-pressed=${this.#press !== null}
      ?disabled=${!conversation}
      @pointerdown=${this.#onpointerdown}
      @pointerup=${this.#letGo}
      @pointercancel=${this.#letGo}
      @lostpointercapture=${this.#letGo}
      @contextmenu=${this.#oncontextmenu}
      @keydown=${this.#onkeydown}
      @keyup=${this.#onkeyup}
      @blur=${this.#letGo}
      @click=${this.#onclick}
    >
      <span class="talk">${microphone}<slot name="talk">${words.talk}</slot></span>
      <span class="talking" aria-hidden="true">${voice}<slot name="talking">${words.talking}</slot></span>
    </button>`
  }

  protected override updated(): void {
    const { conversation, session } = this
    if (conversation !== this.#muted) {
      this.#muted = conversation
      if (conversation && !this.#press) conversation.muted = true
    }
    const over = !this.#starting && (session?.state ?? 'closed').startsWith('clos')
    if (this.#press && over) this.#release()
  }

  #onpointerdown(event: PointerEvent): void {
    this.#virtual = isVirtual(event)
    this.#pointerType = event.pointerType
    if (event.button !== 0 || !event.isPrimary || this.#virtual) return
    const pressed = event.currentTarget as HTMLButtonElement
    pressed.setPointerCapture(event.pointerId)
    this.#begin('held')
  }

  /** A long press is what a finger is asked for here; who holds a mouse wants the menu. */
  #oncontextmenu(event: MouseEvent): void {
    if (this.#pointerType === 'touch') event.preventDefault()
    else this.#letGo()
  }

  #onkeydown(event: KeyboardEvent): void {
    if (!isPressKey(event)) return
    // The click that it would make.
    event.preventDefault()
    if (!event.repeat) this.#begin('held')
  }

  #onkeyup(event: KeyboardEvent): void {
    if (!isPressKey(event)) return
    event.preventDefault()
    this.#letGo()
  }

  #onclick({ detail }: MouseEvent): void {
    if (detail !== 0 && !this.#virtual) return
    this.#virtual = false
    if (this.#press) this.#release()
    else this.#begin('toggled')
  }

  #begin(press: Press): void {
    const { conversation, session } = this
    if (!conversation || this.#press) return
    this.#show(press)
    session?.interrupt()
    conversation.muted = false
    if (session?.state === 'open') return
    this.#starting = true
    const ended = (): void => {
      this.#starting = false
      this.requestUpdate()
    }
    // The conversation told a failure, as an `error` event and to the status.
    conversation.start().then(ended, ended)
  }

  #letGo(): void {
    if (this.#press === 'held') this.#release()
  }

  #release = (): void => {
    if (!this.#press) return
    this.#show(null)
    const { conversation, session } = this
    if (conversation) conversation.muted = true
    if (session?.state !== 'open' || session.provider.capabilities?.endTurn === false) return
    session.endTurn()
  }

  #show(press: Press): void {
    this.#press = press
    this.#state.toggle(press !== null)
    this.requestUpdate()
  }
}

function isPressKey({ key, ctrlKey, metaKey, altKey }: KeyboardEvent): boolean {
  return (key === ' ' || key === 'Enter') && !ctrlKey && !metaKey && !altKey
}

/**
 * Whether assistive technology presses: it lets go at once, so that its click is what counts. A screen reader's
 * press has no size, but so has a finger's on some Android devices; TalkBack's is a mouse's without pressure.
 * WebKit knows no pressure at all, but counts clicks.
 *
 * @see https://bugs.webkit.org/show_bug.cgi?id=206216
 */
function isVirtual({ width, height, pressure, detail, pointerType }: PointerEvent): boolean {
  if (width === 0 && height === 0) return !/Android/.test(navigator.userAgent)
  return pointerType === 'mouse' && width === 1 && height === 1 && pressure === 0 && detail === 0
}

define('voice-talk-button', VoiceTalkButton)

declare global {
  interface HTMLElementTagNameMap {
    'voice-talk-button': VoiceTalkButton
  }
}
