import { isObject, type JsonObject } from '../util/json.ts'

/** What these fields hold is the user's own and keeps its names. */
const OPAQUE = /^(parameters|input_?[sS]chema|metadata|variables|headers)$/

/** Deeper than any message; what a peer nests deeper keeps its names, as recursion has bounds of its own. */
const MOST_DEPTH = 64

function renamed(value: unknown, rename: (name: string) => string, depth = 0): unknown {
  if (depth > MOST_DEPTH) return value
  if (Array.isArray(value)) return value.map((item) => renamed(item, rename, depth + 1))
  if (!isObject(value)) return value
  const fields = Object.entries(value).flatMap(([name, old]) => {
    const field = OPAQUE.test(name) ? old : renamed(old, rename, depth + 1)
    const empty = field !== old && isObject(field) && Object.keys(field).length === 0
    return field === undefined || empty ? [] : [[rename(name), field]]
  })
  return Object.fromEntries(fields)
}

/** @returns The same in snake_case, deeply, without undefined fields and objects that hold nothing else. */
export function toWire(value: object): JsonObject {
  return renamed(value, (name) =>
    name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
  ) as JsonObject
}

/** @returns The same in camelCase, deeply. */
export function fromWire(value: object): object {
  return renamed(value, (name) =>
    name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase()),
  ) as object
}
