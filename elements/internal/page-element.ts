import { LitElement } from 'lit'

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

  protected override createRenderRoot(): HTMLElement | DocumentFragment {
    // Lit's own sheets belong to the document of the script, and no other takes them.
    if (!this.#isAbroad) return super.createRenderRoot()
    const root = this.attachShadow((this.constructor as typeof LitElement).shadowRootOptions)
    this.#adoptStyles(root)
    return root
  }

  /** A move to another document takes all adopted sheets away. */
  adoptedCallback(): void {
    if (this.shadowRoot) this.#adoptStyles(this.shadowRoot)
  }

  get #isAbroad(): boolean {
    return globalThis.document !== undefined && this.ownerDocument !== document
  }

  #adoptStyles(root: ShadowRoot): void {
    const view = this.ownerDocument.defaultView
    // A document without a window shows nothing; from there the element is adopted again.
    if (!view) return
    root.adoptedStyleSheets = (this.constructor as typeof LitElement).elementStyles.map((style) => {
      const sheet = new view.CSSStyleSheet()
      sheet.replaceSync('cssText' in style ? style.cssText : '')
      return sheet
    })
  }
}
