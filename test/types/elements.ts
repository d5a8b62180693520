/** Compiled, never run: what must and what must not type-check. */
import type { VoiceAgent, VoiceTool } from '../../elements/index.ts'
import { defineTool } from '../../src/index.ts'

declare const agent: VoiceAgent
declare const tool: VoiceTool

agent.addEventListener('toolcall', (event) => {
  event.respondWith({ any: 'value' })
  event.respondWith(fetch('/answer', { signal: event.signal }))
  const status: 'running' | 'done' | 'failed' | 'cancelled' | 'declined' = event.detail.status
  // @ts-expect-error Nobody checked the input
  event.detail.input.color
  return status
})
tool.addEventListener('toolcall', ({ detail: { name }, signal }) => [name.length, signal?.aborted])
tool.addEventListener('click', ({ clientX }) => clientX)

const name = 'look'
const description = 'Looks'
agent.tools = [
  defineTool({ name, description, handler: () => 'a tree' }),
  { name, description },
  { name, description, parameters: { type: 'object' }, handler: (input) => String(input['at']) },
  { name, description, endpoint: '/tools/look' },
]
// @ts-expect-error The model needs a description
agent.tools = [{ name }]

tool.parameters = { type: 'object', properties: {} }
tool.parameters = '{}'
// @ts-expect-error A list is no schema
tool.parameters = 5
