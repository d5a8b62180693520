import { expect } from 'chai'
import { decodePCM16, encodePCM16 } from '../../src/audio/pcm.ts'
import { PlaybackQueue, type PlaybackQueueOptions } from '../../src/audio/playback-queue.ts'
import { Resampler } from '../../src/audio/resampler.ts'
import type { PlaybackMessage, PlaybackProgress } from '../../src/audio/worklet-messages.ts'
import {
  amplitudeOf,
  bandAmplitude,
  concatenate,
  decibels,
  firstDifference,
  noise,
  sine,
} from './support/signal.ts'

const QUANTUM = 128
/** 5 ms at 48 kHz. */
const FADE = 240

/** A queue driven by hand, one render quantum at a time. */
function player({
  inputRate = 24_000,
  outputRate = 48_000,
  jitterBuffer = { minMs: 0, maxMs: 0 },
}: Partial<PlaybackQueueOptions> = {}) {
  const messages: PlaybackMessage[] = []
  const report = (message: PlaybackMessage) => messages.push(message)
  let rendered = 0
  const queue = new PlaybackQueue({
    inputRate,
    outputRate,
    jitterBuffer,
    now: () => rendered / outputRate,
    report,
  })
  const quantum = () => {
    const output = new Float32Array(QUANTUM)
    queue.render(output)
    rendered += QUANTUM
    return output
  }
  const render = (count: number) => concatenate(Array.from({ length: count }, quantum))
  const renderMs = (ms: number) => render(Math.round((ms * outputRate) / 1000 / QUANTUM))
  const take = <T extends PlaybackMessage['type']>(type: T) =>
    messages.filter((message) => message.type === type) as Extract<PlaybackMessage, { type: T }>[]
  return { queue, render, renderMs, take, messages }
}

/** What the whole signal sounds like: the resampler's output with its tail. */
function reference(samples: Int16Array, inputRate: number, outputRate: number): Float32Array {
  const resampler = new Resampler({ inputRate, outputRate })
  const body = resampler.process(decodePCM16(samples))
  return concatenate([body, resampler.process(new Float32Array(resampler.tailLength))])
}

/** Sound without a beginning and an end, which would hide a fade. */
const tone = (length: number, frequency = 440, sampleRate = 24_000) =>
  encodePCM16(sine(frequency, sampleRate, length, 0.8))

/** The lengths of the runs of zeros after the first sound and before the last, in samples. */
function gaps(output: Float32Array): number[] {
  const runs: number[] = []
  let run = 0
  let begun = false
  for (const sample of output) {
    if (sample === 0) run++
    else {
      if (begun && run > 1) runs.push(run)
      begun = true
      run = 0
    }
  }
  return runs
}

function heard(progress: PlaybackProgress, itemId: string): number {
  return progress.items.find((item) => item.itemId === itemId)?.rendered ?? Number.NaN
}

describe('PlaybackQueue', () => {
  for (const [inputRate, outputRate] of [
    [24_000, 48_000],
    [24_000, 44_100],
    [8000, 48_000],
    [48_000, 16_000],
    [48_000, 48_000],
  ] as const) {
    it(`render() gives sample for sample what Resampler gives, tail and all, ${inputRate} → ${outputRate}`, () => {
      const { queue, render, take } = player({ inputRate, outputRate })
      const samples = encodePCM16(noise(inputRate / 2))
      for (let at = 0; at < samples.length; at += 997) queue.play('a', samples.slice(at, at + 997))
      queue.end('a')
      const expected = reference(samples, inputRate, outputRate)
      const output = render(Math.ceil(expected.length / QUANTUM) + 2)
      expect(firstDifference(output.subarray(0, expected.length), expected)).to.equal(-1)
      expect(output.subarray(expected.length).every((x) => x === 0)).to.equal(true)
      expect(take('drained').length).to.equal(1)
      expect(take('drained')[0]?.progress.underruns).to.equal(0)
    })
  }

  it('render() gives the same when chunks come while it plays', () => {
    const { queue, render } = player()
    const samples = encodePCM16(noise(24_000))
    const output: Float32Array[] = []
    for (let at = 0; at < samples.length; at += 480) {
      queue.play('a', samples.slice(at, at + 480))
      // 20 ms come every 18.7 ms, so that it never runs dry.
      output.push(render(at === 0 ? 0 : 7))
    }
    queue.end('a')
    output.push(render(100))
    const expected = reference(samples, 24_000, 48_000)
    expect(firstDifference(concatenate(output).subarray(0, expected.length), expected)).to.equal(-1)
  })

  it('play() of items in short order leaves nothing between them', () => {
    const { queue, render, take } = player()
    const samples = tone(9600)
    queue.play('a', samples.slice(0, 4800))
    queue.end('a')
    queue.play('b', samples.slice(4800, 7200))
    queue.play('c', samples.slice(7200))
    queue.end('c')
    const expected = reference(samples, 24_000, 48_000)
    const output = render(200)
    expect(firstDifference(output.subarray(0, expected.length), expected)).to.equal(-1)
    expect(take('drained')[0]?.progress.underruns).to.equal(0)
  })

  it('play() of an item just after the last one was emptied out of the filter goes on without a gap', () => {
    const { queue, render, take } = player()
    queue.play('a', tone(4800))
    queue.end('a')
    // 9600 samples and a tail of 104: in the last quanta the filter is emptied already.
    const output = [render(74)]
    queue.play('b', tone(4800))
    queue.end('b')
    output.push(render(120))
    expect(gaps(concatenate(output)).filter((run) => run > 8)).to.deep.equal([])
    expect(take('drained').length).to.equal(1)
    expect(take('drained')[0]?.progress.underruns).to.equal(0)
  })

  it('render() waits for the prebuffer to pass before the first chunk is played', () => {
    const { queue, render } = player({ jitterBuffer: { minMs: 40, maxMs: 40 } })
    queue.play('a', tone(2400))
    const output = render(100)
    const onset = output.findIndex((x) => x !== 0)
    expect(onset).to.be.within(0.04 * 48_000, 0.04 * 48_000 + 2 * QUANTUM)
  })

  it('render() starts as soon as twice the delay waits beyond the last chunk', () => {
    const { queue, render } = player({ jitterBuffer: { minMs: 40, maxMs: 40 } })
    for (let chunk = 0; chunk < 2; chunk++) {
      queue.play('a', tone(960))
      expect(render(1).every((x) => x === 0)).to.equal(true)
    }
    queue.play('a', tone(960))
    expect(render(1).some((x) => x !== 0)).to.equal(true)
  })

  it('render() starts a complete item at once, however short', () => {
    const { queue, render, take } = player({ jitterBuffer: { minMs: 60, maxMs: 60 } })
    const samples = encodePCM16(noise(50))
    queue.play('a', samples)
    queue.end('a')
    const expected = reference(samples, 24_000, 48_000)
    expect(firstDifference(render(4).subarray(0, expected.length), expected)).to.equal(-1)
    expect(take('drained').length).to.equal(1)
  })

  it('render() fades out before sound runs dry, and fades in when it comes again, and loses nothing', () => {
    const { queue, render, renderMs, take } = player()
    const samples = encodePCM16(new Float32Array(7200).fill(0.5))
    queue.play('a', samples.slice(0, 4800))
    const before = renderMs(300)
    queue.play('a', samples.slice(4800))
    queue.end('a')
    const after = renderMs(300)
    const last = before.findLastIndex((x) => x !== 0)
    // A constant shows the shape of the fade: it never falls faster than the cosine does.
    const steepest = (0.5 * Math.PI) / 2 / FADE
    for (let i = 200; i <= last + 1; i++) {
      expect(Math.abs(before[i]! - before[i - 1]!), `fade out at ${i}`).to.be.below(steepest * 1.01)
    }
    expect(before[last + 1]).to.equal(0)
    expect(after[0]).to.be.below(0.001)
    for (let i = 1; i < 2000; i++) {
      expect(Math.abs(after[i]! - after[i - 1]!), `fade in at ${i}`).to.be.below(steepest * 1.01)
    }
    const sounding = last + 1 + after.findLastIndex((x) => x !== 0) + 1
    const expected = reference(samples, 24_000, 48_000)
    expect(sounding).to.be.within(expected.length - 2, expected.length)
    expect(take('drained')[0]?.progress.underruns).to.equal(1)
    expect(render(10).every((x) => x === 0)).to.equal(true)
  })

  it('render() fades out to the end, then in, where sound comes during the fade, and loses nothing', () => {
    const constant = (length: number) => encodePCM16(new Float32Array(length).fill(0.5))
    const whole = reference(constant(4800), 24_000, 48_000).length
    for (const ended of [false, true]) {
      const { queue, render, renderMs, take } = player()
      queue.play('a', constant(2400))
      const output: Float32Array[] = []
      // The first quantum that is softer at its end than at its beginning.
      const falls = (quantum: Float32Array) => quantum[127]! < 0.49 && quantum[127]! < quantum[0]!
      while (output.length < 200 && !(output.length > 5 && falls(output.at(-1)!))) output.push(render(1))
      if (!ended) queue.play('a', constant(2400))
      queue.end('a')
      output.push(renderMs(200))
      const all = concatenate(output)
      const last = all.findLastIndex((x) => x !== 0)
      const sharpest = (0.5 * (Math.PI / FADE) ** 2) / 2
      for (let i = 200; i < last - 200; i++) {
        const sharp = Math.abs(all[i]! - 2 * all[i - 1]! + all[i - 2]!)
        expect(sharp, `at ${i}`).to.be.below(1.1 * sharpest)
      }
      const [drained] = take('drained')
      expect([drained!.progress.underruns, drained!.progress.gapMs]).to.deep.equal([0, 0])
      if (!ended) expect(last).to.be.within(whole - 4, whole + 20)
    }
  })

  it('render() counts no underrun for the silence after an item that has ended', () => {
    const { queue, renderMs, take } = player()
    queue.play('a', tone(2400))
    queue.end('a')
    renderMs(500)
    queue.play('b', tone(2400))
    queue.end('b')
    renderMs(500)
    expect(take('drained').map(({ progress }) => progress.underruns)).to.deep.equal([0, 0])
  })

  it('end() after an underrun lets the rest out and drains', () => {
    const { queue, renderMs, take } = player()
    queue.play('a', tone(2400))
    renderMs(300)
    expect(take('drained')).to.deep.equal([])
    queue.end('a')
    renderMs(20)
    expect(take('drained').length).to.equal(1)
    expect(heard(take('drained')[0]!.progress, 'a')).to.be.at.least(2400)
  })

  it('clear() is silent at −60 dB within 5 ms and a quantum, and stays so', () => {
    for (const frequency of [100, 440, 3000]) {
      const { queue, render } = player()
      queue.play('a', tone(48_000, frequency))
      render(100)
      queue.clear(1)
      const output = render(40)
      expect(Math.abs(output[0]!), 'goes on where it was').to.be.above(0)
      const quiet = output.subarray(FADE)
      expect(quiet.every((x) => Math.abs(x) <= 0.001 * 0.8)).to.equal(true)
      expect(output.subarray(FADE + QUANTUM).every((x) => x === 0)).to.equal(true)
    }
  })

  it('clear() of a 440 Hz tone puts less than −90 dB between 4 and 12 kHz', () => {
    for (const quanta of [61, 64, 67, 70]) {
      const { queue, render } = player()
      queue.play('a', tone(48_000))
      const before = render(quanta)
      queue.clear(1)
      const cut = concatenate([before, render(30)])
        .subarray((quanta - 16) * QUANTUM)
        .slice(0, 4096)
      expect(decibels(bandAmplitude(cut, 48_000, 4000, 12_000))).to.be.below(-90)
      // The measure itself: without a fade the same cut is a click.
      const hard = cut.map((x, i) => (i < 16 * QUANTUM + 100 ? x : 0))
      hard.set(before.subarray((quanta - 16) * QUANTUM))
      hard.fill(0, 16 * QUANTUM)
      expect(decibels(bandAmplitude(hard, 48_000, 4000, 12_000))).to.be.above(-70)
    }
  })

  it('clear() tells within 8 samples what was rendered of each item, at any moment', () => {
    for (const [inputRate, outputRate] of [
      [24_000, 48_000],
      [24_000, 44_100],
      [8000, 48_000],
      [16_000, 16_000],
    ] as const) {
      const delay = new Resampler({ inputRate, outputRate }).delaySeconds
      for (const ms of [8, 53, 152, 270, 541]) {
        const { queue, render, renderMs, take } = player({ inputRate, outputRate })
        queue.play('a', encodePCM16(new Float32Array(inputRate / 5).fill(0.5)))
        queue.end('a')
        queue.play('b', encodePCM16(new Float32Array(inputRate).fill(0.5)))
        const before = renderMs(ms)
        queue.clear(7)
        const output = concatenate([before, render(10)])
        const sounding = output.findLastIndex((x) => Math.abs(x) > 1e-6) + 1
        const position = (sounding / outputRate - delay) * inputRate
        const { id, progress } = take('cleared')[0]!
        expect(id).to.equal(7)
        expect(Math.abs(heard(progress, 'a') - Math.max(0, position))).to.be.below(8)
        expect(
          Math.abs(Math.max(0, heard(progress, 'b')) - Math.max(0, position - inputRate / 5)),
        ).to.be.below(8)
      }
    }
  })

  it('clear() lists what waits unheard, and what ended less than half a second ago, nothing older', () => {
    const { queue, renderMs, take } = player()
    for (const itemId of ['a', 'b', 'c', 'd']) queue.play(itemId, tone(7200))
    renderMs(850)
    queue.clear(1)
    renderMs(10)
    const items = take('cleared')[0]!.progress.items
    expect(items.map(({ itemId }) => itemId)).to.deep.equal(['b', 'c', 'd'])
    expect(items[2]?.rendered, 'waits for the one before it').to.be.closeTo(-0.05 * 24_000, 200)
    expect(items[0]?.rendered, 'goes on counting after its end').to.be.closeTo(0.55 * 24_000, 200)
  })

  it('clear() lists nothing that ended half a second of silence ago', () => {
    const { queue, renderMs, take } = player()
    queue.play('a', tone(2400))
    queue.end('a')
    renderMs(500)
    queue.play('b', tone(2400))
    queue.end('b')
    queue.clear(1)
    renderMs(200)
    queue.play('c', tone(2400))
    queue.end('c')
    renderMs(700)
    queue.clear(2)
    const listed = take('cleared').map(({ progress }) => progress.items.map(({ itemId }) => itemId))
    expect(listed).to.deep.equal([['a', 'b'], []])
    renderMs(2000)
    queue.play('d', tone(2400))
    queue.end('d')
    queue.clear(3)
    const [unheard] = take('cleared')[2]!.progress.items
    expect(unheard?.itemId, 'complete but unheard').to.equal('d')
    expect(unheard?.rendered).to.be.within(-30, 0)
  })

  it('clear() answers at once where nothing sounds', () => {
    const { queue, render, take } = player({ jitterBuffer: { minMs: 60, maxMs: 60 } })
    queue.clear(1)
    queue.play('a', tone(240))
    queue.clear(2)
    expect(take('cleared').map(({ id, progress }) => [id, progress.items.length])).to.deep.equal([
      [1, 0],
      [2, 1],
    ])
    expect(take('cleared')[1]!.progress.items[0]?.rendered).to.be.within(-30, 0)
    expect(render(50).every((x) => x === 0)).to.equal(true)
  })

  it('clear() answers when the fade is over, not before', () => {
    const { queue, render, take } = player()
    queue.play('a', tone(24_000))
    render(10)
    queue.clear(1)
    render(1)
    expect(take('cleared').length).to.equal(0)
    render(1)
    expect(take('cleared').length).to.equal(1)
  })

  it('clear() twice in a row answers both, and the fade goes on', () => {
    const { queue, render, take } = player()
    queue.play('a', tone(24_000))
    render(10)
    queue.clear(1)
    queue.clear(2)
    const output = render(2)
    expect(amplitudeOf(output)).to.be.above(0.1)
    expect(take('cleared').map(({ id }) => id)).to.deep.equal([2, 1])
  })

  it('clear() during a fade in goes on from the gain that was reached', () => {
    const { queue, render, renderMs } = player()
    const constant = encodePCM16(new Float32Array(4800).fill(0.5))
    queue.play('a', constant)
    renderMs(300)
    queue.play('a', constant)
    const before = render(1)
    queue.clear(1)
    const output = concatenate([before, render(4)])
    for (let i = 1; i < output.length; i++) {
      expect(Math.abs(output[i]! - output[i - 1]!), `at ${i}`).to.be.below(
        ((0.5 * Math.PI) / 2 / FADE) * 1.01,
      )
    }
    expect(output.at(-1)).to.equal(0)
  })

  it('play() after clear() begins anew after the fade, exact from its first sample', () => {
    const { queue, render, take } = player()
    queue.play('a', tone(24_000))
    render(50)
    queue.clear(1)
    const samples = encodePCM16(noise(4800, 0.5, 9))
    queue.play('b', samples)
    queue.end('b')
    const output = render(200)
    const expected = reference(samples, 24_000, 48_000)
    const begin = 2 * QUANTUM
    expect(firstDifference(output.subarray(begin, begin + expected.length), expected)).to.equal(-1)
    expect(take('drained').length).to.equal(1)
    expect(heard(take('drained')[0]!.progress, 'a')).to.be.NaN
  })

  it('progress comes every 20 ms of sound with its level and what waits, and not in silence', () => {
    const { queue, renderMs, take } = player()
    renderMs(500)
    expect(take('progress').length).to.equal(0)
    queue.play('a', tone(24_000))
    renderMs(505)
    const [first, ...reports] = take('progress')
    expect(first!.progress.time, 'as soon as sound starts').to.be.closeTo(0.5 + QUANTUM / 48_000, 0.003)
    // A report is due after 20 ms, and made at the end of the quantum: after 8 of them.
    expect(reports.length).to.be.within(22, 24)
    // A sine of 0.8 is 4.95 dB below full scale (RMS).
    expect(reports[5]!.progress.level).to.be.closeTo(1 - 4.95 / 60, 0.01)
    for (const { progress } of reports) {
      expect(progress.running).to.equal(true)
      expect(progress.bufferedSeconds).to.be.closeTo(1.5 - progress.time, 0.004)
      expect(heard(progress, 'a')).to.be.closeTo((progress.time - 0.5) * 24_000, 100)
    }
  })

  it('progress tells at once when sound has run out, how long it was out, and how it goes on', () => {
    const { queue, render, renderMs, take } = player()
    queue.play('a', tone(2400))
    renderMs(200)
    const [last] = take('progress').slice(-1)
    expect([last!.progress.running, last!.progress.underruns, last!.progress.gapMs]).to.deep.equal([
      false,
      1,
      0,
    ])
    expect(last!.progress.time).to.be.closeTo(0.1, 0.01)
    queue.play('a', tone(2400))
    const silent = gaps(concatenate([new Float32Array([1]), render(30)]))[0]!
    const [, next] = take('progress').slice(-3)
    expect(next!.progress.running).to.equal(true)
    expect(next!.progress.gapMs).to.be.closeTo(100 + silent / 48, 9)
    renderMs(200)
    queue.clear(1)
    queue.play('b', tone(2400))
    queue.end('b')
    renderMs(200)
    expect(take('drained')[0]!.progress.gapMs, 'silence before another item').to.equal(next!.progress.gapMs)
  })

  it('render() does no more at once than it needs, however much comes', () => {
    // A minute of sound in one piece: resampled as it comes, it would hold up rendering for a hundred quanta.
    const { queue, render, take } = player({ inputRate: 44_100 })
    queue.play('a', new Int16Array(44_100 * 60).fill(1000))
    const process = Resampler.prototype.processInto
    let samples = 0
    Resampler.prototype.processInto = function (input, output) {
      samples += input.length
      return process.call(this, input, output)
    }
    try {
      render(1)
      expect(samples).to.be.within(300, 600)
      render(100)
      expect(samples).to.be.closeTo((100 * QUANTUM * 44_100) / 48_000, 700)
    } finally {
      Resampler.prototype.processInto = process
    }
    expect(take('progress').at(-1)!.progress.bufferedSeconds).to.be.closeTo(60 - 0.26, 0.03)
  })

  it('progress tells how long it has been silent', () => {
    const { queue, renderMs, take } = player()
    queue.play('a', tone(4800))
    renderMs(500)
    queue.clear(1)
    expect(take('cleared')[0]!.progress.silentSeconds).to.be.closeTo(0.3, 0.01)
  })

  it('play() takes ten minutes, and refuses and reports what is more', () => {
    const { queue, render, take } = player({ inputRate: 8000, outputRate: 8000 })
    const minute = new Int16Array(8000 * 60).fill(1000)
    for (let i = 0; i < 10; i++) queue.play('a', minute)
    expect(take('overflow').length).to.equal(0)
    queue.play('a', new Int16Array(100))
    expect(take('overflow').map(({ itemId, length }) => [itemId, length])).to.deep.equal([['a', 100]])
    expect(render(10).every((x) => Math.abs(x - 1000 / 32_768) < 1e-9)).to.equal(true)
  })

  /** Plays answers of `seconds` each, of chunks that come late by what `lateness` gives; how long it was silent. */
  function gapsOf(answers: number, seconds: number, lateness: (seed: number) => number[]) {
    const bounds = { minMs: 20, maxMs: 200 }
    const { queue, render, take } = player({ inputRate: 8000, jitterBuffer: bounds })
    const gapMs: number[] = []
    for (let answer = 0; answer < answers; answer++) {
      const late = lateness(answer)
      const chunkMs = (1000 * seconds) / late.length
      const output: Float32Array[] = []
      for (let now = 0, next = 0; next < late.length || output.at(-1)!.some((x) => x !== 0); ) {
        for (; next < late.length && chunkMs * next + late[next]! <= now; next++) {
          queue.play(`answer ${answer}`, new Int16Array(8 * chunkMs).fill(1000))
        }
        if (next === late.length) queue.end(`answer ${answer}`)
        output.push(render(1))
        now += (1000 * QUANTUM) / 48_000
      }
      // A fade that turns at the bottom is silent for the rest of its quantum.
      const silent = gaps(concatenate(output)).filter((run) => run > 20)
      gapMs.push(silent.reduce((sum, run) => sum + run, 0) / 48)
    }
    const { progress } = take('drained').at(-1)!
    return { gapMs, progress }
  }

  it('render() learns from ±60 ms of jitter in 100 ms chunks: no later minute has 20 ms of gaps', () => {
    for (const seed of [1, 2, 3]) {
      const { gapMs, progress } = gapsOf(11, 60, (answer) =>
        [...noise(600, 60, 100 * seed + answer)].fill(0, 0, 1),
      )
      const [first, ...later] = gapMs
      expect(first, 'before it knows').to.be.below(60 - 20 + 20)
      expect(Math.max(...later), 'once it knows').to.be.below(20)
      expect(progress.delayMs).to.be.within(55, 80)
      expect(progress.gapMs).to.be.closeTo(
        gapMs.reduce((sum, gap) => sum + gap, 0),
        5,
      )
    }
  })

  it('render() loses no more to bursts than the longest of them, and forgets them on a calm line', () => {
    const bursts = [...new Float32Array(500)].map((_, i) =>
      i % 100 >= 50 && i % 100 < 75 ? 20 * (75 - (i % 100)) : 0,
    )
    const { gapMs } = gapsOf(1, 10, () => bursts)
    expect(gapMs[0]).to.be.within(460, 520)
    const calm = gapsOf(7, 10, (answer) => (answer === 0 ? bursts : new Array(500).fill(0)))
    expect(calm.gapMs.slice(1)).to.deep.equal(new Array(6).fill(0))
    expect(calm.progress.delayMs).to.be.below(20 + 180 / 3.5)
  })

  it('render() goes on 5 ms after the first chunk that ends an underrun', () => {
    const { queue, renderMs, render } = player({ jitterBuffer: { minMs: 40, maxMs: 40 } })
    queue.play('a', tone(2400))
    renderMs(400)
    queue.play('a', tone(2400))
    expect(render(30).findIndex((x) => x !== 0)).to.be.within(FADE, FADE + 2 * QUANTUM)
  })
})
