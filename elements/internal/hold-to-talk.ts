import { css, html, type TemplateResult } from 'lit'
import type { VoiceSession } from '../../src/index.ts'
import type { Conversation } from './conversation.ts'
import { CustomState } from './custom-state.ts'
import { microphone, voice } from './icons.ts'
import type { Body, Inside } from './lazy-element.ts'
import type { SessionElement } from './session-element.ts'

/** What a press can be ended by; a press without a hold, as assistive technology makes it, by the next one alone. */
type Press = 'held' | 'toggled' | null

const styles = css`
  .root {
    display: inline-grid;
    touch-action: none;
    -webkit-touch-callout: none;
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
    .root[aria-pressed='true'] {
      forced-color-adjust: none;
      box-shadow: none;
      background: Highlight;
      color: HighlightText;
    }
  }
`

/** A press, and all that ends it. */
class HoldToTalk implements Body {
  static readonly styles = styles
  readonly #host: SessionElement
  readonly #inside: Inside
  readonly #state: CustomState
  #press: Press = null
  /** What hears the user while it is pressed. */
  #heard: Conversation | null = null
  #session: VoiceSession | null = null
  #starting = false
  /** The click that follows came without a hand on a device. */
  #virtual = false
  #pointerType = ''

  constructor(host: SessionElement, inside: Inside) {
    this.#host = host
    this.#inside = inside
    this.#state = new CustomState(host, 'pressed')
  }

  render(): TemplateResult {
    const { conversation, words } = this.#inside
    return html`<button
      class="root primary"
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

  hostConnected(): void {
    this.#host.ownerDocument.addEventListener('visibilitychange', this.#release)
  }

  hostUpdated(): void {
    const { session } = this.#host
    // One that is taken away in the middle of a press is not to go on listening.
    if (this.#press && this.#session && this.#session !== session) this.#session.muted = true
    this.#session = session
    const over = !this.#starting && (session?.state ?? 'closed').startsWith('clos')
    if (over || this.#inside.conversation !== this.#heard) this.#release()
  }

  hostDisconnected(): void {
    this.#release()
    this.#host.ownerDocument.removeEventListener('visibilitychange', this.#release)
  }

  #onpointerdown = (event: PointerEvent): void => {
    this.#virtual = isVirtual(event)
    this.#pointerType = event.pointerType
    if (event.button !== 0 || !event.isPrimary || this.#virtual) return
    const pressed = event.currentTarget as HTMLButtonElement
    pressed.setPointerCapture(event.pointerId)
    this.#begin('held')
  }

  /** A long press is what a finger is asked for here; who holds a mouse wants the menu. */
  #oncontextmenu = (event: MouseEvent): void => {
    if (this.#pointerType === 'touch') event.preventDefault()
    else this.#letGo()
  }

  #onkeydown = (event: KeyboardEvent): void => {
    if (!isPressKey(event)) return
    // The click that it would make.
    event.preventDefault()
    if (!event.repeat) this.#begin('held')
  }

  #onkeyup = (event: KeyboardEvent): void => {
    if (!isPressKey(event)) return
    event.preventDefault()
    this.#letGo()
  }

  #onclick = ({ detail }: MouseEvent): void => {
    if (detail !== 0 && !this.#virtual) return
    this.#virtual = false
    if (this.#press) this.#release()
    else this.#begin('toggled')
  }

  #begin(press: Press): void {
    const { conversation } = this.#inside
    const { session } = this.#host
    if (!conversation || this.#press) return
    this.#heard = conversation
    this.#show(press)
    session?.interrupt()
    conversation.muted = false
    if (session?.state === 'open') return
    this.#starting = true
    const ended = (): void => {
      this.#starting = false
      this.#host.requestUpdate()
    }
    // The conversation told a failure, as an `error` event and to the status.
    conversation.start().then(ended, ended)
  }

  #letGo = (): void => {
    if (this.#press === 'held') this.#release()
  }

  #release = (): void => {
    const conversation = this.#heard
    if (!this.#press || !conversation) return
    this.#heard = null
    this.#show(null)
    conversation.muted = true
    const { session } = conversation
    if (session?.state !== 'open' || session.provider.capabilities?.endTurn === false) return
    session.endTurn()
  }

  #show(press: Press): void {
    this.#press = press
    this.#state.toggle(press !== null)
    this.#host.requestUpdate()
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

export { HoldToTalk as Body }
