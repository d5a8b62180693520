/** @returns The declarations of a manifest's elements, in the order of their tags, each with its module's path. */
export function elementsOf({ modules }) {
  return modules
    .flatMap(({ path, declarations }) => declarations.map((declaration) => ({ ...declaration, path })))
    .filter(({ customElement }) => customElement)
    .sort((a, b) => (a.tagName < b.tagName ? -1 : 1))
}
