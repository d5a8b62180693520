/** One `:state()` of an element, for CSS. Browsers without custom states, or with older rules for them, go without. */
export class CustomState {
  readonly #internals: ElementInternals | undefined
  readonly #name: string

  constructor(host: HTMLElement, name: string) {
    this.#internals = host.attachInternals?.()
    this.#name = name
  }

  toggle(on: boolean): void {
    try {
      this.#internals?.states?.[on ? 'add' : 'delete'](this.#name)
    } catch {
      // Chromium before 125 takes only names that begin with two hyphens.
    }
  }
}
