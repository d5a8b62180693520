import { type Issue, type JsonObject, object, type Schema, boolean as trueOrFalse } from './schema.ts'

/** Thrown for a query, or a change of what it asked for, that Deepgram refuses. */
export class QueryError extends Error {}

/** One query parameter: how its text is read and what it must then be. */
export interface QueryField {
  read(text: string): unknown
  /** Whether it may be repeated; it is then read as a list. */
  readonly many: boolean
  readonly schema: Schema
}

/** Text as it stands. */
export function textField(schema: Schema): QueryField {
  return { read: (text) => text, many: false, schema }
}

/** Text that may be repeated; each is judged by `member`. */
export function listField(member: Schema): QueryField {
  const schema: Schema = (value, path) => {
    for (const part of value as unknown[]) {
      const wrong = member(part, path)
      if (wrong) return wrong
    }
    return null
  }
  return { read: (text) => text, many: true, schema }
}

/** A number. */
export function numberField(schema: Schema): QueryField {
  return { read: readNumber, many: false, schema }
}

/** `true` or `false`. */
export const booleanField: QueryField = { read: readBoolean, many: false, schema: trueOrFalse }

/** A number, or `false` for none. */
export function numberOrFalseField(schema: Schema): QueryField {
  return {
    read: (text) => (text === 'false' ? false : readNumber(text)),
    many: false,
    schema: (value, path) => (value === false ? null : schema(value, path)),
  }
}

/** Reads the query parameters of a handshake; of a name that `fields` does not have, the text. */
export function readQuery(params: URLSearchParams, fields: Readonly<Record<string, QueryField>>): JsonObject {
  const names = [...new Set(params.keys())]
  return Object.fromEntries(
    names.map((name) => {
      const all = params.getAll(name)
      const field = Object.hasOwn(fields, name) ? fields[name]! : null
      const read = field ? all.map((text) => field.read(text)) : all
      return [name, field?.many || read.length > 1 ? read : read[0]]
    }),
  )
}

/** Judges what `readQuery` returned: every name must be in `fields`, and all of `required` must be there. */
export function judgeQuery(
  query: JsonObject,
  { fields, required }: { fields: Readonly<Record<string, QueryField>>; required: readonly string[] },
): Issue | null {
  const schemas = Object.entries(fields).map(([name, { schema }]) => [name, schema] as const)
  const isRequired = ([name]: readonly [string, Schema]) => required.includes(name)
  return object(
    Object.fromEntries(schemas.filter(isRequired)),
    Object.fromEntries(schemas.filter((entry) => !isRequired(entry))),
  )(query, '')
}

function readBoolean(text: string): unknown {
  return text === 'true' || text === 'false' ? text === 'true' : text
}

function readNumber(text: string): unknown {
  return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text
}
