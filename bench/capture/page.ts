/** What runs in the page: the microphone, its peers, and what keeps the page busy. */
import { Microphone, type MicrophoneOptions } from '../../src/audio/microphone.ts'

/** The rate on the wire, in Hz. */
const WIRE_RATE = 16_000

interface Stamped {
  readonly data: { readonly at?: number }
}

/** When the last message of the capture worklet was sent, by its clock, in whole ms. */
let sentAt = 0

// Listens before the library does.
globalThis.AudioWorkletNode = class extends AudioWorkletNode {
  constructor(context: BaseAudioContext, name: string, options?: AudioWorkletNodeOptions) {
    super(context, name, options)
    if (name !== 'voicewire-capture') return
    this.port.addEventListener('message', ({ data }: Stamped) => {
      sentAt = data.at ?? 0
    })
  }
}

async function openSocket(path: string): Promise<WebSocket> {
  const socket = new WebSocket(`ws://${location.host}${path}`)
  await new Promise((resolve) => {
    socket.onopen = resolve
  })
  return socket
}

async function openContext(options?: AudioContextOptions): Promise<AudioContext> {
  const context = new AudioContext(options)
  await context.audioWorklet.addModule('processors.js')
  await context.resume()
  return context
}

/** Noise that never repeats within the run. */
function noise(context: AudioContext, seconds: number): AudioBufferSourceNode {
  const buffer = context.createBuffer(1, seconds * context.sampleRate, context.sampleRate)
  const samples = buffer.getChannelData(0)
  for (let i = 0; i < samples.length; i++) samples[i] = Math.random() - 0.5
  return new AudioBufferSourceNode(context, { buffer })
}

function boxAverage(input: Float32Array, rate: number): Int16Array<ArrayBuffer> {
  const step = rate / WIRE_RATE
  return Int16Array.from({ length: Math.floor(input.length / step) }, (_, i) => {
    const part = input.subarray(Math.floor(i * step), Math.floor((i + 1) * step))
    return (part.reduce((sum, x) => sum + x, 0) / part.length) * 32_767
  })
}

/** Blocks the page for `busyMs` in every `periodMs`. */
function keepBusy({ busyMs, periodMs }: Load): void {
  if (busyMs === 0) return
  setInterval(() => {
    const end = performance.now() + busyMs
    while (performance.now() < end);
  }, periodMs)
}

export interface Load {
  readonly busyMs: number
  readonly periodMs: number
}

export interface CaptureRun {
  readonly rate: number
  readonly seconds: number
  readonly load: Load
  /** Where sockets lead. */
  readonly path: string
  readonly peers: boolean
}

/** What one way to capture did: messages from the audio thread, samples that came, and the span they came in. */
export interface Tally {
  messages: number
  samples: number
  first: number
  last: number
  /** From the worklet to `WebSocket.send`, in ms. */
  readonly delays: number[]
  /** When each message left the worklet, in ms since the epoch; whole. */
  readonly sentAt: number[]
}

export interface CaptureResult {
  readonly ours: Tally
  readonly scriptProcessor: Tally
  readonly quanta: Tally
}

const tally = (): Tally => ({ messages: 0, samples: 0, first: 0, last: 0, delays: [], sentAt: [] })

function count(target: Tally, context: AudioContext, samples: number, at?: number): void {
  target.first ||= context.currentTime
  target.last = context.currentTime
  target.messages++
  target.samples += samples
  if (at === undefined) return
  // A whole number of ms was 0.5 ms ago on average.
  target.delays.push(performance.timeOrigin + performance.now() - clockOffset() - at - 0.5)
  target.sentAt.push(at)
}

let offset: number | undefined

/** @returns How far `performance` is ahead of `Date`, in ms: measured once, where `Date` ticks. */
function clockOffset(): number {
  if (offset !== undefined) return offset
  const offsets = Array.from({ length: 20 }, () => {
    const before = Date.now()
    let now = before
    while (now === before) now = Date.now()
    return performance.timeOrigin + performance.now() - now
  })
  offset = offsets.sort((a, b) => a - b)[10]!
  return offset
}

async function connectPeers(microphone: Microphone, path: string, result: CaptureResult): Promise<void> {
  const context = microphone.output.context as AudioContext
  const [processorSocket, quantaSocket] = await Promise.all([
    openSocket(`${path}/script-processor`),
    openSocket(`${path}/quanta`),
  ])
  const processor = context.createScriptProcessor(4096, 1, 1)
  processor.onaudioprocess = ({ inputBuffer }) => {
    count(result.scriptProcessor, context, inputBuffer.length)
    processorSocket.send(boxAverage(inputBuffer.getChannelData(0), context.sampleRate))
  }
  microphone.output.connect(processor).connect(context.destination)
  const quanta = new AudioWorkletNode(context, 'bench-quanta', { numberOfOutputs: 0 })
  quanta.port.onmessage = ({ data }: MessageEvent<{ at: number; samples: Float32Array }>) => {
    quantaSocket.send(boxAverage(data.samples, context.sampleRate))
    count(result.quanta, context, data.samples.length, data.at)
  }
  microphone.output.connect(quanta)
}

/** Captures noise while the page is busy, with peers beside it that hear the same. */
async function capture({ rate, seconds, load, path, peers }: CaptureRun): Promise<CaptureResult> {
  clockOffset()
  const context = await openContext({ sampleRate: rate })
  const result: CaptureResult = { ours: tally(), scriptProcessor: tally(), quanta: tally() }
  const [socket, tapSocket] = await Promise.all([openSocket(`${path}/ours`), openSocket(`${path}/tap`)])
  const destination = context.createMediaStreamDestination()
  const source = noise(context, seconds + 2)
  source.connect(destination)
  const tap = new AudioWorkletNode(context, 'bench-tap', { numberOfInputs: 0 })
  tap.port.onmessage = ({ data }: MessageEvent<{ frames: number[]; samples: Float32Array<ArrayBuffer> }>) => {
    tapSocket.send(Float64Array.from(data.frames))
    tapSocket.send(data.samples)
  }
  const microphone = openMicrophone(context, {
    stream: destination.stream,
    onchunk: (chunk) => {
      socket.send(chunk)
      count(result.ours, context, chunk.length, sentAt)
    },
  })
  await microphone.open()
  if (peers) await connectPeers(microphone, path, result)
  const ended = new Promise((resolve) => {
    source.onended = resolve
  })
  source.start()
  keepBusy(load)
  source.stop(context.currentTime + seconds)
  await ended
  // What is under way arrives, also where the page is behind.
  await new Promise((resolve) => setTimeout(resolve, 1000))
  microphone.close()
  socket.close()
  await new Promise((resolve) => setTimeout(resolve, 1000))
  tapSocket.close()
  await context.close()
  return result
}

function openMicrophone(
  context: AudioContext,
  options: Pick<MicrophoneOptions, 'stream' | 'onchunk' | 'constraints'>,
): Microphone {
  return new Microphone({
    context,
    sampleRate: WIRE_RATE,
    workletUrl: '/dist/worklets/capture.js',
    onend: (error) => {
      throw error
    },
    ...options,
  })
}

/** Captures from the browser's device until the page is closed, and keeps nothing. */
async function captureForever(path: string): Promise<void> {
  const socket = await openSocket(path)
  await openMicrophone(new AudioContext(), { onchunk: (chunk) => socket.send(chunk) }).open()
}

/** Sends as many messages of the same length, by a timer. */
async function sendForever(path: string): Promise<void> {
  const socket = await openSocket(path)
  const chunk = new Int16Array(WIRE_RATE / 50)
  setInterval(() => socket.send(chunk), 20)
}

const UNPROCESSED = { echoCancellation: false, noiseSuppression: false, autoGainControl: false }

/** @returns The longest silence around each change of device, in ms, where the devices play a tone. */
async function changeDevices(changes: number, how: 'hot' | 'cold'): Promise<number[]> {
  const context = await openContext()
  const tap = new AudioWorkletNode(context, 'bench-tap', { numberOfOutputs: 0 })
  const change = how === 'hot' ? await hotSwap(context, tap) : coldSwap(context, tap)
  const ids = (await navigator.mediaDevices.enumerateDevices()).flatMap(({ kind, deviceId }) =>
    kind === 'audioinput' && deviceId !== 'default' ? [deviceId] : [],
  )
  const gaps: number[] = []
  let gap = 0
  let longest = 0
  tap.port.onmessage = ({ data }: MessageEvent<{ samples: Float32Array }>) => {
    for (const sample of data.samples) {
      gap = Math.abs(sample) < 0.01 ? gap + 1 : 0
      longest = Math.max(longest, gap)
    }
  }
  await change(ids[0]!)
  for (let i = 1; i <= changes; i++) {
    await new Promise((resolve) => setTimeout(resolve, 500))
    longest = 0
    await change(ids[i % 2]!)
    await new Promise((resolve) => setTimeout(resolve, 500))
    gaps.push((longest / context.sampleRate) * 1000)
  }
  await context.close()
  return gaps
}

async function hotSwap(context: AudioContext, tap: AudioNode): Promise<(id: string) => Promise<void>> {
  const microphone = openMicrophone(context, { constraints: UNPROCESSED, onchunk: () => undefined })
  await microphone.open()
  microphone.output.connect(tap)
  return (id) => microphone.setDevice(id)
}

/** The usual way: stop the one, then ask for the other. */
function coldSwap(context: AudioContext, tap: AudioNode): (id: string) => Promise<void> {
  let stream: MediaStream | undefined
  let source: AudioNode | undefined
  return async (id) => {
    for (const track of stream?.getTracks() ?? []) track.stop()
    source?.disconnect()
    stream = await navigator.mediaDevices.getUserMedia({ audio: { ...UNPROCESSED, deviceId: { exact: id } } })
    source = context.createMediaStreamSource(stream)
    source.connect(tap)
  }
}

export const bench = { capture, captureForever, changeDevices, sendForever }
Object.assign(globalThis, { bench })
