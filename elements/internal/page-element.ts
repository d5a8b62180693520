import { LitElement } from 'lit'

/** An element that keeps its looks in whichever document it comes to stand, such as that of a window it is moved to. */
export abstract class PageElement extends LitElement {
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
