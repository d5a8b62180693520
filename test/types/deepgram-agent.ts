/** Compiled, never run: what and what must not type-check. */
import { DeepgramAgent, type DeepgramAgentDetail, VoiceSession } from '../../src/index.ts'

new DeepgramAgent({ think: [{ provider: {} }, { provider: {} }], speak: 'aura-2-thalia-en', region: 'au' })
new DeepgramAgent({ agentId: 'a', inputEncoding: 'mulaw', tags: ['x'] })

// @ts-expect-error An agent that is kept at Deepgram has its own instructions
new DeepgramAgent({ agentId: 'a', instructions: 'x' })
// @ts-expect-error There is no such region
new DeepgramAgent({ region: 'us' })
// @ts-expect-error What hears has no fallback
new DeepgramAgent({ listen: [{}, {}] })
// @ts-expect-error There is no such encoding
new DeepgramAgent({ outputEncoding: 'opus' })

const session = new VoiceSession({ provider: new DeepgramAgent(), apiKey: 'k' })
session.send({ type: 'inject-agent', message: 'Hi', behavior: 'interrupt' })
// @ts-expect-error There is no such behaviour
session.send({ type: 'inject-agent', message: 'Hi', behavior: 'shout' })
// @ts-expect-error What every provider knows has a method of its own
session.send({ type: 'text', text: 'Hi' })
void session.update({ addInstructions: 'In rhyme', listen: 'nova-3' })
// @ts-expect-error Deepgram has no such setting
void session.update({ temperature: 1 })
session.on('detail', (detail) => {
  const known: DeepgramAgentDetail = detail
  if (detail.name === 'languages') return detail.languagesHinted
  // @ts-expect-error Only some details have it
  return known.languages
})
