import { adoptStyles, type CSSResultOrNative, LitElement } from 'lit'

/**
 * An element that keeps its looks in whichever document it comes to stand, such as that of a window it is moved to,
 * and that comes alive in what a server has sent of it.
 */
export abstract class PageElement extends LitElement {
  readonly #served = !!this.shadowRoot

  /**
   * Whether this render has to be as the server's, which knew neither session nor children: Lit takes over what
   * is there without a look at it. Another one follows.
   */
  protected get isHydrating(): boolean {
    return this.#served && !this.hasUpdated
  }

  override connectedCallback(): void {
    super.connectedCallback()
    if (this.isHydrating) void this.updateComplete.then(() => this.requestUpdate())
  }

  /** What it looks like. */
  protected get looks(): readonly CSSResultOrNative[] {
    return (this.constructor as typeof LitElement).elementStyles
  }

  protected override createRenderRoot(): HTMLElement | DocumentFragment {
    if (!this.#isAbroad) return super.createRenderRoot()
    const root = this.attachShadow((this.constructor as typeof LitElement).shadowRootOptions)
    this.adoptLooks(root)
    return root
  }

  /** A move to another document takes all adopted sheets away. */
  adoptedCallback(): void {
    if (this.shadowRoot) this.adoptLooks(this.shadowRoot)
  }

  get #isAbroad(): boolean {
    return globalThis.document !== undefined && this.ownerDocument !== document
  }

  /** Gives a shadow root what the element looks like. */
  protected adoptLooks(root: ShadowRoot): void {
    const view = this.ownerDocument.defaultView
    if (!this.#isAbroad) adoptStyles(root, [...this.looks])
    // A document without a window shows nothing; from there the element is adopted again.
    if (!this.#isAbroad || !view) return
    // Lit's own sheets belong to the document of the script, and no other takes them.
    root.adoptedStyleSheets = this.looks.map((style) => {
      const sheet = new view.CSSStyleSheet()
      sheet.replaceSync('cssText' in style ? style.cssText : '')
      return sheet
    })
  }
}
