import { globSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'

const FIXTURES = fileURLToPath(new URL('../../fixtures/', import.meta.url))

/** Names that objects have anyway, or that are read as more than a name. */
const NAMES = ['__proto__', 'constructor', 'prototype', 'toString', 'valueOf', 'length', 'then', '', '0']
/** Values at the edges of what their types can hold. */
const EDGES = [null, true, 0, -0, -1, 1e308, 2 ** 53, 1e-7, '', '\u0000', '\ud800', '\r\n', [], {}, [[]]]

/** Bytes, as hexadecimal text: a case must be JSON. */
export function bytes(maxLength: number): fc.Arbitrary<string> {
  return fc.uint8Array({ maxLength }).map((array) => Buffer.from(array).toString('hex'))
}

/** Texts of anything that a `string` can hold, lone surrogates too. */
export function text(maxLength: number): fc.Arbitrary<string> {
  return fc.oneof(
    fc.string({ maxLength }),
    fc.string({ unit: 'binary', maxLength }),
    fc.string({
      unit: fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)),
      maxLength,
    }),
  )
}

/** Texts put together from such words, and from others in between. */
export function phrase(words: readonly string[], maxLength = 12): fc.Arbitrary<string> {
  const part = fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...words) }, text(4))
  return fc.array(part, { maxLength }).map((parts) => parts.join(''))
}

/** Any JSON value, with names and values that parsers stumble over. */
export function json(): fc.Arbitrary<unknown> {
  const key = fc.oneof(fc.constantFrom(...NAMES), fc.string({ maxLength: 8 }))
  const leaf = fc.oneof(fc.constantFrom(...EDGES), fc.double({ noNaN: true }), text(12))
  const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 5, withCrossShrink: true },
      leaf,
      fc.array(tie('tree'), { maxLength: 4 }),
      fc.array(fc.tuple(key, tie('tree')), { maxLength: 4 }).map((fields) => Object.fromEntries(fields)),
      fc.constant(JSON.parse('{"toString":1,"valueOf":1}') as unknown),
    ),
  }))
  return tree
}

/** One change of a value: what is at the place is replaced, dropped, or joined by another. */
type Edit = readonly [place: number, how: 'replace' | 'drop' | 'add', value: unknown]

const edits = fc.array(
  fc.tuple(fc.nat(400), fc.constantFrom('replace' as const, 'drop' as const, 'add' as const), json()),
  { maxLength: 4 },
)

/** Messages as text: such messages with a few fields changed, any JSON, cut JSON, and any text. */
export function messages(known: readonly unknown[]): fc.Arbitrary<string> {
  const changed = fc
    .tuple(fc.constantFrom(...known), edits)
    .map(([message, changes]) => JSON.stringify(changes.reduce<unknown>(edited, message)) ?? '')
  const cut = fc.tuple(changed, fc.nat(2000)).map(([whole, end]) => whole.slice(0, end))
  return fc.oneof(
    { weight: 12, arbitrary: changed },
    { weight: 2, arbitrary: cut },
    { weight: 2, arbitrary: json().map((value) => JSON.stringify(value)) },
    { weight: 1, arbitrary: text(40) },
  )
}

/** What a provider says in its recorded conversations, each kind of message a few times. */
export function recorded(provider: string): readonly unknown[] {
  const files = globSync(`${provider}/*.jsonl`, { cwd: FIXTURES })
  const lines = files.flatMap((file) =>
    readFileSync(FIXTURES + file, 'utf8')
      .trim()
      .split('\n'),
  )
  const received = lines.flatMap((line) => {
    const { receive } = JSON.parse(line) as { receive?: unknown }
    return typeof receive === 'object' && receive !== null ? [receive] : []
  })
  const kinds = Map.groupBy(received, (message) => String((message as { type?: unknown }).type))
  return [...kinds.values()].flatMap((messages) => messages.slice(0, 4))
}

/** A copy with one change. */
function edited(value: unknown, [place, how, other]: Edit): unknown {
  const places = countPlaces(value)
  return edit(value, { left: place % places }, [how, other])
}

function countPlaces(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 1
  return Object.values(value).reduce<number>((sum, child) => sum + countPlaces(child), 1)
}

function edit(value: unknown, at: { left: number }, change: readonly [Edit[1], unknown]): unknown {
  const [how, other] = change
  if (at.left-- === 0) {
    if (how === 'drop') return undefined
    if (how === 'add' && Array.isArray(value)) return [...value, other]
    return how === 'add' && typeof value === 'object' && value !== null
      ? { ...value, ...(other as object) }
      : other
  }
  if (Array.isArray(value)) return value.map((child) => edit(child, at, change))
  if (typeof value !== 'object' || value === null) return value
  const fields = Object.entries(value).map(([name, child]) => [name, edit(child, at, change)] as const)
  return Object.fromEntries(fields.filter(([, child]) => child !== undefined))
}
