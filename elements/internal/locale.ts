import type { ReactiveController, ReactiveElement } from 'lit'
import type { Strings } from './localization.ts'

/** Each language is loaded when a page is in it; English is there already. */
const LOCALES: Readonly<Record<string, () => Promise<{ readonly words: Strings }>>> = {
  ar: () => import('../locales/ar.ts'),
  de: () => import('../locales/de.ts'),
  es: () => import('../locales/es.ts'),
  fr: () => import('../locales/fr.ts'),
  it: () => import('../locales/it.ts'),
  ja: () => import('../locales/ja.ts'),
  ko: () => import('../locales/ko.ts'),
  nl: () => import('../locales/nl.ts'),
  pl: () => import('../locales/pl.ts'),
  pt: () => import('../locales/pt.ts'),
  tr: () => import('../locales/tr.ts'),
  zh: () => import('../locales/zh.ts'),
}

/** Gives an element the words of the language that it stands in: of its own `lang`, or the nearest around it. */
export class LocaleController implements ReactiveController {
  readonly #host: ReactiveElement
  readonly #onwords: (words: Partial<Strings>) => void
  #observer: MutationObserver | null = null
  #language = 'en'

  /** @param onwords Called with what replaces the English words, when the language is another one and is loaded. */
  constructor(host: ReactiveElement, onwords: (words: Partial<Strings>) => void) {
    this.#host = host
    this.#onwords = onwords
    host.addController(this)
  }

  hostConnected(): void {
    const { documentElement } = this.#host.ownerDocument
    this.#observer = new MutationObserver(() => void this.#follow())
    // Pages change these two; a `lang` in between is taken as it was when the element came.
    for (const element of [this.#host, documentElement]) {
      this.#observer.observe(element, { attributeFilter: ['lang'] })
    }
    void this.#follow()
  }

  hostDisconnected(): void {
    this.#observer?.disconnect()
  }

  async #follow(): Promise<void> {
    const language = languageOf(this.#host).toLowerCase().split('-')[0] || 'en'
    if (language === this.#language) return
    this.#language = language
    try {
      const words = (await LOCALES[language]?.())?.words ?? {}
      if (language === this.#language) this.#onwords(words)
    } catch {
      // A page that cannot load them goes on in the words that it has.
    }
  }
}

/** The nearest `lang`, through shadow roots; empty where there is none. */
function languageOf(element: Element): string {
  const around = element.closest<HTMLElement>('[lang]')
  if (around) return around.lang
  const root = element.getRootNode()
  return root instanceof ShadowRoot ? languageOf(root.host) : ''
}
