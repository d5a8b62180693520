import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { SpeechDetector } from '../src/vad.ts'
import { FliteVoice, fliteVoiceOf } from '../src/voice.ts'

const TEXT = 'I heard you speak for three seconds. Go on, I am listening.'
const voice = new FliteVoice()
after(() => voice.close())

/** Energy of a clip between two frequencies, by direct evaluation at a few of them. */
function energyAt(pcm: Int16Array, hz: number, sampleRate: number): number {
  let real = 0
  let imaginary = 0
  for (let i = 0; i < pcm.length; i++) {
    const angle = (2 * Math.PI * hz * i) / sampleRate
    real += pcm[i]! * Math.cos(angle)
    imaginary += pcm[i]! * Math.sin(angle)
  }
  return Math.hypot(real, imaginary) / pcm.length
}

test('FliteVoice.synthesize() speaks: as long as a person would, loud, and with gaps between sentences', async () => {
  const pcm = await voice.synthesize({ text: TEXT, voice: 'marin', sampleRate: 24000 })
  const seconds = pcm.length / 24000
  assert.ok(seconds > 2.5 && seconds < 6, `${seconds} s`)
  assert.ok(Math.max(...pcm) > 8000, `peak ${Math.max(...pcm)}`)
  const detector = new SpeechDetector({ sampleRate: 24000, silenceMs: 120 })
  const events = [...detector.push(pcm)]
  assert.ok(events.filter(({ type }) => type === 'start').length >= 2, `${events.length} events`)
})

test('FliteVoice.synthesize() spreads over a voice’s band rather than one tone', async () => {
  const pcm = await voice.synthesize({ text: TEXT, voice: 'marin', sampleRate: 24000 })
  const energies = Array.from({ length: 40 }, (_, i) => energyAt(pcm, 100 + i * 97.3, 24000))
  const share = Math.max(...energies) / energies.reduce((sum, energy) => sum + energy, 0)
  assert.ok(share < 0.3, `one frequency holds ${share} of it`)
})

test('FliteVoice.synthesize() keeps its length at every rate, and nothing above its own band', async () => {
  const lengths = await Promise.all(
    [8000, 16000, 24000, 48000].map(async (sampleRate) => {
      const pcm = await voice.synthesize({ text: TEXT, voice: 'cedar', sampleRate })
      return pcm.length / sampleRate
    }),
  )
  for (const length of lengths) assert.ok(Math.abs(length - lengths[0]!) < 0.001, lengths.join(' '))
  const wide = await voice.synthesize({ text: TEXT, voice: 'cedar', sampleRate: 48000 })
  assert.ok(energyAt(wide, 12000, 48000) < energyAt(wide, 500, 48000) / 500)
})

test('FliteVoice.synthesize() speaks faster when asked to', async () => {
  const at = async (speed: number) =>
    (await voice.synthesize({ text: TEXT, voice: 'sage', sampleRate: 16000, speed })).length
  const ratio = (await at(1)) / (await at(1.5))
  assert.ok(ratio > 1.35 && ratio < 1.65, `${ratio}`)
})

test('FliteVoice.synthesize() makes a clip once, and different voices differ', async () => {
  const request = { text: TEXT, voice: 'marin', sampleRate: 16000 }
  const first = await voice.synthesize(request)
  assert.equal(await voice.synthesize({ ...request }), first)
  assert.notDeepEqual(await voice.synthesize({ ...request, voice: 'cedar' }), first)
})

test('FliteVoice.synthesize() never blocks the event loop', async () => {
  const text = `${TEXT} `.repeat(8)
  let longest = 0
  let last = performance.now()
  let running = true
  const beat = () => {
    longest = Math.max(longest, performance.now() - last)
    last = performance.now()
    if (running) setImmediate(beat)
  }
  beat()
  const started = performance.now()
  await voice.synthesize({ text, voice: 'echo', sampleRate: 24000 })
  running = false
  const took = performance.now() - started
  assert.ok(longest < took / 2, `${longest} ms of ${took} ms`)
})

test('fliteVoiceOf() maps the providers’ voices', () => {
  assert.equal(fliteVoiceOf('marin'), 'slt')
  assert.equal(fliteVoiceOf('cedar'), 'rms')
  assert.equal(fliteVoiceOf('ash'), 'awb')
  assert.equal(fliteVoiceOf('aura-2-thalia-en'), 'slt')
  assert.equal(fliteVoiceOf('aura-2-zeus-en'), 'rms')
  assert.equal(fliteVoiceOf('flux-kit-en'), 'rms')
  assert.equal(fliteVoiceOf('somebody'), 'kal16')
})

test('FliteVoice.close() rejects what is still to be spoken', async () => {
  const short = new FliteVoice()
  const clip = short.synthesize({ text: TEXT, voice: 'marin', sampleRate: 16000 })
  await Promise.all([assert.rejects(clip, /the voice must be open/), short.close()])
})
