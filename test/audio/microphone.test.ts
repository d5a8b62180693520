import { expect } from 'chai'
import type { Microphone } from '../../src/audio/microphone.ts'
import { encodePCM16 } from '../../src/audio/pcm.ts'
import { Resampler } from '../../src/audio/resampler.ts'
import { VoiceError } from '../../src/errors.ts'
import { FIREFOX, itNeeds } from '../support/abilities.ts'
import {
  deviceIds,
  getUserMedia,
  isLive,
  isLoud,
  isSilent,
  rejection,
  replaceGetUserMedia,
  running,
  setUp,
  tearDown,
  toneStream,
  watchRequests,
} from './support/microphone.ts'
import { tap, watchNodes } from './support/observed-context.ts'
import { concatenate, firstDifference } from './support/signal.ts'

describe('Microphone', () => {
  afterEach(tearDown)

  for (const [contextRate, sampleRate] of [
    [48_000, 16_000],
    [44_100, 24_000],
    [48_000, 8000],
  ] as const) {
    it(`chunks are what Resampler makes of the device's sound, ${contextRate} → ${sampleRate}`, async () => {
      const context = await running({ sampleRate: contextRate })
      const raw = tap(context)
      const { microphone, chunks, until } = await setUp({ context, sampleRate })
      await microphone.open()
      await until(() => chunks.filter(isLoud).length >= 30)
      microphone.close()
      const length = chunks.length * (sampleRate / 50)
      const needed = Math.ceil((length * contextRate) / sampleRate)
      await raw.until(() => raw.length >= needed)
      const resampler = new Resampler({ inputRate: contextRate, outputRate: sampleRate })
      const expected = encodePCM16(resampler.process(concatenate(raw.quanta)))
      expect(chunks.every((chunk) => chunk.length === sampleRate / 50)).to.equal(true)
      expect(
        firstDifference(
          chunks.flatMap((chunk) => [...chunk]),
          expected.subarray(0, length),
          1,
        ),
      ).to.equal(-1)
    })
  }

  it('chunks lack nothing when the page is blocked 150 ms in every 400', async () => {
    const context = await running()
    const raw = tap(context)
    const { microphone, chunks, until } = await setUp({ context, sampleRate: 16_000 })
    await microphone.open()
    const block = setInterval(() => {
      const end = performance.now() + 150
      while (performance.now() < end);
    }, 400)
    await until(() => chunks.length >= 100)
    clearInterval(block)
    microphone.close()
    await raw.until(() => (raw.length * 16_000) / context.sampleRate >= chunks.length * 320)
    const resampler = new Resampler({ inputRate: context.sampleRate, outputRate: 16_000 })
    const expected = encodePCM16(resampler.process(concatenate(raw.quanta)))
    expect(
      firstDifference(
        chunks.flatMap((chunk) => [...chunk]),
        expected.subarray(0, chunks.length * 320),
        1,
      ),
    ).to.equal(-1)
  })

  it('open() asks for one channel with all processing on, and for no sample rate', async () => {
    const asked: MediaStreamConstraints[] = []
    replaceGetUserMedia((constraints) => {
      asked.push(constraints)
      return getUserMedia({ audio: true })
    })
    const { microphone } = await setUp({ constraints: { deviceId: 'default', echoCancellation: false } })
    await microphone.open()
    expect(asked).to.deep.equal([
      {
        audio: {
          channelCount: { ideal: 1 },
          echoCancellation: false,
          noiseSuppression: true,
          autoGainControl: true,
          deviceId: 'default',
        },
      },
    ])
  })

  it('open() twice opens once', async () => {
    let asked = 0
    replaceGetUserMedia(() => {
      asked++
      return getUserMedia({ audio: true })
    })
    const { microphone } = await setUp()
    await Promise.all([microphone.open(), microphone.open()])
    await microphone.open()
    expect(asked).to.equal(1)
  })

  it('constructor refuses a chunkMs that is not in 10…100', async () => {
    const context = await running()
    for (const chunkMs of [9, 101, Number.NaN]) {
      expect(await rejection(setUp({ context, chunkMs }))).to.be.instanceOf(RangeError)
    }
  })

  it('chunks are used again once the call is over, unless they were taken', async () => {
    const context = await running()
    const given: Int16Array[] = []
    const enough = Promise.withResolvers<void>()
    const { microphone } = await setUp({
      context,
      stream: toneStream(context),
      onchunk: (chunk) => {
        if (given.length % 2 === 1) structuredClone(chunk.buffer, { transfer: [chunk.buffer] })
        else if (chunk.length !== 320) enough.reject(new Error(`${chunk.length} samples`))
        given.push(chunk)
        if (given.length === 100) enough.resolve()
      },
    })
    await microphone.open()
    await enough.promise
    // The last one is given back when this call of the listener is over.
    expect(given.slice(0, -1).every(({ length }) => length === 0)).to.equal(true)
  })

  itNeeds('noiseSuppression and channelCount among the settings of a track')(
    'settings are those of the device that was granted',
    async () => {
      const [, second] = await deviceIds()
      const { microphone } = await setUp({
        constraints: { deviceId: { exact: second! }, echoCancellation: false, noiseSuppression: false },
      })
      expect(microphone.settings).to.equal(null)
      await microphone.open()
      expect(microphone.settings).to.deep.include({
        deviceId: second!,
        label: (await navigator.mediaDevices.enumerateDevices()).find(({ deviceId }) => deviceId === second)
          ?.label,
        channelCount: 1,
        echoCancellation: false,
        noiseSuppression: false,
        autoGainControl: true,
      })
      // Firefox tells no rate.
      if (FIREFOX) expect(microphone.settings!.sampleRate).to.equal(undefined)
      else expect(microphone.settings!.sampleRate).to.be.above(0)
      microphone.close()
      expect(microphone.settings).to.equal(null)
    },
  )

  it('settings leave out what the browser does not tell', async () => {
    const stream = await getUserMedia({ audio: true })
    const settings = { sampleRate: 0, echoCancellation: undefined, groupId: 'g' }
    Object.defineProperty(stream.getAudioTracks()[0]!, 'getSettings', { value: () => settings })
    const { microphone } = await setUp({ stream })
    await microphone.open()
    expect(microphone.settings).to.deep.equal({ label: stream.getAudioTracks()[0]!.label })
    for (const track of stream.getTracks()) track.stop()
  })

  it('chunkMs sets the length of a chunk', async () => {
    const { microphone, chunks, more } = await setUp({ chunkMs: 40, sampleRate: 24_000 })
    await microphone.open()
    await more(2)
    expect(chunks[0]!.length).to.equal(960)
  })

  it('level follows the sound', async () => {
    const context = await running()
    const { microphone, levels, until } = await setUp({ context, stream: toneStream(context) })
    expect(microphone.level).to.equal(0)
    await microphone.open()
    // A sine of full scale is 3 dB below it.
    await until(() => Math.abs(microphone.level - (1 - 3.01 / 60)) < 0.01)
    expect(levels.at(-1)).to.equal(microphone.level)
  })

  it('muted lets silence through and disables the device; unmuted brings the sound back', async () => {
    const { microphone, chunks, levels, until, more } = await setUp()
    await microphone.open()
    await until(() => chunks.some(isLoud))
    const track = microphone.stream!.getAudioTracks()[0]!
    microphone.muted = true
    const muted = chunks.length
    expect(track.enabled).to.equal(false)
    await more(20)
    expect(chunks.slice(muted).every(isSilent)).to.equal(true)
    expect([microphone.level, levels.at(-1)]).to.deep.equal([0, 0])
    microphone.muted = false
    expect(track.enabled).to.equal(true)
    const unmuted = chunks.length
    await until(() => chunks.slice(unmuted).some(isLoud))
  })

  itNeeds('a microphone that hears speech, and keeps time on a busy machine')(
    'muted keeps back what was said meanwhile, also where the page was too busy to see it',
    async () => {
      const context = await running()
      const { microphone, chunks, until, more } = await setUp({ context, stream: toneStream(context) })
      await microphone.open()
      await until(() => chunks.some(isLoud))
      microphone.muted = true
      await more(3)
      const end = performance.now() + 200
      while (performance.now() < end);
      microphone.muted = false
      const unmuted = chunks.length
      await until(() => chunks.slice(unmuted).some(isLoud))
      expect(chunks.slice(unmuted).findIndex(isLoud)).to.be.at.least(7)
    },
  )

  it("muted silences a caller's stream without touching its tracks, also when set before open()", async () => {
    const context = await running()
    const stream = toneStream(context)
    const { microphone, chunks, more, until } = await setUp({ context, stream })
    microphone.muted = true
    await microphone.open()
    await more(10)
    expect(chunks.every(isSilent)).to.equal(true)
    expect(stream.getAudioTracks()[0]!.enabled).to.equal(true)
    microphone.muted = false
    await until(() => chunks.some(isLoud))
  })

  itNeeds('a microphone that hears speech, and keeps time on a busy machine')(
    'close() stops its own tracks and delivers nothing more; twice does no harm',
    async () => {
      const { microphone, chunks, more, context } = await setUp()
      await microphone.open()
      await more(2)
      const stream = microphone.stream!
      const raw = tap(context)
      microphone.close()
      microphone.close()
      const count = chunks.length
      expect(isLive(stream)).to.equal(false)
      expect(microphone.stream).to.equal(null)
      // The processor itself ends: another one that runs as long as a chunk lasts sees nothing of it.
      const other = await setUp({ context, stream: toneStream(context) })
      await other.microphone.open()
      await other.more(25)
      const rate = raw.length / other.chunks.length
      expect(rate).to.be.below((context.sampleRate / 50) * 1.25)
      expect(chunks.length).to.equal(count)
    },
  )

  it("close() leaves a caller's stream alone", async () => {
    const context = await running()
    const stream = toneStream(context)
    const { microphone, more } = await setUp({ context, stream })
    await microphone.open()
    expect(microphone.stream).to.equal(stream)
    await more(1)
    microphone.close()
    expect(isLive(stream)).to.equal(true)
  })

  for (const [how, end] of [
    ['abort', (_: Microphone, controller: AbortController) => controller.abort(new Error('no more'))],
    ['close()', (microphone: Microphone) => microphone.close()],
  ] as const) {
    it(`open() ends at once on ${how} during the prompt, and lets go of what is granted later`, async () => {
      const asked = Promise.withResolvers<void>()
      const granted = Promise.withResolvers<MediaStream>()
      replaceGetUserMedia(() => {
        asked.resolve()
        return granted.promise
      })
      const { microphone, chunks } = await setUp()
      const controller = new AbortController()
      const opening = rejection(microphone.open({ signal: controller.signal }))
      await asked.promise
      end(microphone, controller)
      const reason = (await opening) as Error
      expect(how === 'abort' ? reason.message : reason.name).to.equal(
        how === 'abort' ? 'no more' : 'AbortError',
      )
      const stream = await getUserMedia({ audio: true })
      granted.resolve(stream)
      await granted.promise
      await Promise.resolve()
      expect(isLive(stream)).to.equal(false)
      expect(microphone.stream).to.equal(null)
      expect(chunks).to.deep.equal([])
    })
  }

  it('open() asks for nothing when it is aborted before or while the worklet loads', async () => {
    let asked = 0
    replaceGetUserMedia((constraints) => {
      asked++
      return getUserMedia(constraints)
    })
    const before = await setUp()
    const reason = new Error('changed my mind')
    expect(await rejection(before.microphone.open({ signal: AbortSignal.abort(reason) }))).to.equal(reason)
    const during = await setUp()
    const opening = rejection(during.microphone.open())
    during.microphone.close()
    expect(((await opening) as Error).name).to.equal('AbortError')
    expect(asked).to.equal(0)
  })

  it('open() aborted just as the device is granted leaves nothing open', async () => {
    const controller = new AbortController()
    const streams: MediaStream[] = []
    replaceGetUserMedia(async (constraints) => {
      const stream = await getUserMedia(constraints)
      streams.push(stream)
      controller.abort()
      return stream
    })
    const { microphone } = await setUp()
    expect(((await rejection(microphone.open({ signal: controller.signal }))) as Error).name).to.equal(
      'AbortError',
    )
    await Promise.resolve()
    expect(streams.map(isLive)).to.deep.equal([false])
  })

  it('onwarning is called with capture-restarted when the worklet fails, and chunks go on', async () => {
    const { nodes, restore } = watchNodes()
    const { microphone, told, more, loud } = await setUp()
    await microphone.open()
    await more(1)
    nodes[0]!.port.postMessage({ type: 'fail' })
    await more(5)
    await loud()
    restore()
    expect(told).to.deep.equal(['capture-restarted'])
    expect(nodes.length).to.equal(2)
  })

  it('onend is called with audio-failed when the worklet fails again at once, and all is let go', async () => {
    const { streams } = watchRequests()
    const { microphone, told, ended } = await setUp({ sampleRate: 16_000.5 })
    await microphone.open()
    const error = await ended
    expect([error.code, error.phase]).to.deep.equal(['audio-failed', 'audio'])
    expect(told).to.deep.equal(['capture-restarted'])
    expect(microphone.stream).to.equal(null)
    expect(streams.map(isLive)).to.deep.equal([false])
  })

  it('release() lets go of the device while silence goes on; muted = false asks for it again', async () => {
    const { streams } = watchRequests()
    const { microphone, chunks, told, more, until, loud } = await setUp()
    await microphone.open()
    await loud()
    microphone.release()
    expect([microphone.muted, microphone.stream, microphone.settings]).to.deep.equal([true, null, null])
    expect(streams.map(isLive)).to.deep.equal([false])
    const from = chunks.length
    await more(20)
    expect(chunks.slice(from).every(isSilent)).to.equal(true)
    microphone.muted = false
    expect(microphone.muted).to.equal(true)
    await until(() => !microphone.muted)
    await loud()
    expect(streams.map(isLive)).to.deep.equal([false, true])
    expect(told).to.deep.equal(['change', 'change'])
  })

  it("release() disconnects a caller's stream and never stops it; unmute() brings it back", async () => {
    const context = await running()
    const stream = toneStream(context)
    const { microphone, chunks, more, loud } = await setUp({ context, stream })
    await microphone.open()
    await loud()
    microphone.release()
    expect([isLive(stream), stream.getAudioTracks()[0]!.enabled]).to.deep.equal([true, true])
    const from = chunks.length + 1
    await more(10)
    expect(chunks.slice(from).every(isSilent)).to.equal(true)
    await microphone.unmute()
    expect([microphone.muted, microphone.stream]).to.deep.equal([false, stream])
    await loud()
  })

  it('unmute() after release() rejects where the device is refused, and it stays muted', async () => {
    const { microphone, told, more } = await setUp()
    await microphone.open()
    microphone.release()
    replaceGetUserMedia(() => Promise.reject(new DOMException('Permission denied', 'NotAllowedError')))
    const error = (await rejection(microphone.unmute())) as VoiceError
    expect([error.code, microphone.muted]).to.deep.equal(['microphone-denied', true])
    await more(5)
    expect(told).to.deep.equal(['change'])
  })

  it('muted = false after release() tells a refusal by onwarning, and it stays muted', async () => {
    const { microphone, told, until } = await setUp()
    await microphone.open()
    microphone.release()
    replaceGetUserMedia(() => Promise.reject(new DOMException('', 'NotFoundError')))
    microphone.muted = false
    await until(() => told.length > 1)
    expect([told, microphone.muted]).to.deep.equal([['change', 'microphone-not-found'], true])
  })

  it('muted = true takes muted = false back, also where the device is granted later', async () => {
    const { microphone, more } = await setUp()
    await microphone.open()
    microphone.release()
    const granted = Promise.withResolvers<MediaStream>()
    const asked = Promise.withResolvers<void>()
    replaceGetUserMedia(() => {
      asked.resolve()
      return granted.promise
    })
    const unmuting = rejection(microphone.unmute())
    await asked.promise
    microphone.muted = true
    expect(((await unmuting) as Error).name).to.equal('AbortError')
    const stream = await getUserMedia({ audio: true })
    granted.resolve(stream)
    await more(2)
    expect([isLive(stream), microphone.stream, microphone.muted]).to.deep.equal([false, null, true])
  })

  it('release() during open() opens without a device; unmute() asks for the first one', async () => {
    const { asked } = watchRequests()
    const { microphone, chunks, more, loud } = await setUp()
    const opening = microphone.open()
    microphone.release()
    await opening
    await more(5)
    expect([asked.length, chunks.every(isSilent)]).to.deep.equal([0, true])
    await microphone.unmute()
    await loud()
    expect(asked.length).to.equal(1)
  })

  it('release() during the prompt of open() takes that back', async () => {
    const asked = Promise.withResolvers<void>()
    const granted = Promise.withResolvers<MediaStream>()
    replaceGetUserMedia(() => {
      asked.resolve()
      return granted.promise
    })
    const { microphone, more } = await setUp()
    const opening = microphone.open()
    await asked.promise
    microphone.release()
    await opening
    const stream = await getUserMedia({ audio: true })
    granted.resolve(stream)
    await more(2)
    expect([isLive(stream), microphone.stream]).to.deep.equal([false, null])
  })

  it('onwarning is called with microphone-silent once after 5 s of zeros, counted in samples', async () => {
    const context = await running()
    const { stream } = context.createMediaStreamDestination()
    const { microphone, chunks, told, until, more } = await setUp({ context, stream, chunkMs: 100 })
    await microphone.open()
    await until(() => told.length > 0)
    expect(chunks.length).to.equal(50)
    await more(5)
    expect(told).to.deep.equal(['microphone-silent'])
  })

  it('output carries what is captured from the beginning, and is silent while muted', async () => {
    const context = await running()
    const { microphone, loud } = await setUp({ context, stream: toneStream(context) })
    const recorder = context.createMediaStreamDestination()
    microphone.output.connect(recorder)
    await microphone.open()
    await loud()
    const other = await setUp({ context, stream: recorder.stream })
    await other.microphone.open()
    await other.loud()
    microphone.muted = true
    await other.until(() => isSilent(other.chunks.at(-1)!))
  })

  for (const [name, message, code] of [
    ['NotAllowedError', 'Permission denied', 'microphone-denied'],
    ['NotAllowedError', 'Permission dismissed', 'microphone-dismissed'],
    ['NotAllowedError', 'Permission denied by system', 'microphone-denied-by-system'],
    ['NotFoundError', 'Requested device not found', 'microphone-not-found'],
    ['NotReadableError', 'Could not start audio source', 'microphone-in-use'],
    ['AbortError', 'Starting audioinput failed', 'microphone-in-use'],
    ['UnknownError', '', 'audio-failed'],
  ] as const) {
    it(`open() rejects with ${code} for ${name} “${message}”`, async () => {
      const cause = new DOMException(message, name)
      replaceGetUserMedia(() => Promise.reject(cause))
      const { microphone } = await setUp()
      const error = (await rejection(microphone.open())) as VoiceError
      expect(error).to.be.instanceOf(VoiceError)
      expect([error.code, error.phase]).to.deep.equal([code, 'microphone'])
      expect(error.cause).to.equal(cause)
      expect(error.hint).to.match(message.includes('system') ? /operating system/ : /^[A-Z].+[^.]$/)
    })
  }

  it('open() rejects with microphone-not-found for a device that does not exist', async () => {
    const { microphone } = await setUp({ constraints: { deviceId: { exact: 'none' } } })
    expect(((await rejection(microphone.open())) as VoiceError).code).to.equal('microphone-not-found')
  })

  it('open() rejects with microphone-blocked where the policy of the page forbids it', async () => {
    replaceGetUserMedia(() => Promise.reject(new DOMException('Permission denied', 'NotAllowedError')))
    const policy = { allowsFeature: (name: string) => name !== 'microphone' }
    Object.defineProperty(document, 'permissionsPolicy', { configurable: true, value: policy })
    const { microphone } = await setUp()
    const error = (await rejection(microphone.open())) as VoiceError
    Reflect.deleteProperty(document, 'permissionsPolicy')
    expect(error.code).to.equal('microphone-blocked')
    expect(error.hint).to.include('allow="microphone"')
  })

  it('open() rejects with insecure-context where there are no media devices', async () => {
    Object.defineProperty(navigator, 'mediaDevices', { configurable: true, value: undefined })
    // Such a page has no AudioWorklet either; that is not what its author must hear of.
    const context = await running()
    Object.defineProperty(context, 'audioWorklet', { value: undefined })
    const { microphone } = await setUp({ context })
    const error = (await rejection(microphone.open())) as VoiceError
    Reflect.deleteProperty(navigator, 'mediaDevices')
    expect(error.code).to.equal('insecure-context')
  })

  it('open() refuses a stream without sound, and one that has ended', async () => {
    const silent = await setUp({ stream: new MediaStream() })
    expect(await rejection(silent.microphone.open())).to.be.instanceOf(TypeError)
    const stream = await getUserMedia({ audio: true })
    for (const track of stream.getTracks()) track.stop()
    const late = await setUp({ stream })
    expect(((await rejection(late.microphone.open())) as VoiceError).code).to.equal('microphone-ended')
  })

  it("open() rejects with microphone-rate-unsupported where a browser cannot join the device's rate", async () => {
    const { streams } = watchRequests()
    const context = await running()
    const cause = new DOMException('different sample-rate', 'NotSupportedError')
    context.createMediaStreamSource = () => {
      throw cause
    }
    const { microphone } = await setUp({ context })
    const error = (await rejection(microphone.open())) as VoiceError
    expect([error.code, error.phase, error.cause]).to.deep.equal([
      'microphone-rate-unsupported',
      'microphone',
      cause,
    ])
    expect(streams.map(isLive)).to.deep.equal([false])
  })

  it('open() rejects with worklet-blocked before anybody is asked', async () => {
    let asked = 0
    replaceGetUserMedia((constraints) => {
      asked++
      return getUserMedia(constraints)
    })
    const { microphone } = await setUp({ workletUrl: '/gone.js' })
    expect(((await rejection(microphone.open())) as VoiceError).code).to.equal('worklet-blocked')
    expect(asked).to.equal(0)
  })
})
