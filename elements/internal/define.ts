/**
 * Registers an element, once: a second copy of the library on a page keeps the first one's, and on a server
 * without a registry nothing happens.
 */
export function define(name: string, element: CustomElementConstructor): void {
  const registry = globalThis.customElements
  if (registry && !registry.get(name)) registry.define(name, element)
}
