/** Where two values differ first, and in what. */
export interface Difference {
  /** As in `[1].text`; empty for the whole. */
  readonly path: string
  /** `undefined` where there is none. */
  readonly expected: unknown
  readonly actual: unknown
}

/** Compares what JSON can hold, the order of fields aside. @returns Null where there is no difference. */
export function difference(actual: unknown, expected: unknown, path = ''): Difference | null {
  if (Object.is(actual, expected)) return null
  if (!isContainer(actual) || !isContainer(expected) || Array.isArray(actual) !== Array.isArray(expected)) {
    return { path, expected, actual }
  }
  for (const name of new Set([...Object.keys(expected), ...Object.keys(actual)])) {
    const inner = Array.isArray(expected) ? `${path}[${name}]` : `${path}.${name}`
    const found = difference(actual[name], expected[name], inner)
    if (found) return found
  }
  return null
}

function isContainer(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
