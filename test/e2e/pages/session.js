import { DeepgramAgent, OpenAIRealtime, TokenClient, VoiceSession } from '/dist/voicewire.js'

/** Everything the page takes from the browser, to see that all of it is given back. */
const resources = { contexts: [], tracks: [], sockets: [] }
/** What the capture worklet was given: one array of channels for each quantum. */
const raw = []
/** What the playback worklet rendered: quanta with their frame. */
const rendered = []
/** What came out of `outputStream`, buffer by buffer. */
const streamed = []
let playbackNode = null
const transcript = []
const states = []
const errors = []
/** Each time the agent was cut off: when the server said so, and what was heard. */
const interruptions = []
let session = null

const { AudioContext, AudioWorkletNode, WebSocket } = globalThis
const { mediaDevices } = navigator
const getUserMedia = mediaDevices.getUserMedia.bind(mediaDevices)

globalThis.AudioContext = class extends AudioContext {
  constructor(options) {
    super(options)
    resources.contexts.push(this)
  }
}
globalThis.WebSocket = class extends WebSocket {
  constructor(...args) {
    super(...args)
    resources.sockets.push(this)
  }
}
globalThis.AudioWorkletNode = class extends AudioWorkletNode {
  constructor(context, name, options) {
    super(context, name, options)
    if (name === 'voicewire-playback') playbackNode = this
    if (name !== 'voicewire-capture') return
    // Bound before the library binds its own listener, which must not see the tap's messages.
    this.port.addEventListener('message', (event) => {
      if (!event.data.tap) return
      event.stopImmediatePropagation()
      raw.push(...event.data.tap)
    })
  }
}
mediaDevices.getUserMedia = async (constraints) => {
  const stream = await getUserMedia(constraints)
  resources.tracks.push(...stream.getTracks())
  return stream
}

const PROVIDERS = { openai: OpenAIRealtime, deepgram: DeepgramAgent }

/** Listens where the worklet renders, which tells when, and at the stream, which is what a page is given. */
async function record(audio, stream) {
  await audio.audioWorklet.addModule('recorder.js')
  const node = new AudioWorkletNode(audio, 'recorder')
  node.port.onmessage = ({ data }) => rendered.push(data)
  playbackNode.connect(node).connect(audio.destination)
  void read(stream.getAudioTracks()[0])
}

/** Reads a track buffer by buffer: a MediaStreamAudioSourceNode would put in silence when the machine is busy. */
async function read(track) {
  const { readable } = new MediaStreamTrackProcessor({ track, maxBufferSize: 10_000 })
  for await (const data of readable) {
    const samples = new Float32Array(data.numberOfFrames)
    data.copyTo(samples, { planeIndex: 0, format: 'f32-planar' })
    data.close()
    streamed.push(samples)
  }
}

/** Through the relay of this page's origin, unless a key or a token for the provider itself is given. */
function credentials({ relay = '/', ticket, apiKey, token }) {
  if (apiKey) return { apiKey }
  if (token) return { getToken: () => token }
  const tokens = new TokenClient({ url: '/api/voice-agent/token' })
  return { proxyEndpoint: relay, getToken: (given) => ticket ?? tokens.get(given) }
}

function create({ provider, options = {}, ...auth }) {
  session = new VoiceSession({
    provider: new PROVIDERS[provider](options),
    ...credentials(auth),
    microphone: { echoCancellation: false, noiseSuppression: false, autoGainControl: false },
    workletUrls: { capture: 'capture-tapped.js' },
  })
  session.on('statechange', ({ state }) => states.push(state))
  session.on('transcript', ({ entries }) => transcript.splice(0, Infinity, ...entries))
  session.on('error', ({ code, message }) => errors.push(`${code}: ${message}`))
  session.on('message', ({ direction, data }) => {
    if (direction !== 'in' || typeof data !== 'string' || session.agentState !== 'speaking') return
    if (!/"(input_audio_buffer\.speech_started|UserStartedSpeaking)"/.test(data)) return
    const { currentTime, sampleRate } = context()
    interruptions.push({ frame: Math.round(currentTime * sampleRate) })
  })
  session.on('interrupt', (heard) => Object.assign(interruptions.at(-1), heard))
}

const context = () => resources.contexts[0]

globalThis.page = {
  async start(config) {
    create(config)
    const starting = session.start()
    await starting
    await record(context(), session.outputStream)
  },
  stop: () => session.stop(),
  status: () => ({
    state: session?.state,
    agentState: session?.agentState,
    stats: session?.stats,
    states,
    errors,
    transcript,
    interruptions,
    sampleRate: context()?.sampleRate,
    outputLatency: context()?.outputLatency,
    contexts: resources.contexts.map(({ state }) => state),
    tracks: resources.tracks.map(({ readyState }) => readyState),
    sockets: resources.sockets.map(({ readyState }) => readyState),
  }),
  /** What the capture worklet was given, mixed to one channel as base64 of 32-bit floats. */
  raw: () => base64(raw.flatMap((channels) => mono(channels))),
  rendered: () => ({
    frames: rendered.map(({ frame }) => frame),
    samples: base64(rendered.flatMap(({ samples }) => [...samples])),
  }),
  streamed: () => base64(streamed.flatMap((samples) => [...samples])),
}

function mono(channels) {
  if (channels.length === 0) return new Array(128).fill(0)
  return Array.from(
    channels[0],
    (_, i) => channels.reduce((sum, channel) => sum + channel[i], 0) / channels.length,
  )
}

function base64(samples) {
  return new Uint8Array(Float32Array.from(samples).buffer).toBase64()
}

document.documentElement.dataset.ready = ''
