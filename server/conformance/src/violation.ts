/** What a relay did that a rule does not allow; its message says what was seen. */
export class Violation extends Error {
  override readonly name = 'Violation'
}

/** A rule that cannot be judged on this relay; its message says why. */
export class NotJudged extends Error {
  override readonly name = 'NotJudged'
}

/**
 * States what a rule demands.
 *
 * @param seen What was seen in its place, in words that hold no secret.
 * @throws {Violation} Where it is not so.
 */
export function demand(holds: boolean, seen: string): asserts holds {
  if (!holds) throw new Violation(seen)
}

/** States that two values are the same; `what` names them. @throws {Violation} */
export function demandEqual<Value>(actual: Value, expected: Value, what: string): void {
  demand(Object.is(actual, expected), `${what} was ${show(actual)} and not ${show(expected)}`)
}

/** A value in a line of a report: quoted, and cut where it is long. */
export function show(value: unknown): string {
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value)
  return text.length > 120 ? `${text.slice(0, 120)}… (${text.length} characters)` : text
}

/**
 * Waits for a promise for at most `ms`.
 *
 * @throws {Violation} Where it takes longer: nothing of `what` came.
 */
export async function within<Value>(ms: number, promise: Promise<Value>, what: string): Promise<Value> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => late.reject(new Violation(`${what} did not come within ${ms / 1000} s`)), ms)
  try {
    return await Promise.race([promise, late.promise])
  } finally {
    clearTimeout(timer)
  }
}
