/** Compiled, never run: what markup of Svelte is checked by. */
import type { SvelteHTMLElements } from 'svelte/elements'
import 'voicewire/svelte'

type Attributes = SvelteHTMLElements['voice-agent']

export const attributes: Attributes = {
  id: 'agent',
  class: 'wide',
  provider: 'openai',
  'proxy-endpoint': '/v1/realtime',
  sessionOptions: { idleTimeoutMs: 60_000 },
  volume: 0.5,
  muted: true,
  onclick: (event) => event.currentTarget.start(),
  onstatechange: ({ detail }) => detail.state === 'open',
  'on:statechange': ({ detail }) => detail.previous === 'open',
  ontranscript: (event) => event.detail.entry.text.toUpperCase(),
  onerror: ({ detail }) => detail.message,
}
export const meter: SvelteHTMLElements['voice-meter'] = { class: 'loud', session: null }

// @ts-expect-error There is no such provider
export const provider: Attributes = { provider: 'openai-realtme' }
// @ts-expect-error There is no such way
export const transport: Attributes = { 'token-transport': 'header' }
// @ts-expect-error A number
export const volume: Attributes = { volume: '1' }
// @ts-expect-error There is no such state
export const state: Attributes = { onstatechange: ({ detail }) => detail.state === 'opened' }
// @ts-expect-error There is no such event
export const event: Attributes = { 'on:start': () => {} }
