import { expect } from 'chai'
import { OpenAIRealtime, type VoiceSessionOptions } from '../../src/index.ts'
import { encodeBase64 } from '../../src/util/base64.ts'
import { next, rejection } from '../support/events.ts'
import { wire } from '../support/openai-wire.ts'
import { create, start, stopAll } from '../support/scripted-session.ts'
import { ScriptedSocket } from '../support/scripted-socket.ts'

/** What a running session says is wrong. */
async function watched() {
  const session = create()
  const warnings: string[] = []
  const errors: string[] = []
  session.on('warning', ({ code }) => warnings.push(code))
  session.on('error', ({ code }) => errors.push(code))
  return { session, socket: await start(session), warnings, errors }
}

/** The microphone's track, ended as when a device is gone. */
async function endedStream(): Promise<MediaStream> {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true })
  for (const track of stream.getTracks()) track.stop()
  return stream
}

async function closedContext(): Promise<AudioContext> {
  const context = new AudioContext()
  await context.close()
  return context
}

/** A piece of an answer whose bytes are `base64`. */
function delta(socket: ScriptedSocket, base64: string): void {
  const place = { event_id: 'e', response_id: 'r1', item_id: 'a1', output_index: 0, content_index: 0 }
  socket.say({ type: 'response.output_audio.delta', ...place, delta: base64 })
}

describe('VoiceSession, given what it cannot use', () => {
  beforeEach(() => ScriptedSocket.reset())
  afterEach(stopAll)

  for (const [what, options, name, words] of [
    ['a chunk that is too short', { input: 'microphone', chunkMs: 5 }, 'RangeError', 'must be in 10…100'],
    ['a chunk that is no number', { input: 'microphone', chunkMs: Number.NaN }, 'RangeError', 'value is NaN'],
    [
      'a jitter buffer the wrong way round',
      { jitterBuffer: { minMs: 300, maxMs: 100 } },
      'RangeError',
      '300',
    ],
    ['a jitter buffer below nothing', { jitterBuffer: { minMs: -1 } }, 'RangeError', 'must be in 0…1000'],
    ['a stream without sound', { input: new MediaStream() }, 'TypeError', 'must have an audio track'],
  ] as const) {
    it(`start() rejects ${what} and says what it must be`, async () => {
      const session = create(options as Partial<VoiceSessionOptions>)
      const error = (await rejection(session.start())) as Error
      expect([error.name, session.state]).to.deep.equal([name, 'closed'])
      expect(error.message)
        .to.match(/^Cannot .* as .* must .*: current value is /)
        .and.to.include(words)
    })
  }

  it('start() rejects a closed audioContext', async () => {
    const session = create({ audioContext: await closedContext() })
    expect(await rejection(session.start())).to.deep.include({ name: 'InvalidStateError' })
    expect(session.state).to.equal('closed')
  })

  for (const [what, options, code] of [
    ['a stream that has ended', async () => ({ input: await endedStream() }), 'microphone-ended'],
    [
      'a device that is not there',
      async () => ({ input: 'microphone', microphone: { deviceId: { exact: 'none' } } }),
      'microphone-not-found',
    ],
    [
      'a worklet that is not there',
      async () => ({ input: 'microphone', workletUrls: { capture: '/gone.js' } }),
      'worklet-blocked',
    ],
  ] as const) {
    it(`start() rejects ${what} with ${code} and what to do`, async () => {
      const session = create((await options()) as Partial<VoiceSessionOptions>)
      const error = await rejection(session.start())
      expect(error).to.deep.include({ name: 'VoiceError', code })
      expect((error as { hint: string }).hint).to.match(/^[A-Z].{10,}/)
      expect(session.state).to.equal('closed')
    })
  }

  it('audio that is not base64 is a warning, and what follows is heard', async () => {
    const { session, socket, warnings } = await watched()
    wire.answer(socket, { ms: 100 })
    delta(socket, '!')
    delta(socket, encodeBase64(new Uint8Array(4800).fill(1)))
    const turn = next(session, 'turn')
    wire.done(socket)
    await turn
    expect([warnings, session.state]).to.deep.equal([['unreadable-message'], 'open'])
  })

  it('audio of no bytes, and of half a sample, is no event, and what follows is heard', async () => {
    const { session, socket, warnings, errors } = await watched()
    wire.answer(socket, { ms: 100 })
    delta(socket, '')
    delta(socket, encodeBase64(new Uint8Array(1)))
    delta(socket, encodeBase64(new Uint8Array(2401)))
    const turn = next(session, 'turn')
    wire.done(socket)
    await turn
    expect([warnings, errors, session.state]).to.deep.equal([[], [], 'open'])
  })

  it('audio that ends with half a sample still ends', async () => {
    const { session, socket } = await watched()
    wire.answer(socket, { ms: 100 })
    delta(socket, encodeBase64(new Uint8Array(1001)))
    const turn = next(session, 'turn')
    wire.done(socket)
    await turn
    expect(session.agentState).to.equal('listening')
  })

  it('a provider whose rate no worklet can resample ends the session with audio-failed, and says so once', async () => {
    class OddRate extends OpenAIRealtime {
      override readonly outputFormat = { encoding: 'pcm16', sampleRate: 24_000.5 } as const
    }
    const session = create({ provider: new OddRate() })
    const dialled = ScriptedSocket.next()
    const told = next(session, 'error')
    const starting = session.start().catch((error: unknown) => error)
    wire.ready(await dialled)
    const failed = await Promise.race([told, starting.then((error) => error ?? told)])
    expect(failed).to.deep.include({ code: 'audio-failed' })
  })

  it('a setting out of its range is refused, and the one before stays', async () => {
    const { session } = await watched()
    session.volume = 0.5
    expect(() => {
      session.volume = Number.NaN
    }).to.throw(RangeError)
    expect(session.volume).to.equal(0.5)
  })
})
