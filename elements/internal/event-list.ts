import { html, nothing, render } from 'lit'
import { toRedactedJSON } from './redact.ts'
import type { LoggedEvent } from './session-log.ts'

/** The items of a list of events: each event has its own, which stays as it is while newer ones come before it. */
export class EventList {
  readonly #items = new Map<LoggedEvent, HTMLElement>()
  readonly #secrets: () => readonly string[]

  /** @param secrets Returns what must not be shown. */
  constructor(secrets: () => readonly string[]) {
    this.#secrets = secrets
  }

  /**
   * @param list Where they are, newest first.
   * @param events Oldest first; those of before may be missing at its beginning, and others follow at its end.
   */
  draw(list: Element, events: readonly LoggedEvent[]): void {
    if (!list.firstChild) this.#items.clear()
    for (const [event, item] of this.#items) {
      if (event === events[0]) break
      item.remove()
      this.#items.delete(event)
    }
    for (const event of events) {
      if (this.#items.has(event)) continue
      const item = document.createElement('li')
      item.setAttribute('part', 'event')
      this.#draw(event, item)
      this.#items.set(event, item)
      list.prepend(item)
    }
  }

  /** What is folded costs nothing. */
  #draw(event: LoggedEvent, item: HTMLElement, open = false): void {
    const { at, name, facts, text } = event
    const subject = facts['code'] ?? facts['state'] ?? facts['name'] ?? facts['role']
    render(
      html`<details
        @toggle=${({ target }: Event) => this.#draw(event, item, (target as HTMLDetailsElement).open)}
      >
        <summary class=${name}><time>${new Date(at).toISOString().slice(11, 23)}</time> ${name} ${subject}</summary>
        ${open ? html`<pre>${toRedactedJSON({ ...facts, ...text }, this.#secrets())}</pre>` : nothing}
      </details>`,
      item,
    )
  }
}
