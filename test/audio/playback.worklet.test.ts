import { expect } from 'chai'
import { loadWorklet } from '../../src/audio/load-worklet.ts'
import { decodePCM16, encodePCM16 } from '../../src/audio/pcm.ts'
import { Resampler } from '../../src/audio/resampler.ts'
import type { PlaybackCommand, PlaybackMessage } from '../../src/audio/worklet-messages.ts'
import { playbackWorklet } from '../../src/audio/worklet-source.ts'
import { itNeeds } from '../support/abilities.ts'
import { obeyed, observe } from './support/observed-context.ts'
import { bandAmplitude, concatenate, decibels, firstDifference, fitSine, sine } from './support/signal.ts'

const STREAM_RATE = 24_000

/** The worklet in an offline context, where time stands still until the test lets it go on. */
async function offline({ sampleRate = 48_000, seconds = 1 } = {}) {
  const context = await observe(new OfflineAudioContext(1, sampleRate * seconds, sampleRate))
  await loadWorklet(context, playbackWorklet)
  const node = new AudioWorkletNode(context, 'voicewire-playback', {
    numberOfInputs: 0,
    outputChannelCount: [1],
    processorOptions: { encoding: 'pcm16', sampleRate: STREAM_RATE, jitterBuffer: { minMs: 0, maxMs: 0 } },
  })
  node.connect(context.destination)
  const messages: PlaybackMessage[] = []
  node.port.addEventListener('message', ({ data }) => messages.push(data))
  const send = (command: PlaybackCommand) => node.port.postMessage(command)
  const play = (itemId: string, samples: Int16Array<ArrayBuffer>) =>
    send({ type: 'play', itemId, data: samples.slice().buffer })
  const at = (time: number, action: () => void) =>
    context.suspend(time).then(async () => {
      action()
      await obeyed(node)
      await context.resume()
    })
  const render = async ({ closed = false } = {}) => {
    await obeyed(node)
    const output = (await context.startRendering()).getChannelData(0)
    if (!closed) await obeyed(node)
    return output
  }
  return { context, send, play, at, render, messages }
}

describe('voicewire-playback', () => {
  for (const sampleRate of [48_000, 44_100]) {
    it(`plays sample for sample what Resampler gives, at ${sampleRate} Hz`, async () => {
      const { send, play, render, messages } = await offline({ sampleRate })
      const samples = encodePCM16(sine(1000, STREAM_RATE, 12_345, 0.7))
      for (let at = 0; at < samples.length; at += 1000) play('a', samples.slice(at, at + 1000))
      send({ type: 'end', itemId: 'a' })
      const output = await render()
      const resampler = new Resampler({ inputRate: STREAM_RATE, outputRate: sampleRate })
      const expected = concatenate([
        resampler.process(decodePCM16(samples)),
        resampler.process(new Float32Array(resampler.tailLength)),
      ])
      expect(firstDifference(output.subarray(0, expected.length), expected)).to.equal(-1)
      expect(output.subarray(expected.length).every((x) => x === 0)).to.equal(true)
      expect(messages.filter(({ type }) => type === 'drained').length).to.equal(1)
    })
  }

  it('leaves less than −90 dB beside a tone: what 16 bits add, and nothing of its own', async () => {
    const { play, render } = await offline()
    play('a', encodePCM16(sine(997, STREAM_RATE, STREAM_RATE, 0.9)))
    const { amplitude, residual } = fitSine((await render()).slice(1000, 40_000), 997, 48_000)
    expect(decibels(residual / amplitude)).to.be.below(-90)
    expect(decibels(amplitude / 0.9)).to.be.within(-0.01, 0.01)
  })

  itNeeds('OfflineAudioContext.suspend')(
    'cuts a tone within 5 ms and a quantum, without a click, and tells what was rendered',
    async () => {
      const { send, play, at, render, messages } = await offline()
      play('a', encodePCM16(sine(440, STREAM_RATE, STREAM_RATE, 0.8)))
      const cut = (48_000 * 0.4) / 128
      const resumed = at((cut * 128) / 48_000, () => send({ type: 'clear', id: 3 }))
      const output = await render()
      await resumed
      const silentFrom = cut * 128 + 240
      expect(output.subarray(silentFrom + 128).every((x) => x === 0)).to.equal(true)
      expect(Math.max(...output.subarray(silentFrom).map(Math.abs))).to.be.below(0.0008)
      expect(
        decibels(bandAmplitude(output.slice(cut * 128 - 2048, cut * 128 + 2048), 48_000, 4000, 12_000)),
      ).to.be.below(-90)
      const cleared = messages.find((message) => message.type === 'cleared')
      const delay = new Resampler({ inputRate: STREAM_RATE, outputRate: 48_000 }).delaySeconds
      expect(cleared?.id).to.equal(3)
      expect(cleared?.progress.items[0]?.itemId).to.equal('a')
      expect(cleared?.progress.items[0]?.rendered).to.be.closeTo(
        (silentFrom / 48_000 - delay) * STREAM_RATE,
        8,
      )
    },
  )

  itNeeds('OfflineAudioContext.suspend')('falls silent for good when it is told to close', async () => {
    const { context, send, play, render } = await offline()
    play('a', encodePCM16(sine(440, STREAM_RATE, STREAM_RATE, 0.8)))
    // A closed port answers no more: another processor of the same thread does.
    const other = new AudioWorkletNode(context, 'test-recorder')
    const closed = context.suspend(0.25).then(async () => {
      send({ type: 'close' })
      await obeyed(other)
      await context.resume()
    })
    const output = await render({ closed: true })
    await closed
    expect(output[10_000]).not.to.equal(0)
    expect(output.subarray(12_000 + 128).every((x) => x === 0)).to.equal(true)
  })
})
