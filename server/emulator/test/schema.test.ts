import assert from 'node:assert/strict'
import { test } from 'node:test'
import { anyOf, array, nullable, number, object, oneOf, record, string, tagged } from '../src/schema.ts'

const shape = object(
  { type: string() },
  { level: number({ min: 0, max: 1 }), list: array(object({ name: string({ min: 1 }) })) },
)

for (const [name, value, kind, path] of [
  ['a missing field', {}, 'missing', 'at.type'],
  ['an unknown field', { type: 'x', colour: 1 }, 'unknown', 'at.colour'],
  ['a field that only the prototype has', { type: 'x', constructor: 1 }, 'unknown', 'at.constructor'],
  ['a wrong type', { type: 1 }, 'type', 'at.type'],
  ['a value out of range', { type: 'x', level: 1.1 }, 'value', 'at.level'],
  ['a fault deep inside', { type: 'x', list: [{ name: 'a' }, { name: '' }] }, 'value', 'at.list[1].name'],
  ['an array for an object', [], 'type', 'at'],
] as const) {
  test(`object() names ${name}`, () => {
    const issue = shape(value, 'at')
    assert.equal(issue?.kind, kind)
    assert.equal(issue?.path, path)
  })
}

test('object() accepts what fits', () => {
  assert.equal(shape({ type: 'x', level: 1, list: [{ name: 'a' }] }, ''), null)
})

test('tagged() follows the variant that the tag names and refuses others', () => {
  const schema = tagged('type', { a: object({ type: string(), x: number() }), b: object({ type: string() }) })
  assert.equal(schema({ type: 'b' }, ''), null)
  assert.equal(schema({ type: 'a' }, '')?.path, 'x')
  assert.equal(schema({ type: 'toString' }, '')?.kind, 'value')
  assert.equal(schema({}, '')?.kind, 'missing')
})

test('anyOf() tells the issue that lies deepest', () => {
  const schema = anyOf(oneOf('auto'), object({ level: number() }))
  assert.equal(schema('auto', 'v'), null)
  assert.equal(schema({ level: 'high' }, 'v')?.path, 'v.level')
  assert.equal(schema('other', 'v')?.path, 'v')
})

test('number() tells integers from decimals', () => {
  assert.equal(number({ integer: true })(3, ''), null)
  assert.equal(number({ integer: true })(3.5, '')?.kind, 'type')
})

test('nullable() and record() look inside', () => {
  assert.equal(nullable(string())(null, ''), null)
  assert.equal(nullable(string())(1, '')?.kind, 'type')
  assert.equal(record(string())({ a: 'x', b: 2 }, 'm')?.path, 'm.b')
  assert.equal(record(string(), { max: 1 })({ a: 'x', b: 'y' }, 'm')?.kind, 'value')
})
