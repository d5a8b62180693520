import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SpeechDetector, type SpeechEvent } from '../src/vad.ts'
import { humanSpeech, shortSpeech } from './support/speech.ts'

const RATE = 24000

function run(
  pcm: Int16Array,
  { chunk = pcm.length, ...options }: { chunk?: number; silenceMs?: number } = {},
) {
  const detector = new SpeechDetector({ sampleRate: RATE, ...options })
  const events: SpeechEvent[] = []
  for (let at = 0; at < pcm.length; at += chunk) events.push(...detector.push(pcm.subarray(at, at + chunk)))
  return { detector, events }
}

test('SpeechDetector.push() finds one turn in human speech that silence follows', () => {
  const { events } = run(shortSpeech(RATE))
  assert.deepEqual(
    events.map(({ type }) => type),
    ['start', 'stop'],
  )
  const [start, stop] = events as [SpeechEvent, Extract<SpeechEvent, { type: 'stop' }>]
  // The fixture is quiet for 0.3 s, then speaks until the clip is cut to silence at 2 s.
  assert.ok(start.at > 0.2 * RATE && start.at < 0.45 * RATE, `starts at ${start.at / RATE}`)
  assert.ok(Math.abs(stop.at - 2 * RATE) <= 0.02 * RATE, `stops at ${stop.at / RATE}`)
  assert.equal(stop.noticedAt - stop.at, 0.5 * RATE)
})

test('SpeechDetector.push() gives the same result whatever the chunks', () => {
  const speech = humanSpeech(RATE)
  const whole = run(speech).events
  assert.ok(whole.length >= 4, `${whole.length} events`)
  for (const chunk of [1, 137, 480, 9999]) assert.deepEqual(run(speech, { chunk }).events, whole)
})

test('SpeechDetector.push() hears pauses that are longer than the silence asked for', () => {
  const speech = humanSpeech(RATE)
  const turns = (silenceMs: number) =>
    run(speech, { silenceMs }).events.filter(({ type }) => type === 'start').length
  assert.ok(turns(200) > turns(800), `${turns(200)} turns at 200 ms, ${turns(800)} at 800 ms`)
})

test('SpeechDetector.push() hears no speech in silence, in clicks or in steady noise', () => {
  const silence = new Int16Array(2 * RATE)
  assert.deepEqual(run(silence).events, [])
  const click = silence.slice()
  click.fill(20000, RATE, RATE + 0.02 * RATE)
  assert.deepEqual(run(click).events, [])
  let seed = 1
  const noise = silence.map(() => {
    seed = (seed * 16807) % 2147483647
    return (seed % 400) - 200
  })
  assert.deepEqual(run(noise).events, [])
})

test('SpeechDetector.reset() ends speech without an event', () => {
  const { detector } = run(shortSpeech(RATE).subarray(0, RATE))
  assert.equal(detector.speaking, true)
  detector.reset()
  assert.equal(detector.speaking, false)
})
