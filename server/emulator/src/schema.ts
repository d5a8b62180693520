/** What is wrong with a value, and where. */
export interface Issue {
  readonly kind: 'missing' | 'unknown' | 'type' | 'value'
  /** Such as `session.tools[0].name`. */
  readonly path: string
  /** What it must be, in words: "a string", "an integer from 0 to 5", "'a' or 'b'". */
  readonly expected: string
  readonly value: unknown
}

/** Judges one value: the first issue found, or `null`. */
export type Schema = (value: unknown, path: string) => Issue | null

/** A JSON object. */
export type JsonObject = Record<string, unknown>

/** Whether a value is a JSON object: not `null`, not an array. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** What a JSON value is, in words. */
export function describe(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'an array'
  if (typeof value === 'number') return Number.isInteger(value) ? 'an integer' : 'a decimal'
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}

const issue = (kind: Issue['kind'], expected: string) => (value: unknown, path: string) => ({
  kind,
  path,
  expected,
  value,
})

/** Any JSON value at all. */
export const anything: Schema = () => null

/** `true` or `false`. */
export const boolean: Schema = (value, path) =>
  typeof value === 'boolean' ? null : issue('type', 'a boolean')(value, path)

/** A string of `min` to `max` characters that matches `pattern`. */
export function string({ min = 0, max = Number.POSITIVE_INFINITY, pattern = /(?:)/ } = {}): Schema {
  return (value, path) => {
    if (typeof value !== 'string') return issue('type', 'a string')(value, path)
    if (value.length < min) return issue('value', `a string of at least ${min} characters`)(value, path)
    if (value.length > max) return issue('value', `a string of at most ${max} characters`)(value, path)
    return pattern.test(value) ? null : issue('value', `a string like ${pattern.source}`)(value, path)
  }
}

/** A number in a range, or an integer in a range. */
export function number({
  min = Number.NEGATIVE_INFINITY,
  max = Number.POSITIVE_INFINITY,
  integer = false,
} = {}): Schema {
  const kind = integer ? 'an integer' : 'a number'
  return (value, path) => {
    if (typeof value !== 'number') return issue('type', kind)(value, path)
    if (integer && !Number.isInteger(value)) return issue('type', kind)(value, path)
    return value >= min && value <= max ? null : issue('value', `${kind} from ${min} to ${max}`)(value, path)
  }
}

/** One of the given strings or numbers. */
export function oneOf(...values: readonly (string | number)[]): Schema {
  const list = values.map((value) => (typeof value === 'string' ? `'${value}'` : value)).join(', ')
  const kind = typeof values[0] === 'number' ? 'a number' : 'a string'
  return (value, path) => {
    if (typeof value !== typeof values[0]) return issue('type', kind)(value, path)
    return values.includes(value as string) ? null : issue('value', list)(value, path)
  }
}

/** An array of `min` to `max` members, each judged by `member`. */
export function array(member: Schema, { min = 0, max = Number.POSITIVE_INFINITY } = {}): Schema {
  return (value, path) => {
    if (!Array.isArray(value)) return issue('type', 'an array')(value, path)
    if (value.length < min) return issue('value', `an array of at least ${min}`)(value, path)
    if (value.length > max) return issue('value', `an array of at most ${max}`)(value, path)
    return firstIssue(value.map((part, i) => () => member(part, `${path}[${i}]`)))
  }
}

/** An object with any keys, each value judged by `member`. */
export function record(member: Schema, { max = Number.POSITIVE_INFINITY } = {}): Schema {
  return (value, path) => {
    if (!isObject(value)) return issue('type', 'an object')(value, path)
    const entries = Object.entries(value)
    if (entries.length > max) return issue('value', `an object of at most ${max} keys`)(value, path)
    return firstIssue(
      entries.map(
        ([key, part]) =>
          () =>
            member(part, join(path, key)),
      ),
    )
  }
}

/** An object with exactly these keys: all of `required`, any of `optional`, and no other. */
export function object(
  required: Readonly<Record<string, Schema>>,
  optional: Readonly<Record<string, Schema>> = {},
): Schema {
  return (value, path) => {
    if (!isObject(value)) return issue('type', 'an object')(value, path)
    for (const key of Object.keys(required)) {
      if (!Object.hasOwn(value, key)) return issue('missing', 'present')(undefined, join(path, key))
    }
    return firstIssue(
      Object.entries(value).map(([key, part]) => () => {
        const schema = ownSchema(required, key) ?? ownSchema(optional, key)
        return schema ? schema(part, join(path, key)) : issue('unknown', 'absent')(part, join(path, key))
      }),
    )
  }
}

/** An object whose `key` says which schema it follows. The schemas must allow for the key themselves. */
export function tagged(key: string, variants: Readonly<Record<string, Schema>>): Schema {
  return (value, path) => {
    if (!isObject(value)) return issue('type', 'an object')(value, path)
    if (!Object.hasOwn(value, key)) return issue('missing', 'present')(undefined, join(path, key))
    const wrong = oneOf(...Object.keys(variants))(value[key], join(path, key))
    return wrong ?? variants[value[key] as string]!(value, path)
  }
}

/** `null`, or what `schema` allows. */
export function nullable(schema: Schema): Schema {
  return (value, path) => (value === null ? null : schema(value, path))
}

/**
 * The first schema that finds nothing wrong decides; when all do, the issue that lies deepest is told, and of
 * those the one about a value rather than a type: it belongs to the form that was meant.
 */
export function anyOf(...schemas: readonly Schema[]): Schema {
  return (value, path) => {
    const issues: Issue[] = []
    for (const schema of schemas) {
      const found = schema(value, path)
      if (!found) return null
      issues.push(found)
    }
    return issues.reduce((told, other) => (isCloser(other, told) ? other : told))
  }
}

function isCloser(issue: Issue, told: Issue): boolean {
  if (issue.path.length !== told.path.length) return issue.path.length > told.path.length
  return issue.kind === 'value' && told.kind === 'type'
}

function ownSchema(schemas: Readonly<Record<string, Schema>>, key: string): Schema | undefined {
  return Object.hasOwn(schemas, key) ? schemas[key] : undefined
}

function firstIssue(checks: readonly (() => Issue | null)[]): Issue | null {
  for (const check of checks) {
    const found = check()
    if (found) return found
  }
  return null
}

function join(path: string, key: string): string {
  return path ? `${path}.${key}` : key
}
