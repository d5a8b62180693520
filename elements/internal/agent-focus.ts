import type { LitElement, PropertyValues, ReactiveController } from 'lit'
import type { AgentGate } from './agent-gate.ts'
import type { AgentLayout } from './agent-layouts.ts'

/** The layouts that `open` means something to. */
const OPENING: ReadonlySet<AgentLayout> = new Set<AgentLayout>(['floating', 'bar'])

/** What a user needs first, in the order of the page. */
const FIRST = 'voice-text-input, voice-talk-button, voice-start-button'

/** What is opened and closed. */
interface OpeningAgent extends LitElement {
  open: boolean
  readonly layout: AgentLayout
}

/** Where the focus goes when a dialog opens and closes, and while the user is asked for something. */
export class AgentFocus implements ReactiveController {
  readonly #host: OpeningAgent
  readonly #gate: AgentGate
  #before: Element | null = null

  constructor(host: OpeningAgent, gate: AgentGate) {
    this.#host = host
    this.#gate = gate
    host.addController(this)
    host.addEventListener('keydown', this.#onkeydown)
  }

  hostUpdated(): void {
    this.#followGate()
  }

  /** Shows or hides what `open` says, after an update. */
  follow(changed: PropertyValues): void {
    const { open, layout } = this.#host
    const dialog = this.#inside('.dialog')
    const left = !open && dialog?.matches(':focus-within')
    if (dialog && dialog.matches(':popover-open') !== open) dialog.togglePopover(open)
    if (left) this.#inside('.launcher')?.focus()
    const toggled = changed.has('open') && changed.get('open') !== undefined
    if (!toggled || !OPENING.has(layout)) return // A page that begins with it open keeps its focus.
    if (open && dialog) this.#focusFirst(dialog)
    this.#host.dispatchEvent(new Event(open ? 'open' : 'close'))
  }

  /** Something that is asked gets the focus, and gives it back. */
  #followGate(): void {
    const gate = this.#inside('.gate')
    if ((gate !== null) === (this.#before !== null)) return
    const { ownerDocument } = this.#host
    if (gate) {
      this.#before = ownerDocument.activeElement ?? this.#host
      gate.focus()
      return
    }
    const before = this.#before as HTMLElement
    this.#before = null
    // The host had it, with a control inside that is another one now.
    if (before === this.#host || before === ownerDocument.body) this.#focusFirst(null)
    else before.focus()
  }

  /** @param otherwise Where the controls are the page's own. */
  #focusFirst(otherwise: HTMLElement | null): void {
    const first = this.#inside<HTMLElement & Partial<LitElement>>(FIRST) ?? otherwise
    // A control that has just come has nothing inside yet that could be focused.
    void Promise.resolve((first as Partial<LitElement> | null)?.updateComplete).then(() => first?.focus())
  }

  #inside<E extends HTMLElement>(selector: string): E | null {
    return this.#host.renderRoot.querySelector<E>(selector)
  }

  #onkeydown = (event: KeyboardEvent): void => {
    const { key, defaultPrevented, isComposing } = event
    if (key !== 'Escape' || defaultPrevented || isComposing) return
    const { open, layout } = this.#host
    if (this.#gate.step) this.#gate.decline()
    else if (open && OPENING.has(layout)) this.#host.open = false
    else return
    event.preventDefault()
  }
}
