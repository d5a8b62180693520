import { expect } from 'chai'
import { loadWorklet } from '../../src/audio/load-worklet.ts'
import { captureWorklet, playbackWorklet } from '../../src/audio/worklet-source.ts'
import { VoiceError } from '../../src/errors.ts'

const WORKLET = new URL('../../src/audio/worklets/playback.worklet.ts', import.meta.url)

function offline(): OfflineAudioContext {
  return new OfflineAudioContext(1, 128, 48_000)
}

function playbackNode(context: BaseAudioContext): AudioWorkletNode {
  return new AudioWorkletNode(context, 'voicewire-playback', {
    processorOptions: { sampleRate: 24_000, jitterBuffer: { minMs: 0, maxMs: 0 } },
  })
}

async function failure(promise: Promise<unknown>): Promise<VoiceError> {
  const error = await promise.then(
    () => null,
    (reason: unknown) => reason,
  )
  expect(error).to.be.instanceOf(VoiceError)
  return error as VoiceError
}

describe('loadWorklet()', () => {
  it('makes both processors known', async () => {
    const context = offline()
    await Promise.all([loadWorklet(context, captureWorklet), loadWorklet(context, playbackWorklet)])
    expect(playbackNode(context).numberOfOutputs).to.equal(1)
    const options = { processorOptions: { sampleRate: 16_000, chunkMs: 20 } }
    expect(new AudioWorkletNode(context, 'voicewire-capture', options).numberOfInputs).to.equal(1)
  })

  it('loads once for each context and name', async () => {
    const context = offline()
    const first = loadWorklet(context, playbackWorklet)
    expect(loadWorklet(context, playbackWorklet)).to.equal(first)
    expect(loadWorklet(offline(), playbackWorklet)).not.to.equal(first)
    await first
    expect(loadWorklet(context, playbackWorklet)).to.equal(first)
  })

  it('takes the script from the url that is given, and from nowhere else', async () => {
    const context = offline()
    await loadWorklet(context, playbackWorklet, WORKLET)
    expect(playbackNode(context).numberOfOutputs).to.equal(1)
    const missing = await failure(loadWorklet(offline(), playbackWorklet, '/gone.js'))
    expect(missing.code).to.equal('worklet-blocked')
  })

  it('fails with worklet-blocked and a hint, and may be tried again', async () => {
    const context = offline()
    const error = await failure(loadWorklet(context, playbackWorklet, '/gone.js'))
    expect([error.code, error.phase]).to.deep.equal(['worklet-blocked', 'audio'])
    expect(error.hint).to.include('workletUrls').and.to.include('CSP')
    expect(error.cause).to.be.instanceOf(DOMException)
    await loadWorklet(context, playbackWorklet)
    expect(playbackNode(context).numberOfOutputs).to.equal(1)
  })

  it('fails with audio-unsupported where there is no AudioWorklet', async () => {
    const error = await failure(loadWorklet({} as BaseAudioContext, captureWorklet))
    expect([error.code, error.phase]).to.deep.equal(['audio-unsupported', 'audio'])
  })
})
