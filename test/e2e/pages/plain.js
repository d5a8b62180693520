import { OpenAIRealtime, TokenClient, VoiceSession } from '/dist/voicewire.js'

const tokens = new TokenClient({ url: '/api/voice-agent/token' })
const session = new VoiceSession({
  provider: new OpenAIRealtime(),
  proxyEndpoint: '/',
  getToken: (context) => tokens.get(context),
})

document.querySelector('button').addEventListener('click', async () => {
  const output = document.querySelector('output')
  try {
    await session.start()
    output.textContent = session.state
  } catch (error) {
    output.textContent = `${error.code}: ${error.hint}`
  }
})
