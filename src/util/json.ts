/** A JSON object whose fields nobody has checked yet. */
export type JsonObject = { readonly [name: string]: unknown }

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** @returns The object that the text holds, or null where it is not JSON or not an object. */
export function parseObject(text: string): JsonObject | null {
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : null
  } catch {
    // A peer may send anything; the caller decides what a message without meaning is.
    return null
  }
}

/** @returns The field where it is a string, else the empty string. */
export function stringField(object: JsonObject, name: string): string {
  const value = object[name]
  return typeof value === 'string' ? value : ''
}

/** @returns The field where it is a number, else 0. */
export function numberField(object: JsonObject, name: string): number {
  const value = object[name]
  return typeof value === 'number' ? value : 0
}

/** @returns The field where it is an object, else an empty one. */
export function objectField(object: JsonObject, name: string): JsonObject {
  const value = object[name]
  return isObject(value) ? value : {}
}
