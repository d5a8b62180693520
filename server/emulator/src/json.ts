/** Deeper than any message of a client, and shallow enough for every function that walks along it. */
const MOST_DEPTH = 64

/** Parses JSON; `undefined` where a text is none, or is nested more than 64 deep. */
export function parseJson(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text)
    return isTooDeep(value) ? undefined : value
  } catch {
    // Not JSON: what that means is for the protocol to say.
    return undefined
  }
}

/** Without recursion, which has bounds of its own. */
function isTooDeep(value: unknown): boolean {
  let level: readonly unknown[] = [value]
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > MOST_DEPTH) return true
    level = level.flatMap((one) => (typeof one === 'object' && one !== null ? Object.values(one) : []))
  }
  return false
}
