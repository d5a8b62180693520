import { expect } from 'chai'
import type { Microphone } from '../../src/audio/microphone.ts'
import { encodePCM16 } from '../../src/audio/pcm.ts'
import { Resampler } from '../../src/audio/resampler.ts'
import type { VoiceError } from '../../src/errors.ts'
import {
  deviceIds,
  getUserMedia,
  isLive,
  isSilent,
  rejection,
  replaceGetUserMedia,
  running,
  setUp,
  tearDown,
  toneStream,
  watchRequests,
} from './support/microphone.ts'
import { tap } from './support/observed-context.ts'
import { concatenate, firstDifference, fitSine } from './support/signal.ts'

const devices = navigator.mediaDevices
const join = (chunks: Int16Array[]) => Float32Array.from(chunks.flatMap((chunk) => [...chunk]))
const track = (microphone: Microphone) => microphone.stream!.getAudioTracks()[0]!
const fail = (name: string) => () => Promise.reject(new DOMException('', name))

/** Ends a track as if its device had been unplugged. */
function unplug(microphone: Microphone): void {
  const unplugged = track(microphone)
  unplugged.stop()
  unplugged.dispatchEvent(new Event('ended'))
}

/** Mutes or unmutes a track as the system does. */
function systemMutes(target: MediaStreamTrack, muted: boolean): void {
  Object.defineProperty(target, 'muted', { configurable: true, value: muted })
  target.dispatchEvent(new Event(muted ? 'mute' : 'unmute'))
}

/** The longest stretch in which no sample is louder than a hundredth of full scale, in ms. */
function longestGapMs(samples: ArrayLike<number>, sampleRate: number): number {
  let gap = 0
  let longest = 0
  for (let i = 0; i < samples.length; i++) {
    gap = Math.abs(samples[i]!) < 327 ? gap + 1 : 0
    longest = Math.max(longest, gap)
  }
  return (longest / sampleRate) * 1000
}

/** How far a sample lies off the line through its neighbours at most: what makes a click. */
function strongestBend(samples: Float32Array): number {
  return samples
    .subarray(1, -1)
    .reduce((most, x, i) => Math.max(most, Math.abs(2 * x - samples[i]! - samples[i + 2]!)), 0)
}

describe('InputSwitch', () => {
  afterEach(tearDown)

  it('setDevice() changes to another device, then stops the one before', async () => {
    const { streams, asked } = watchRequests()
    const [first, second] = await deviceIds()
    const { microphone, told, loud } = await setUp({
      constraints: { deviceId: first!, noiseSuppression: false },
    })
    await microphone.open()
    await microphone.setDevice(second!)
    expect(microphone.settings!.deviceId).to.equal(second)
    expect(microphone.stream).to.equal(streams[1])
    expect(streams.map(isLive)).to.deep.equal([false, true])
    expect(told).to.deep.equal(['change'])
    await loud()
    await microphone.setDevice(null)
    expect(asked.map(({ deviceId, noiseSuppression }) => [deviceId, noiseSuppression])).to.deep.equal([
      [first, false],
      [{ exact: second }, false],
      [undefined, false],
    ])
  })

  it('setDevice() loses no sample: chunks stay what Resampler makes of what was heard', async () => {
    const context = await running()
    const raw = tap(context)
    const [first, second] = await deviceIds()
    const { microphone, chunks, more } = await setUp({ context })
    await microphone.open()
    for (const id of [first, second, first, second]) {
      await more(5)
      await microphone.setDevice(id!)
    }
    await more(5)
    microphone.close()
    const length = chunks.length * 320
    await raw.until(() => (raw.length * 16_000) / context.sampleRate >= length)
    const resampler = new Resampler({ inputRate: context.sampleRate, outputRate: 16_000 })
    const expected = encodePCM16(resampler.process(concatenate(raw.quanta))).subarray(0, length)
    expect(firstDifference(join(chunks), expected, 1)).to.equal(-1)
  })

  it('setDevice() lets less than 100 ms of silence and no click through', async () => {
    const context = await running({ sampleRate: 48_000 })
    const { microphone, chunks, more, loud } = await setUp({ context, stream: toneStream(context, 200, 0.4) })
    await microphone.open()
    await loud()
    const bends: number[] = []
    for (let i = 0; i < 8; i++) {
      const from = chunks.length
      await microphone.setDevice(toneStream(context, 200, 0.4))
      await more(5)
      const samples = join(chunks.slice(from))
      expect(longestGapMs(samples, 16_000)).to.be.below(100)
      bends.push(strongestBend(samples))
    }
    // A busy machine starves a stream now and then, which clicks as well; a change that is not faded always does.
    // Both sines bend by 0.4 · (2π · 200 / 16,000)² = 80 of 32,768; a cut bends by up to 13,107.
    expect(bends.sort((a, b) => a - b)[3]).to.be.below(1000)
  })

  for (const rate of [16_000, 44_100]) {
    it(`setDevice() keeps the pitch of a stream at ${rate} Hz in a context at 48,000`, async () => {
      const context = await running({ sampleRate: 48_000 })
      const { microphone, chunks, more, loud } = await setUp({ context, stream: toneStream(context, 1000) })
      await microphone.open()
      await loud()
      const from = chunks.length
      await microphone.setDevice(toneStream(await running({ sampleRate: rate }), 500))
      await more(15)
      await loud()
      expect(longestGapMs(join(chunks.slice(from)), 16_000)).to.be.below(100)
      // Two contexts have two clocks, so a short piece at a time.
      const residuals: number[] = []
      while (residuals.length < 20) {
        await more(1)
        const { amplitude, residual } = fitSine(join([chunks.at(-1)!]), 500, 16_000)
        residuals.push(residual / amplitude)
      }
      expect(Math.min(...residuals)).to.be.below(0.05)
    })
  }

  it('setDevice() rejects where there is no such device, and leaves the one before on', async () => {
    const { streams } = watchRequests()
    const { microphone, told, loud } = await setUp()
    await microphone.open()
    const error = (await rejection(microphone.setDevice('none'))) as VoiceError
    expect(error.code).to.equal('microphone-not-found')
    expect([microphone.stream, isLive(microphone.stream!), told]).to.deep.equal([streams[0], true, []])
    await loud()
    expect(await rejection(microphone.setDevice(new MediaStream()))).to.be.instanceOf(TypeError)
    await loud()
  })

  it('setDevice() twice: the last wins, the first is aborted, and one device is left on', async () => {
    const { streams } = watchRequests()
    const [first, second] = await deviceIds()
    const { microphone, more } = await setUp()
    await microphone.open()
    const superseded = rejection(microphone.setDevice(second!))
    await microphone.setDevice(first!)
    expect(((await superseded) as Error).name).to.equal('AbortError')
    await more(2)
    expect(microphone.settings!.deviceId).to.equal(first)
    expect(streams.filter(isLive)).to.deep.equal([microphone.stream])
  })

  it('setDevice() waits for open(), and the last one before that wins', async () => {
    const { asked } = watchRequests()
    const [first, second] = await deviceIds()
    const { microphone } = await setUp()
    expect(((await rejection(microphone.setDevice(first!))) as Error).name).to.equal('InvalidStateError')
    const opening = microphone.open()
    const superseded = rejection(microphone.setDevice(first!))
    const setting = microphone.setDevice(second!)
    await opening
    await setting
    expect(((await superseded) as Error).name).to.equal('AbortError')
    expect(asked.map(({ deviceId }) => deviceId)).to.deep.equal([undefined, { exact: second }])
  })

  for (const [how, end] of [
    ['close()', (microphone: Microphone) => microphone.close()],
    ['release()', (microphone: Microphone) => microphone.release()],
  ] as const) {
    it(`setDevice() is aborted by ${how}, and lets go of what is granted later`, async () => {
      const { microphone } = await setUp()
      await microphone.open()
      const before = microphone.stream!
      const asked = Promise.withResolvers<void>()
      const granted = Promise.withResolvers<MediaStream>()
      replaceGetUserMedia(() => {
        asked.resolve()
        return granted.promise
      })
      const setting = rejection(microphone.setDevice(null))
      await asked.promise
      end(microphone)
      expect(((await setting) as Error).name).to.equal('AbortError')
      const stream = await getUserMedia({ audio: true })
      granted.resolve(stream)
      await granted.promise
      await Promise.resolve()
      expect([before, stream].map(isLive)).to.deep.equal([false, false])
      expect(microphone.stream).to.equal(null)
    })
  }

  it('close() stops the device that is fading out as well', async () => {
    const { streams } = watchRequests()
    const changed = Promise.withResolvers<void>()
    const { microphone } = await setUp({ onchange: changed.resolve })
    await microphone.open()
    const setting = microphone.setDevice(null)
    await changed.promise
    expect(streams.map(isLive)).to.deep.equal([true, true])
    microphone.close()
    await setting
    expect(streams.map(isLive)).to.deep.equal([false, false])
  })

  it('setDevice() while muted stays silent and disables the device, until unmuted', async () => {
    const { microphone, chunks, more, loud } = await setUp()
    await microphone.open()
    microphone.muted = true
    const from = chunks.length
    await microphone.setDevice(null)
    await more(20)
    expect([track(microphone).enabled, chunks.slice(from).every(isSilent)]).to.deep.equal([false, true])
    microphone.muted = false
    expect(track(microphone).enabled).to.equal(true)
    await loud()
  })

  it('setDevice() after release() turns a device on, still muted; after muted = false it is heard', async () => {
    const { microphone, until, loud } = await setUp()
    await microphone.open()
    microphone.release()
    await microphone.setDevice(null)
    expect([microphone.muted, track(microphone).enabled]).to.deep.equal([true, false])
    microphone.release()
    const unmuting = rejection(microphone.unmute())
    await microphone.setDevice(null)
    expect(((await unmuting) as Error).name).to.equal('AbortError')
    await until(() => !microphone.muted)
    await loud()
  })

  it('setDevice() makes room where a system opens one microphone at a time', async () => {
    const streams: MediaStream[] = []
    replaceGetUserMedia(async (constraints) => {
      if (streams.some(isLive)) throw new DOMException('Concurrent mic process limit.', 'NotReadableError')
      const stream = await getUserMedia(constraints)
      streams.push(stream)
      return stream
    })
    const [first, second] = await deviceIds()
    const { microphone, told, until, loud } = await setUp({ constraints: { deviceId: first! } })
    await microphone.open()
    await microphone.setDevice(second!)
    await loud()
    expect([microphone.settings!.deviceId, told]).to.deep.equal([second, ['change']])
    // Neither the next device can be had nor is this one still on: it is opened again.
    const error = (await rejection(microphone.setDevice('none'))) as VoiceError
    await until(() => told.length > 1)
    await loud()
    expect([error.code, microphone.settings!.deviceId]).to.deep.equal(['microphone-not-found', second])
  })

  it('setDevice() ends well where a system ends one microphone when it opens the next', async () => {
    let asked = 0
    const { microphone, told, loud } = await setUp()
    replaceGetUserMedia(async (constraints) => {
      if (asked++ > 0) {
        systemMutes(track(microphone), true)
        unplug(microphone)
      }
      return getUserMedia(constraints)
    })
    await microphone.open()
    await microphone.setDevice(null)
    await loud()
    expect(told).to.deep.equal(['change'])
  })

  it('output goes on over a change of device', async () => {
    const context = await running()
    const { microphone } = await setUp({ context, stream: toneStream(context) })
    const recorder = context.createMediaStreamDestination()
    const { output } = microphone
    output.connect(recorder)
    await microphone.open()
    await microphone.setDevice(toneStream(context, 600))
    expect(microphone.output).to.equal(output)
    const other = await setUp({ context, stream: recorder.stream })
    await other.microphone.open()
    await other.loud()
  })

  it('a device that is unplugged is replaced by the default one, while chunks go on', async () => {
    const [, second] = await deviceIds()
    const { asked, streams } = watchRequests()
    const { microphone, told, warnings, loud, until } = await setUp({
      constraints: { deviceId: { exact: second! } },
    })
    await microphone.open()
    unplug(microphone)
    expect(microphone.stream).to.equal(null)
    await until(() => told.length === 2)
    expect(told).to.deep.equal(['microphone-replaced', 'change'])
    expect(warnings[0]!.message).to.contain(streams[1]!.getAudioTracks()[0]!.label)
    expect(asked[1]!.deviceId).to.equal(undefined)
    expect(microphone.stream).to.equal(streams[1])
    await loud()
  })

  it('a device that is unplugged while muted is replaced by one that is muted', async () => {
    const { microphone, chunks, told, more, until } = await setUp()
    await microphone.open()
    microphone.muted = true
    const from = chunks.length
    unplug(microphone)
    await until(() => told.length === 2)
    await more(10)
    expect([track(microphone).enabled, chunks.slice(from).every(isSilent)]).to.deep.equal([false, true])
  })

  it('where no other device can be had silence goes on, and each devicechange is another try', async () => {
    const { microphone, chunks, told, more, until, loud } = await setUp()
    await microphone.open()
    replaceGetUserMedia(fail('NotFoundError'))
    unplug(microphone)
    await until(() => told.length === 2)
    expect([told, microphone.settings]).to.deep.equal([['microphone-ended', 'change'], null])
    const from = chunks.length
    await more(10)
    expect(chunks.slice(from).every(isSilent)).to.equal(true)
    const { asked } = watchRequests()
    replaceGetUserMedia((constraints) => {
      asked.push(constraints.audio as MediaTrackConstraints)
      return fail('NotFoundError')()
    })
    devices.dispatchEvent(new Event('devicechange'))
    await until(() => asked.length === 2)
    await more(2)
    // Told once.
    expect(told.length).to.equal(2)
    Reflect.deleteProperty(devices, 'getUserMedia')
    devices.dispatchEvent(new Event('devicechange'))
    await until(() => told.length === 3)
    expect(told[2]).to.equal('change')
    await loud()
  })

  it('setDevice() brings sound back where there was none', async () => {
    const [, second] = await deviceIds()
    const { microphone, told, until, loud } = await setUp()
    await microphone.open()
    replaceGetUserMedia(fail('NotFoundError'))
    unplug(microphone)
    await until(() => told.length === 2)
    Reflect.deleteProperty(devices, 'getUserMedia')
    await microphone.setDevice(second!)
    await loud()
  })

  it('a permission that is revoked in mid-session is told apart, and nobody is asked twice', async () => {
    const { microphone, told, until } = await setUp()
    await microphone.open()
    let asked = 0
    replaceGetUserMedia(() => {
      asked++
      return Promise.reject(new DOMException('Permission denied', 'NotAllowedError'))
    })
    unplug(microphone)
    await until(() => told.length === 2)
    expect([told, asked]).to.deep.equal([['microphone-denied', 'change'], 1])
    devices.dispatchEvent(new Event('devicechange'))
    await until(() => asked === 2)
  })

  it("a caller's stream that ends is told of, and silence goes on until setDevice()", async () => {
    const context = await running()
    const { asked } = watchRequests()
    const times: number[] = []
    const { microphone, chunks, told, more, until, loud } = await setUp({
      context,
      stream: toneStream(context),
      onlevel: (_level, time) => times.push(time),
    })
    await microphone.open()
    await loud()
    const unpluggedAt = context.currentTime
    unplug(microphone)
    expect([told, microphone.stream]).to.deep.equal([['microphone-ended', 'change'], null])
    devices.dispatchEvent(new Event('devicechange'))
    // By the clock of the sound: what was captured before may still be under way to a busy page.
    await until(() => (times.at(-1) ?? 0) > unpluggedAt + 0.2)
    const from = chunks.length
    await more(10)
    expect([chunks.slice(from).every(isSilent), asked.length]).to.deep.equal([true, 0])
    await microphone.setDevice(toneStream(context, 600))
    await loud()
  })

  it('a device muted by the system is told of once each time, and its return by onchange', async () => {
    const { microphone, told } = await setUp()
    await microphone.open()
    for (const muted of [true, true, false, true]) systemMutes(track(microphone), muted)
    expect(told).to.deep.equal(['microphone-muted', 'change', 'microphone-muted'])
  })

  it('a device that the system has muted already is told of at setDevice()', async () => {
    const context = await running()
    const stream = toneStream(context)
    systemMutes(stream.getAudioTracks()[0]!, true)
    const { microphone, told } = await setUp({ context })
    await microphone.open()
    await microphone.setDevice(stream)
    expect(told).to.deep.equal(['microphone-muted', 'change'])
  })

  for (const [where, comeBack] of [
    ['the page is seen again', (_: AudioContext) => document.dispatchEvent(new Event('visibilitychange'))],
    ['the context runs again', (context: AudioContext) => context.dispatchEvent(new Event('statechange'))],
  ] as const) {
    it(`a device that stays muted when ${where} is asked for anew, once`, async () => {
      const { streams } = watchRequests()
      const { context, microphone, told, until, more, loud } = await setUp()
      await microphone.open()
      comeBack(context)
      expect(streams.length).to.equal(1)
      const muted = track(microphone)
      systemMutes(muted, true)
      comeBack(context)
      comeBack(context)
      await until(() => told.length === 2)
      comeBack(context)
      await until(() => !isLive(streams[0]!))
      await more(1)
      expect([streams.length, told]).to.deep.equal([2, ['microphone-muted', 'change']])
      await loud()
    })
  }

  it('a device that is muted again after it was asked for anew is not asked for without end', async () => {
    const { context, microphone, told, until, more } = await setUp()
    await microphone.open()
    let asked = 0
    replaceGetUserMedia(async (constraints) => {
      asked++
      const stream = await getUserMedia(constraints)
      systemMutes(stream.getAudioTracks()[0]!, true)
      return stream
    })
    systemMutes(track(microphone), true)
    context.dispatchEvent(new Event('statechange'))
    await until(() => told.length === 2)
    context.dispatchEvent(new Event('statechange'))
    await more(5)
    expect([asked, told]).to.deep.equal([1, ['microphone-muted', 'change']])
  })
})
