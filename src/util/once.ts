/** Keys already seen, so that a page with ten sessions says a thing once. */
const said = new Set<string>()

/** Writes a warning for the developer to the console, once a page for each key. */
export function warnOnce(key: string, message: string): void {
  if (said.has(key)) return
  said.add(key)
  console.warn(message)
}
