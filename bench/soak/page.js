import {
  DeepgramAgent,
  DeepgramFlux,
  DeepgramListen,
  OpenAIRealtime,
  TokenClient,
  VoiceSession,
} from '../../dist/voicewire.js'

const asked = new URLSearchParams(location.search)
const PROVIDERS = {
  'OpenAI Realtime': () => new OpenAIRealtime({ greeting: 'Welcome.' }),
  'Deepgram Voice Agent': () => new DeepgramAgent({ greeting: 'Welcome.' }),
  'Deepgram Listen': () => new DeepgramListen(),
  'Deepgram Flux': () => new DeepgramFlux(),
}
const name = asked.get('provider')
const relay = `http://127.0.0.1:${asked.get('relay')}/`
const line = `http://127.0.0.1:${asked.get('line')}/`

const tokens = new TokenClient({
  url: `${relay}api/voice-agent/token`,
  body: { provider: name.startsWith('Deepgram') ? 'deepgram' : 'openai' },
})
const session = new VoiceSession({
  provider: PROVIDERS[name](),
  proxyEndpoint: line,
  getToken: (context) => tokens.get(context),
})

/** What happened so far; times in ms. */
const told = {
  state: session.state,
  /** Each time from the loss of the line until the session was open again. */
  outages: [],
  turns: 0,
  interruptions: 0,
  speakingMs: 0,
  errors: [],
  warnings: {},
}
let lostAt = 0
let spokeAt = 0

session.on('statechange', ({ state, previous }) => {
  told.state = state
  if (state === 'reconnecting') lostAt = performance.now()
  if (previous === 'reconnecting' && state === 'open') told.outages.push(performance.now() - lostAt)
})
session.on('agentstatechange', ({ state, previous }) => {
  if (state === 'speaking') spokeAt = performance.now()
  if (previous === 'speaking') told.speakingMs += performance.now() - spokeAt
})
session.on('transcript', ({ entry }) => {
  if (entry.role === 'user' && entry.final) counted.add(entry.id)
  told.turns = counted.size
})
const counted = new Set()
session.on('interrupt', () => told.interruptions++)
session.on('error', ({ code, message }) => told.errors.push(`${code}: ${message}`))
session.on('warning', ({ code }) => {
  told.warnings[code] = (told.warnings[code] ?? 0) + 1
})

globalThis.soak = {
  status() {
    const { underruns, gapMs, droppedMs, bytesSent, bytesReceived } = session.stats
    return { ...told, underruns, gapMs, droppedMs, bytesSent, bytesReceived }
  },
  stop: () => session.stop(),
}

document.querySelector('button').onclick = () =>
  session.start().catch(({ code, message }) => told.errors.push(`start: ${code}: ${message}`))
