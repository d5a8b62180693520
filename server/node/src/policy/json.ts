/** A JSON value. */
export type Json = string | number | boolean | null | readonly Json[] | JsonObject
/** A JSON object. */
export type JsonObject = { readonly [name: string]: Json }

/** Deeper than any message of a provider, and shallow enough for every parser that comes after. */
const MOST_DEPTH = 64

/**
 * Reads a message.
 *
 * @returns The object; null where it is no JSON object, or nested more than 64 deep.
 */
export function parseMessage(text: string): JsonObject | null {
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) && !isTooDeep(value) ? value : null
  } catch {
    return null // whoever asked says what is wrong
  }
}

/** Whether a value is an object, and no array. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Whether a value is nested deeper than any message may be; without recursion, which has bounds of its own. */
function isTooDeep(value: Json): boolean {
  let level: readonly Json[] = [value]
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > MOST_DEPTH) return true
    level = level.flatMap((one) => (typeof one === 'object' && one !== null ? Object.values(one) : []))
  }
  return false
}

/**
 * Keeps of an object what lies on the given paths.
 *
 * @param paths Names joined by dots; a path keeps all that is below it.
 */
export function pick(value: JsonObject, paths: readonly string[]): JsonObject {
  const kept: [string, Json][] = []
  for (const [name, child] of entriesOf(value)) {
    const below = paths
      .filter((path) => path.startsWith(`${name}.`))
      .map((path) => path.slice(name.length + 1))
    if (paths.includes(name)) kept.push([name, child])
    else if (below.length > 0 && isObject(child)) {
      const rest = pick(child, below)
      if (Object.keys(rest).length > 0) kept.push([name, rest])
    }
  }
  return Object.fromEntries(kept)
}

/** Leaves out of an object everything for which another one has a value; arrays are one value. */
export function without(value: JsonObject, locked: JsonObject): JsonObject {
  const kept: [string, Json][] = []
  for (const [name, child] of entriesOf(value)) {
    if (!Object.hasOwn(locked, name)) kept.push([name, child])
    else if (isObject(child) && isObject(locked[name])) {
      const rest = without(child, locked[name])
      if (Object.keys(rest).length > 0) kept.push([name, rest])
    }
  }
  return Object.fromEntries(kept)
}

/** One object over another: what `over` has wins, objects are merged, arrays are one value. */
export function merge(under: JsonObject, over: JsonObject): JsonObject {
  const merged = new Map(entriesOf(under))
  for (const [name, value] of entriesOf(over)) {
    const before = merged.get(name)
    merged.set(name, isObject(before) && isObject(value) ? merge(before, value) : value)
  }
  return Object.fromEntries(merged)
}

/** All texts in a value, however deep. */
export function textsIn(value: Json | undefined): string[] {
  if (typeof value === 'string') return [value]
  if (typeof value !== 'object' || value === null) return []
  return Object.values(value).flatMap(textsIn)
}

/** So many characters in a row are no coincidence. */
const LEAST_QUOTE_CHARACTERS = 16

/** Whether a text repeats one of these, or enough of a longer one. */
export function quotes(text: string, secrets: readonly string[]): boolean {
  if (secrets.some((secret) => text.includes(secret))) return true
  for (let at = 0; at + LEAST_QUOTE_CHARACTERS <= text.length; at += 1) {
    const part = text.slice(at, at + LEAST_QUOTE_CHARACTERS)
    if (secrets.some((secret) => secret.includes(part))) return true
  }
  return false
}

/** `__proto__` is left out: whoever copies it carelessly makes it a prototype. */
function entriesOf(value: JsonObject): [string, Json][] {
  return Object.entries(value).filter(([name]) => name !== '__proto__')
}
