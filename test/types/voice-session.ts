/** Compiled, never run: what must and what must not type-check. */
import { DeepgramAgent, OpenAIRealtime, VoiceSession } from '../../src/index.ts'

const provider = new OpenAIRealtime()

new VoiceSession({ provider, apiKey: 'k' })
new VoiceSession({ provider, getToken: async () => 't' })
new VoiceSession({ provider, getToken: () => 't' })
new VoiceSession({ provider, proxyEndpoint: '/relay/' })
new VoiceSession({
  provider,
  proxyEndpoint: new URL('wss://relay.test'),
  proxyAuthToken: 't',
  tokenTransport: 'query',
})
new VoiceSession({ provider: new DeepgramAgent({ outputSampleRate: 48_000 }), apiKey: 'k', input: 'none' })

// @ts-expect-error One way to authenticate is needed
new VoiceSession({ provider })
// @ts-expect-error Not two of them
new VoiceSession({ provider, apiKey: 'k', proxyEndpoint: '/relay/' })
// @ts-expect-error Not two of them
new VoiceSession({ provider, apiKey: 'k', getToken: () => 't' })
// @ts-expect-error A provider is needed
new VoiceSession({ apiKey: 'k' })
// @ts-expect-error There are two transports
new VoiceSession({ provider, proxyEndpoint: '/', tokenTransport: 'header' })
// @ts-expect-error An unknown option is a typing mistake
new VoiceSession({ provider, apiKey: 'k', echoCancelation: true })
// @ts-expect-error Deepgram does not speak at this rate
new DeepgramAgent({ outputSampleRate: 44_100 })

const session = new VoiceSession({ provider, apiKey: 'k' })
const unbind: () => void = session.on('statechange', ({ state, previous }) => {
  const known: 'closed' | 'connecting' | 'open' | 'reconnecting' | 'closing' = state
  // @ts-expect-error There is no such state
  const unknown: 'paused' = previous
  return [known, unknown]
})
unbind()
session.on('error', (error) => error.code === 'microphone-denied')
// @ts-expect-error There is no such code
session.on('error', (error) => error.code === 'microphone-forbidden')
// @ts-expect-error There is no such event
session.on('stateChange', () => {})
// @ts-expect-error It is read-only
session.state = 'open'
