import * as voicewire from '/dist/voicewire.js'

const { DeepgramAgent, DeepgramFlux, DeepgramListen, OpenAIRealtime, TokenClient, VoiceSession, defineTool } =
  voicewire
const PROVIDERS = { openai: OpenAIRealtime, agent: DeepgramAgent, listen: DeepgramListen, flux: DeepgramFlux }

/** All that a session takes from the browser, to see that it gives everything back. */
const taken = { contexts: new Set(), tracks: new Set(), sockets: new Set(), timers: new Set() }
/** What is to happen when a moment comes, once; see `start`. */
const moments = {}
/** Calls that the tool was given. */
const calls = []
const weather = defineTool({
  name: 'get_weather',
  description: 'The weather somewhere',
  parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  handler: ({ city }) => {
    calls.push(city)
    return `It is sunny in ${city}.`
  },
})
let session = null
let log = null

const pass = (name) => {
  const act = moments[name]
  delete moments[name]
  act?.()
}

const { AudioContext, WebSocket, setTimeout, clearTimeout, setInterval, clearInterval } = globalThis
const { mediaDevices } = navigator
const getUserMedia = mediaDevices.getUserMedia.bind(mediaDevices)

globalThis.AudioContext = class extends AudioContext {
  constructor(options) {
    super(options)
    taken.contexts.add(this)
  }
}
globalThis.WebSocket = class extends WebSocket {
  constructor(...args) {
    super(...args)
    taken.sockets.add(this)
    this.addEventListener('open', () => pass('opened'))
    this.addEventListener('message', () => pass('first message'))
    pass('dialled')
  }
}
mediaDevices.getUserMedia = async (constraints) => {
  pass('prompt')
  const stream = await getUserMedia(constraints)
  for (const track of stream.getTracks()) taken.tracks.add(track)
  pass('microphone')
  return stream
}
globalThis.setTimeout = (callback, ...rest) => {
  const timer = setTimeout(
    (...given) => {
      taken.timers.delete(timer)
      callback(...given)
    },
    ...rest,
  )
  taken.timers.add(timer)
  return timer
}
globalThis.setInterval = (...args) => {
  const timer = setInterval(...args)
  taken.timers.add(timer)
  return timer
}
globalThis.clearTimeout = (timer) => {
  taken.timers.delete(timer)
  clearTimeout(timer)
}
globalThis.clearInterval = (timer) => {
  taken.timers.delete(timer)
  clearInterval(timer)
}

globalThis.matrix = {
  /**
   * @param config.relay Whether it goes through the relay of this page's origin.
   * @param config.tools Whether the agent may ask for the weather.
   * @param config.stopAt The moment at which the session is stopped: 'at once', or one that `pass` names.
   * @returns What `start` was rejected with: its code, or its name; null if it was not.
   */
  async start({
    provider,
    url,
    options,
    relay,
    tools,
    session: more,
    muted = false,
    tokens = ['token'],
    stopAt,
  }) {
    log = { states: [], errors: [], warnings: [] }
    session = new VoiceSession({
      provider: new PROVIDERS[provider]({ ...(url && { url }), ...options }),
      getToken: async () => {
        await null
        pass('token')
        if (relay)
          return new TokenClient({ url: '/api/voice-agent/token', body: { provider: 'deepgram' } }).get()
        return tokens.length > 1 ? tokens.shift() : tokens[0]
      },
      ...(relay && { proxyEndpoint: '/' }),
      ...(tools && { tools: [weather] }),
      reconnect: { initialMs: 1, maxMs: 20, maxAttempts: 4 },
      ...more,
    })
    session.on('statechange', ({ state }) => log.states.push(state))
    session.on('error', ({ code }) => log.errors.push(code))
    session.on('warning', ({ code }) => log.warnings.push(code))
    session.muted = muted
    if (stopAt) moments[stopAt] = () => void session.stop()
    try {
      const started = session.start()
      pass('at once')
      await started
      return null
    } catch (error) {
      return error.code && typeof error.code === 'string' ? error.code : error.name
    }
  },
  sendText: (text) => session.sendText(text),
  stop: () => session.stop(),
  status: () => ({
    state: session.state,
    agentState: session.agentState,
    ...log,
    calls,
    transcript: session.transcript,
  }),
  /** Lets go of what this page itself holds of the past. */
  forget() {
    for (const socket of taken.sockets) if (socket.readyState === 3) taken.sockets.delete(socket)
    log.states = []
    log.warnings = []
  },
  /** @returns What is not given back, by kind. */
  leaks() {
    const left = {
      contexts: [...taken.contexts].filter(({ state }) => state !== 'closed').length,
      tracks: [...taken.tracks].filter(({ readyState }) => readyState !== 'ended').length,
      sockets: [...taken.sockets].filter(({ readyState }) => readyState < 2).length,
      timers: taken.timers.size,
    }
    return Object.fromEntries(Object.entries(left).filter(([, count]) => count > 0))
  },
}
document.documentElement.dataset.ready = ''
