import { expect } from 'chai'
import type { TappedNodes } from '../../src/audio/audio-tap.ts'
import { DeepgramAgent, type Provider, type VoiceSession, type VoiceSessionOptions } from '../../src/index.ts'
import { itNeeds } from '../support/abilities.ts'
import { aMoment, next, rejection, until } from '../support/events.ts'
import { wire } from '../support/openai-wire.ts'
import { type Resources, watchResources } from '../support/resources.ts'
import { create as scripted, start, stopAll } from '../support/scripted-session.ts'
import { ScriptedSocket } from '../support/scripted-socket.ts'

let resources: Resources

/** A session with a microphone. */
function create(options: Partial<VoiceSessionOptions> = {}): VoiceSession {
  const microphone = { echoCancellation: true, noiseSuppression: false, autoGainControl: false }
  return scripted({ input: 'microphone', microphone, ...options })
}

async function started(options: Partial<VoiceSessionOptions> = {}) {
  const session = create(options)
  return { session, socket: await start(session) }
}

/** The microphone's chunks among the messages from `index` on, as samples. */
function chunks(socket: ScriptedSocket, index = 0): Int16Array[] {
  return socket.texts.slice(index).flatMap(({ type, audio }) => {
    if (type !== 'input_audio_buffer.append') return []
    return new Int16Array(Uint8Array.from(atob(String(audio)), (c) => c.charCodeAt(0)).buffer)
  })
}

const isLoud = (chunk: Int16Array) => chunk.some((x) => Math.abs(x) > 500)
const isSilent = (chunk: Int16Array) => chunk.every((x) => x === 0)
const live = (stream: MediaStream | null) => stream?.getTracks().map(({ readyState }) => readyState) ?? []

/** A stream of a tone, and a context that must be closed after the test. */
function tone(contexts: AudioContext[]): MediaStream {
  const context = new AudioContext()
  contexts.push(context)
  const oscillator = new OscillatorNode(context, { frequency: 1000 })
  const destination = context.createMediaStreamDestination()
  oscillator.connect(destination)
  oscillator.start()
  return destination.stream
}

describe('VoiceSession, its sound', () => {
  const contexts: AudioContext[] = []

  beforeEach(() => {
    ScriptedSocket.reset()
    resources = watchResources()
  })

  afterEach(async () => {
    await stopAll()
    for (const context of contexts.splice(0)) await context.close()
    resources.restore()
    for (const context of resources.contexts) expect(context.state).to.equal('closed')
    for (const track of resources.tracks) expect(track.readyState).to.equal('ended')
  })

  itNeeds('noiseSuppression and channelCount among the settings of a track')(
    'stats.microphone tells what was granted',
    async () => {
      const { session } = await started()
      expect(session.stats.microphone).to.deep.include({ echoCancellation: true, noiseSuppression: false })
      expect(session.stats.microphone?.label).to.match(/./)
      await session.stop()
      expect(session.stats.microphone).to.equal(null)
    },
  )

  it('warns where echo is not cancelled', async () => {
    const session = create({ microphone: { echoCancellation: false } })
    const warned = next(session, 'warning', ({ code }) => code === 'echo-cancellation-unlikely')
    await start(session)
    await warned
  })

  it('setInputDevice() listens to a stream of the page, and back; devicechange tells', async () => {
    const { session, socket } = await started()
    const own = session.inputStream
    const stream = tone(contexts)
    const changed = next(session, 'devicechange')
    await session.setInputDevice(stream)
    await changed
    expect([session.inputStream, live(own)]).to.deep.equal([stream, ['ended']])
    const from = socket.sent.length
    await until(() => chunks(socket, from).some(isLoud))
    await session.setInputDevice(null)
    expect([live(session.inputStream), live(stream)]).to.deep.equal([['live'], ['live']])
  })

  it('setInputDevice() rejects for a device that is not there, and the old one stays', async () => {
    const { session } = await started()
    const before = session.inputStream
    expect(await rejection(session.setInputDevice('none'))).to.deep.include({ code: 'microphone-not-found' })
    expect([session.inputStream, live(before)]).to.deep.equal([before, ['live']])
  })

  it('setInputDevice() before the start is what the start listens to', async () => {
    const session = create()
    const stream = tone(contexts)
    await session.setInputDevice(stream)
    const socket = await start(session)
    expect(session.inputStream).to.equal(stream)
    await until(() => chunks(socket).some(isLoud))
  })

  itNeeds('AudioContext.setSinkId')(
    'setOutputDevice() before the start that fails is a warning',
    async () => {
      const session = create()
      await session.setOutputDevice('none')
      const warned = next(session, 'warning')
      await start(session)
      expect((await warned).code).to.equal('output-device-not-found')
      expect(await rejection(session.setOutputDevice('nor this'))).to.deep.include({
        code: 'output-device-not-found',
      })
    },
  )

  it('releaseMicrophone() puts the light out and sends silence; unmuting takes it again', async () => {
    const { session, socket } = await started()
    const stream = session.inputStream
    await until(() => chunks(socket).some(isLoud))
    session.releaseMicrophone()
    expect([session.muted, live(stream)]).to.deep.equal([true, ['ended']])
    const released = socket.sent.length
    await until(() => chunks(socket, released).length > 10)
    expect(chunks(socket, released).every(isSilent)).to.equal(true)
    const changed = next(session, 'devicechange')
    session.muted = false
    await changed
    expect([session.muted, live(session.inputStream)]).to.deep.equal([false, ['live']])
    const taken = socket.sent.length
    await until(() => chunks(socket, taken).some(isLoud))
  })

  it('releaseMicrophone() before the start asks for nothing until the user unmutes', async () => {
    const session = create()
    session.releaseMicrophone()
    const socket = await start(session)
    expect([session.muted, session.inputStream, resources.tracks]).to.deep.equal([true, null, []])
    await until(() => chunks(socket).length > 5)
    expect(chunks(socket).every(isSilent)).to.equal(true)
    session.muted = false
    await until(() => chunks(socket).some(isLoud))
    expect([session.muted, live(session.inputStream)]).to.deep.equal([false, ['live']])
  })

  it('halfDuplex sends silence while the agent is to be heard, and not after', async () => {
    const { session, socket } = await started({ halfDuplex: true })
    await session.setInputDevice(tone(contexts))
    await until(() => chunks(socket).some(isLoud))
    const speaking = next(session, 'agentstatechange', ({ state }) => state === 'speaking')
    wire.answer(socket, { ms: 600 })
    wire.done(socket)
    await speaking
    const from = socket.sent.length
    await next(session, 'turn')
    const during = chunks(socket, from)
    expect(during.length).to.be.at.least(10)
    expect(during.every(isSilent)).to.equal(true)
    const after = socket.sent.length
    await until(() => chunks(socket, after).some(isLoud))
  })

  it('ducking needs a detector', () => {
    expect(() => create({ ducking: true })).to.throw(TypeError, 'speechDetector must be given')
  })

  itNeeds('a microphone that hears speech, and keeps time on a busy machine')(
    'ducking lowers the agent as soon as the detector hears the user; speechchange tells',
    async () => {
      let speaking = false
      const speechDetector = { process: () => speaking, reset: () => undefined }
      const { session, socket } = await started({ speechDetector, ducking: true })
      const began = next(session, 'agentstatechange', ({ state }) => state === 'speaking')
      wire.answer(socket, { ms: 20_000 })
      await began
      const context = new AudioContext()
      contexts.push(context)
      const analyser = new AnalyserNode(context, { fftSize: 2048 })
      context.createMediaStreamSource(session.outputStream!).connect(analyser)
      const samples = new Float32Array(2048)
      const peak = () => {
        analyser.getFloatTimeDomainData(samples)
        return Math.max(...samples)
      }
      await until(() => peak() > 0.2)
      const full = peak()
      const changed = next(session, 'speechchange')
      speaking = true
      expect(await changed).to.deep.equal({ speaking: true })
      expect(session.userSpeaking).to.equal(true)
      await until(() => peak() < full * 0.3)
      speaking = false
      await until(() => peak() > full * 0.9)
    },
  )

  it('a detector may answer later, and one that throws is told of once and not asked again', async () => {
    const answers = [true, false]
    const late = { process: async () => answers.shift() ?? false, reset: () => undefined }
    const session = create({ speechDetector: late })
    const changed = next(session, 'speechchange')
    await start(session)
    expect(await changed).to.deep.equal({ speaking: true })
    let asked = 0
    const broken = {
      process: () => {
        asked++
        throw new Error('no model')
      },
      reset: () => undefined,
    }
    const other = create({ speechDetector: broken })
    const warned = next(other, 'warning', ({ code }) => code === 'speech-detector-failed')
    const socket = await start(other)
    expect((await warned).message).to.include('no model')
    await until(() => chunks(socket).length > 5)
    expect(asked).to.equal(1)
  })

  it('taps are given both nodes at the start, and told of the end', async () => {
    const calls: string[] = []
    const tap = {
      connect: ({ context, input, output }: TappedNodes) => {
        expect(context).to.be.instanceOf(AudioContext)
        expect(input).to.be.instanceOf(AudioNode)
        expect(output).to.be.instanceOf(AudioNode)
        calls.push('connect')
      },
      disconnect: () => void calls.push('disconnect'),
    }
    const { session } = await started({ taps: [tap] })
    expect(calls).to.deep.equal(['connect'])
    await session.stop()
    expect(calls).to.deep.equal(['connect', 'disconnect'])
  })

  it('echo-suspected is said once where the agent hears itself, with what to do', async () => {
    const { session, socket } = await started()
    const warnings: string[] = []
    session.on('warning', ({ code }) => warnings.push(code))
    await session.setInputDevice(session.outputStream)
    for (const id of ['r1', 'r2']) {
      const speaking = next(session, 'agentstatechange', ({ state }) => state === 'speaking')
      wire.answer(socket, { id, itemId: id, ms: 5000, voice: true })
      await speaking
      const context = resources.contexts[0]!
      const from = context.currentTime
      await until(() => context.currentTime > from + 2.5)
      const cut = next(session, 'interrupt')
      wire.speechStarted(socket)
      await cut
      wire.done(socket, { id, itemId: id, status: 'cancelled' })
    }
    expect(warnings.filter((code) => code === 'echo-suspected').length).to.equal(1)
  })

  it('a message that a listener keeps does not change under its hands', async () => {
    const provider: Provider = new DeepgramAgent()
    const session = create({ provider })
    const dialled = ScriptedSocket.next()
    const starting = session.start()
    const socket = (await dialled).accept().say({ type: 'Welcome', request_id: 'r' })
    socket.say({ type: 'SettingsApplied' })
    await starting
    const kept: { data: Uint8Array; copy: Uint8Array }[] = []
    session.on('message', ({ direction, data }) => {
      if (direction === 'out' && data instanceof Uint8Array) kept.push({ data, copy: data.slice() })
    })
    await until(() => kept.length > 20)
    for (const { data, copy } of kept) expect(data).to.deep.equal(copy)
  })

  it('speechchange does not leave the user speaking when it ends, nor begins later', async () => {
    const late = Promise.withResolvers<boolean>()
    let answer: boolean | Promise<boolean> = true
    const session = create({ speechDetector: { process: () => answer, reset: () => undefined } })
    const told: boolean[] = []
    session.on('speechchange', ({ speaking }) => told.push(speaking))
    const changed = next(session, 'speechchange')
    await start(session)
    await changed
    answer = late.promise
    await aMoment(60)
    await session.stop()
    late.resolve(true)
    await aMoment(10)
    expect(told).to.deep.equal([true, false])
  })

  it('is turned off though a detector cannot be reset', async () => {
    const speechDetector = {
      process: () => false,
      reset: () => {
        throw new Error('No')
      },
    }
    const { session } = await started({ speechDetector })
    const [track] = session.inputStream!.getTracks()
    await session.stop()
    expect([session.state, track!.readyState]).to.deep.equal(['closed', 'ended'])
  })

  it('wakeLock is asked for while the session lasts, and audioSession is put back', async () => {
    const audioSession = { type: 'auto' }
    const asked: string[] = []
    const sentinel = { released: false, release: async () => void asked.push('release') }
    Object.defineProperty(navigator, 'audioSession', { configurable: true, value: audioSession })
    Object.defineProperty(navigator, 'wakeLock', {
      configurable: true,
      value: { request: async (type: string) => asked.push(type) && sentinel },
    })
    const { session } = await started({ wakeLock: true })
    expect([audioSession.type, asked]).to.deep.equal(['play-and-record', ['screen']])
    await session.stop()
    expect([audioSession.type, asked]).to.deep.equal(['auto', ['screen', 'release']])
    Reflect.deleteProperty(navigator, 'audioSession')
    Reflect.deleteProperty(navigator, 'wakeLock')
  })
})
