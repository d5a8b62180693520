import { DeepgramAgent, OpenAIRealtime, TokenClient, VoiceSession } from '/dist/voicewire.js'

const byDeepgram = new URLSearchParams(location.search).get('provider') === 'deepgram-agent'
const instructions = 'You are a friendly guide to this page. Answer in one or two short sentences.'
const tokens = new TokenClient({
  url: '/api/voice-agent/token',
  body: { provider: byDeepgram ? 'deepgram' : 'openai', use: 'relay' },
})
const session = new VoiceSession({
  provider: byDeepgram ? new DeepgramAgent({ instructions }) : new OpenAIRealtime({ instructions }),
  proxyEndpoint: '/',
  getToken: (context) => tokens.get(context),
})

const toggle = document.querySelector('#toggle')
const status = document.querySelector('#status')
const transcript = document.querySelector('#transcript')
const form = document.querySelector('#form')

session.on('statechange', ({ state }) => {
  status.textContent = state
  toggle.textContent = state === 'closed' || state === 'closing' ? 'Start' : 'Stop'
  for (const control of form.elements) control.disabled = state !== 'open'
})
session.on('agentstatechange', ({ state }) => {
  if (session.state === 'open') status.textContent = state
})
session.on('transcript', ({ entries }) => {
  transcript.replaceChildren(...entries.map(line))
})
session.on('error', showError)

toggle.addEventListener('click', () => {
  if (session.state === 'closed') session.start().catch(showError)
  else session.stop()
})
form.addEventListener('submit', (event) => {
  event.preventDefault()
  session.sendText(form.elements.text.value)
  form.reset()
})

function line({ role, text, interrupted }) {
  const item = document.createElement('li')
  item.textContent = `${role === 'user' ? 'You' : 'Agent'}: ${text || '…'}${interrupted ? ' (interrupted)' : ''}`
  return item
}

function showError(error) {
  if (error.name !== 'AbortError') status.textContent = [error.message, error.hint].filter(Boolean).join('. ')
}
