/** Compiled, never run: what TypeScript knows of the elements without any framework. */
import 'voicewire/elements'
import type { VoiceAgent } from 'voicewire/elements'

const agent = document.querySelector('voice-agent')!
agent satisfies VoiceAgent

agent.addEventListener('transcript', (event) => event.detail.entry.text.toUpperCase())
agent.addEventListener('statechange', ({ detail: { state, previous } }) => state === 'open' && previous)
agent.addEventListener('error', ({ detail }) => detail.message)
agent.addEventListener('click', (event) => event.clientX)
agent.provider = 'deepgram-agent'
agent.tokenTransport = 'query'
document.createElement('voice-meter').session = agent.session

// @ts-expect-error There is no such provider
agent.provider = 'deepgrm'
// @ts-expect-error There is no such way
agent.tokenTransport = 'header'
// @ts-expect-error A number from 0 to 1
agent.volume = '1'
// @ts-expect-error An entry has text
agent.addEventListener('transcript', (event) => event.detail.entry.words.toUpperCase())
// @ts-expect-error No state is called so
agent.addEventListener('statechange', ({ detail }) => detail.state === 'opened')
// @ts-expect-error Private to the package
agent.conversation
