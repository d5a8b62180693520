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

/** Samples that are compared at a time. */
const WINDOW = 240

/**
 * A busy machine loses sound between two threads of the browser, or is late with it: what comes through is as it was
 * all the same, a little earlier or later.
 *
 * @returns Where in the sound each window that came through unchanged, but for a step of 16 bits, begins.
 */
function unchanged(sound: Float32Array, all: Float32Array): number[] {
  const isAt = (at: number, lag: number) => {
    for (let i = at; i < at + WINDOW; i++) {
      if (!(Math.abs(sound[i]! - (all[lag + i] ?? 2)) < 1 / 32_768)) return false
    }
    return true
  }
  let { lag } = correlation(sound, all)
  const found: number[] = []
  for (let at = 0; at + WINDOW <= sound.length; at += WINDOW) {
    const nearby = Array.from({ length: 16_000 }, (_, i) => lag + (i % 2 ? i + 1 : -i) / 2)
    const next = nearby.find((candidate) => isAt(at, candidate))
    if (next === undefined) continue
    lag = next
    found.push(at)
  }
  return found
}

describe('fakeMicrophone', () => {
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
    expect(unchanged(voice, all).length).to.be.at.least((0.8 * voice.length) / WINDOW)
    expect(rms(all.subarray(-0.2 * RATE))).to.equal(0)
  })

  it('play() puts sounds one after another without a gap', async () => {
    const audioContext = openContext(RATE)
    const microphone = fakeMicrophone(undefined, { audioContext })
    const socket = await started({ input: microphone.stream, audioContext })
    await hear(socket, 0.2)
    const voice = speechLike(3, { sampleRate: RATE, seconds: 0.6 })
    // Borders in the midst of a window: it came through whole only where there was no gap.
    const pieces = Array.from({ length: 30 }, (_, i) =>
      voice.subarray(i * 2 * WINDOW + 100, (i + 1) * 2 * WINDOW + 100),
    )
    void microphone.play(voice.subarray(0, 100))
    void microphone.play(voice.subarray(100, 101))
    for (const [i, piece] of pieces.entries()) void microphone.play(i === 0 ? piece.subarray(1) : piece)
    await microphone.ended
    const borders = unchanged(voice, await hear(socket, 1)).filter((at) => at % (2 * WINDOW) === 0)
    expect(borders.length).to.be.at.least(0.8 * 30)
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
    expect(peakFrequency(all, { sampleRate: RATE })).to.be.closeTo(1000, 5)
    expect(rms(all)).to.be.closeTo(0.5 * Math.SQRT1_2, 0.05)
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
    await audioContext.resume()
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
