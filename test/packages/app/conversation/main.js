import { OpenAIRealtime, TokenClient, VoiceSession } from 'voicewire'
import 'voicewire/elements'

const tokens = new TokenClient({ url: '/api/voice-agent/token' })
const session = new VoiceSession({
  provider: new OpenAIRealtime({ greeting: 'Hello from the core.' }),
  proxyEndpoint: '/',
  getToken: (context) => tokens.get(context),
})
const output = document.querySelector('output')
session.on('statechange', ({ state }) => {
  output.textContent = state
})
session.on('error', ({ code, message }) => console.error(code, message))

document.querySelector('#core').addEventListener('click', () => {
  if (session.state === 'closed') session.start().catch((error) => console.error(error))
  else session.stop()
})
