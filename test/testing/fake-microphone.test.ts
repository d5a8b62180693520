import { expect } from 'chai'
import { decodePCM16 } from '../../src/audio/index.ts'
import { OpenAIRealtime, VoiceSession, type VoiceSessionOptions } from '../../src/index.ts'
import {
  correlation,
  fakeMicrophone,
  peakFrequency,
  rms,
  type ScriptedSocket,
  scriptedServer,
  sine,
  speechLike,
} from '../../src/testing/index.ts'
import { wire } from '../support/openai-wire.ts'

/** What a provider of OpenAI's kind is sent, in Hz. */
const RATE = 24_000

const server = scriptedServer((socket) => void wire.ready(socket))
const contexts: AudioContext[] = []
const sessions: VoiceSession[] = []

function openContext(sampleRate: number): AudioContext {
  const context = new AudioContext({ sampleRate })
  contexts.push(context)
  return context
}

/** A session that has started. */
async function started(options: Partial<VoiceSessionOptions>): Promise<ScriptedSocket> {
  const session = new VoiceSession({
    provider: new OpenAIRealtime(),
    getToken: () => 'token',
    WebSocket: server.WebSocket,
    ...options,
  } as VoiceSessionOptions)
  sessions.push(session)
  await session.start()
  return server.dialled.at(-1) as ScriptedSocket
}

/** Waits for so much sound more. @returns It, as samples. */
async function hear(socket: ScriptedSocket, seconds: number): Promise<Float32Array> {
  const bytes: number[] = []
  while (bytes.length < 2 * seconds * RATE) {
    const { audio } = await socket.whenSent('input_audio_buffer.append')
    for (const letter of atob(String(audio))) bytes.push(letter.charCodeAt(0))
  }
  return decodePCM16(new Int16Array(Uint8Array.from(bytes).buffer))
}

describe('fakeMicrophone', function () {
  // A busy machine may lose sound between two threads of the browser.
  this.retries(2)

  afterEach(async () => {
    for (const session of sessions.splice(0)) await session.stop()
    for (const context of contexts.splice(0)) await context.close()
  })

  it('is heard at the other end of a session sample by sample', async () => {
    const audioContext = openContext(RATE)
    const microphone = fakeMicrophone(undefined, { audioContext })
    const socket = await started({ input: microphone.stream, audioContext })
    const voice = speechLike(7, { sampleRate: RATE, seconds: 1 })
    // The session fades a stream in; afterwards nothing is changed.
    await hear(socket, 0.2)
    await microphone.play(voice)
    const all = await hear(socket, 1.5)
    const { value, lag } = correlation(voice, all)
    expect(value).to.be.greaterThan(0.999_99)
    const worst = voice.reduce((most, x, i) => Math.max(most, Math.abs(x - all[lag + i]!)), 0)
    // One step of 16 bits, rounded.
    expect(worst).to.be.lessThan(1 / 32_768)
    expect(rms(all.subarray(lag + voice.length))).to.equal(0)
  })

  it('play() puts sounds one after another without a gap', async () => {
    const audioContext = openContext(RATE)
    const microphone = fakeMicrophone(undefined, { audioContext })
    const socket = await started({ input: microphone.stream, audioContext })
    await hear(socket, 0.2)
    const voice = speechLike(3, { sampleRate: RATE, seconds: 0.6 })
    void microphone.play(voice.subarray(0, 5000))
    void microphone.play(voice.subarray(5000, 5001))
    await microphone.play(voice.subarray(5001))
    expect(correlation(voice, await hear(socket, 1)).value).to.be.greaterThan(0.999_99)
  })

  it('brings sound of another rate to that of its context, and into a session with a context of its own', async () => {
    const microphone = fakeMicrophone({
      samples: sine(1000, { sampleRate: 16_000, seconds: 0.5, amplitude: 0.5 }),
      sampleRate: 16_000,
      loop: true,
    })
    const socket = await started({ input: microphone.stream })
    await hear(socket, 0.2)
    const all = await hear(socket, 0.5)
    expect(peakFrequency(all, { sampleRate: RATE })).to.be.closeTo(1000, 1)
    expect(rms(all)).to.be.closeTo(0.5 * Math.SQRT1_2, 0.01)
    microphone.stop()
  })

  it('ended is resolved when all was heard, in the time that it takes', async () => {
    const audioContext = openContext(RATE)
    await audioContext.resume()
    const begun = audioContext.currentTime
    const microphone = fakeMicrophone(sine(440, { sampleRate: RATE, seconds: 0.2 }), { audioContext })
    void microphone.play(sine(440, { sampleRate: RATE, seconds: 0.1 }))
    await microphone.ended
    expect(audioContext.currentTime - begun).to.be.within(0.3, 0.8)
    await fakeMicrophone(undefined, { audioContext }).ended
  })

  it('stop() ends sound and stream as pulling the plug does, and a context of its own', async () => {
    const audioContext = openContext(RATE)
    const microphone = fakeMicrophone(
      { samples: sine(440, { sampleRate: RATE, seconds: 1 }), sampleRate: RATE, loop: true },
      { audioContext },
    )
    const [track] = microphone.stream.getAudioTracks()
    let unplugged = 0
    track?.addEventListener('ended', () => unplugged++)
    const afterTheLoop = microphone.play(sine(440, { sampleRate: RATE, seconds: 1 }))
    microphone.stop()
    microphone.stop()
    await Promise.all([microphone.ended, afterTheLoop])
    await microphone.play(sine(440, { sampleRate: RATE, seconds: 1 }))
    expect([unplugged, track?.readyState, audioContext.state]).to.deep.equal([1, 'ended', 'running'])
  })
})
