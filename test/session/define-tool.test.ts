import { expect } from 'chai'
import { z } from 'zod'
import { defineTool, type StandardSchema, type ToolDefinition } from '../../src/session/define-tool.ts'

const base = { name: 'weather', description: 'Tells the weather' }
const handler = () => 'sunny'
const object = { type: 'object', properties: { city: { type: 'string' } } }

/** A validator of another library, which knows as much of JSON Schema as it is given. */
function validator(jsonSchema?: StandardSchema['~standard']['jsonSchema']): StandardSchema {
  const validate = (value: unknown) => ({ value })
  return { '~standard': { version: 1, vendor: 'acme', validate, ...(jsonSchema && { jsonSchema }) } }
}

describe('defineTool()', () => {
  it('tells the model of a tool without input', () => {
    const { declaration } = defineTool({ ...base, handler })
    expect(declaration).to.deep.equal({ ...base, parameters: { type: 'object', properties: {} } })
  })

  it('tells the model of a JSON Schema as it is, and whether to wait for the end of the turn', () => {
    const { declaration } = defineTool({ ...base, parameters: object, handler, deferUntilEndOfTurn: true })
    expect(declaration).to.deep.equal({ ...base, parameters: object, deferUntilEndOfTurn: true })
  })

  it('asks the validator for the JSON Schema of its input', () => {
    const parameters = z.object({ city: z.string().describe('Its name'), days: z.number().default(1) })
    const { declaration } = defineTool({ ...base, parameters, handler })
    expect(declaration.parameters).to.deep.equal({
      type: 'object',
      properties: { city: { type: 'string', description: 'Its name' }, days: { type: 'number', default: 1 } },
      required: ['city'],
    })
  })

  it('takes a validator that is a function', () => {
    const asked: unknown[] = []
    const input = (options: object) => {
      asked.push(options)
      return object
    }
    const parameters = Object.assign(() => {}, validator({ input }))
    expect(defineTool({ ...base, parameters, handler }).declaration.parameters).to.deep.equal(object)
    expect(asked).to.deep.equal([{ target: 'draft-2020-12' }])
  })

  it('prefers the JSON Schema given beside the validator', () => {
    const parameters = z.object({ at: z.date() })
    const { declaration } = defineTool({ ...base, parameters, jsonSchema: object, handler })
    expect(declaration.parameters).to.deep.equal(object)
  })

  const wrong: [what: string, definition: unknown, message: RegExp][] = [
    [
      'no name',
      { ...base, name: undefined, handler },
      /name must be 1 to 64 of .*: current value is undefined$/,
    ],
    ['a name with a space', { ...base, name: 'the weather', handler }, /current value is the weather$/],
    ['a name that ends in a line break', { ...base, name: 'weather\n', handler }, /name must be/],
    ['a name of 65 letters', { ...base, name: 'a'.repeat(65), handler }, /name must be/],
    ['no description', { name: 'weather', handler }, /tool weather as description must/],
    ['an empty description', { name: 'weather', description: ' ', handler }, /description must/],
    ['nothing that answers', base, /must have a handler or an endpoint: current value is undefined$/],
    ['a handler that is no function', { ...base, handler: 'sunny' }, /current value is string$/],
    ['two that answer', { ...base, handler, endpoint: '/tools' }, /current value is both$/],
    ['no time', { ...base, handler, timeoutMs: 0 }, /timeoutMs must be in .*: current value is 0$/],
    ['endless time', { ...base, handler, timeoutMs: Infinity }, /timeoutMs must be in/],
    ['text as time', { ...base, handler, timeoutMs: 'long' }, /timeoutMs must be in/],
    [
      'parameters that are no object',
      { ...base, parameters: z.string(), handler },
      /current value is string$/,
    ],
    ['parameters that are a text', { ...base, parameters: 'city', handler }, /jsonSchema must be given/],
    [
      'a validator without JSON Schema',
      { ...base, parameters: validator(), handler },
      /jsonSchema must be given or parameters have one, of an object: current value is undefined$/,
    ],
    [
      'a validator that has no words for a type',
      { ...base, parameters: z.object({ at: z.date() }), handler },
      /jsonSchema must be given .*: current value is Error: Date cannot be represented in JSON Schema$/,
    ],
  ]
  for (const [what, definition, message] of wrong) {
    it(`refuses ${what}`, () => {
      expect(() => defineTool(definition as ToolDefinition)).to.throw(TypeError, message)
    })
  }
})
