import { html, nothing, render, type TemplateResult } from 'lit'
import { toRedactedJSON } from './redact.ts'
import type { LoggedEvent, SessionLog } from './session-log.ts'

/** The items of a list of events: each event has its own, which stays as it is while newer ones come before it. */
export class EventList {
  readonly #items = new Map<number, HTMLElement>()
  readonly #onfold: () => void
  #list: Element | null = null
  #log: SessionLog | null = null

  /** @param onfold Called when a reader folded or unfolded one, after which it is to be drawn. */
  constructor(onfold: () => void) {
    this.#onfold = onfold
  }

  /**
   * @param list Where they are, newest first.
   * @param log Whose events are shown; null for none.
   * @param secrets What must not be shown.
   */
  draw(list: Element, log: SessionLog | null, secrets: readonly string[]): void {
    const { events = [] } = log ?? {}
    if (list !== this.#list || log !== this.#log) {
      this.#list = list
      this.#log = log
      this.#items.clear()
      list.replaceChildren()
    }
    for (const event of events) {
      const item = this.#items.get(event.id) ?? this.#add(event.id)
      const details = item.querySelector('details')
      render(this.#summary(event, details?.open ? secrets : null), item)
    }
    for (const [id, item] of this.#items) {
      if (id >= events[0]!.id) break
      item.remove()
      this.#items.delete(id)
    }
  }

  #add(id: number): HTMLElement {
    const item = document.createElement('li')
    item.setAttribute('part', 'event')
    this.#items.set(id, item)
    this.#list?.prepend(item)
    return item
  }

  /** What is folded costs nothing. */
  #summary({ at, name, times, facts, text }: LoggedEvent, secrets: readonly string[] | null): TemplateResult {
    const subject = facts['code'] ?? facts['state'] ?? facts['name'] ?? facts['role']
    return html`<details @toggle=${this.#onfold}>
      <summary class=${name}>
        <time>${new Date(at).toISOString().slice(11, 23)}</time> ${name} ${subject}
        ${times > 1 ? `×${times}` : nothing}
      </summary>
      ${secrets && html`<pre>${toRedactedJSON({ ...facts, ...text }, secrets)}</pre>`}
    </details>`
  }
}
