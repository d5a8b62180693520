/** Compiled, never run: what must and what must not type-check. */
import { z } from 'zod'
import { defineTool, type StandardSchema, type Tool } from '../../src/session/define-tool.ts'

const name = 'weather'
const description = 'Tells the weather of a city'
const parameters = z.object({ city: z.string(), days: z.number().default(1) })

const tools: Tool[] = [
  defineTool({ name, description, handler: () => 'sunny' }),
  defineTool({ name, description, handler: async () => ({ degrees: 20 }) }),
  defineTool({ name, description, endpoint: '/tools/weather' }),
  defineTool({ name, description, parameters, endpoint: new URL('https://tools.test/') }),
  defineTool({ name, description, endpoint: { url: '/tools', headers: { a: 'b' }, credentials: 'include' } }),
  defineTool({
    name,
    description,
    parameters,
    timeoutMs: 5000,
    deferUntilEndOfTurn: true,
    approve: ({ input, signal }) => input.days < 7 && !signal.aborted,
    // The validator's output: a default is filled in.
    handler: ({ city, days }, { callId, name, signal }) => [
      city.toUpperCase(),
      days.toFixed(),
      callId,
      name,
      signal,
    ],
  }),
  defineTool({
    name,
    description,
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
    handler: (input) => String(input['city']),
  }),
]

declare const custom: StandardSchema<{ at: string }, { at: Date }>
tools.push(
  defineTool({
    name,
    description,
    parameters: custom,
    jsonSchema: { type: 'object' },
    handler: ({ at }) => at.getTime(),
  }),
)

// @ts-expect-error Something must answer
defineTool({ name, description })
// @ts-expect-error One thing must answer
defineTool({ name, description, handler: () => '', endpoint: '/tools' })
// @ts-expect-error The model needs a description
defineTool({ name, handler: () => '' })
// @ts-expect-error An unknown option is a typing mistake
defineTool({ name, description, handler: () => '', timeout: 5 })
// @ts-expect-error There is no such field
defineTool({ name, description, parameters, handler: ({ town }) => town })
// @ts-expect-error Of another type
defineTool({ name, description, parameters, handler: (input: { city: number }) => input.city })
// @ts-expect-error Nobody checked the fields
defineTool({ name, description, parameters: { type: 'object' }, handler: (input) => input['city'].length })
// @ts-expect-error Without parameters there is no input
defineTool({ name, description, handler: (input) => input.city })
// @ts-expect-error A question has a yes or a no for an answer
defineTool({ name, description, handler: () => '', approve: () => 'yes' })
// @ts-expect-error A definition is not yet a tool
tools.push({ name, description, handler: () => '' })
