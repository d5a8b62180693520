import { expect } from 'chai'
import { EchoSentinel } from '../../src/audio/echo-sentinel.ts'
import { energyOf, levelOf } from '../../src/audio/level.ts'
import { decibels, noise } from './support/signal.ts'

const RATE = 44_100
/** What the microphone and the speaker report, in ms. */
const INPUT_MS = 20
const OUTPUT_MS = 25
/** Silence before the agent begins, in ms. */
const BEFORE_MS = 1000
const TRIALS = 60

const samplesIn = (ms: number) => Math.floor((ms * RATE) / 1000)

/** The recorded speech, 11 s. */
async function loadSpeech(): Promise<Float32Array> {
  const response = await fetch('/test/fixtures/speech-44k1.wav')
  const wav = new DataView(await response.arrayBuffer(), 44)
  return Float32Array.from({ length: wav.byteLength >> 1 }, (_, i) => wav.getInt16(i * 2, true) / 32_768)
}

/** The same in a room: sixty reflections that die away. */
function reverberate(speech: Float32Array): Float32Array {
  const places = noise(60, 0.125, 5).map((x) => (x + 0.125) * RATE)
  const gains = noise(60, 0.35, 6)
  const output = speech.slice()
  for (const [k, place] of places.entries()) {
    const delay = Math.floor(place)
    const gain = gains[k]! * Math.exp(-delay / (0.06 * RATE))
    for (let i = delay; i < output.length; i++) output[i] = output[i]! + gain * speech[i - delay]!
  }
  return output
}

interface Scene {
  /** How long the agent speaks before it is cut off, in ms. */
  readonly agentMs: number
  /** The echo's way, in ms and dB; none without. */
  readonly echo?: { readonly lagMs: number; readonly gainDb: number }
  /** How long the user speaks at the end, in ms; does not without. */
  readonly userMs?: number
  /** What the room adds, in dB. */
  readonly noiseDb: number
}

describe('EchoSentinel', () => {
  let speech: Float32Array
  let room: Float32Array
  /** 0…1, the same in every run. */
  const chance = noise(4000, 0.5, 42)
  let drawn = 0
  const draw = (from: number, to: number) => from + (chance[drawn++ % chance.length]! + 0.5) * (to - from)

  before(async () => {
    speech = await loadSpeech()
    room = reverberate(speech)
  })

  beforeEach(() => {
    drawn = 0
  })

  /** Lets the sentinel hear a scene from another place of the recording each time. */
  function isEcho({ agentMs, echo, userMs = 0, noiseDb }: Scene): boolean {
    const end = BEFORE_MS + agentMs
    const from = Math.floor(draw(0, speech.length - samplesIn(4000)))
    const userFrom =
      (from + speech.length / 2 + Math.floor(draw(0, RATE))) % (speech.length - samplesIn(3000))
    const agent = new Float32Array(samplesIn(end))
    agent.set(speech.subarray(from, from + samplesIn(agentMs)), samplesIn(BEFORE_MS))
    const microphone = noise(samplesIn(end), 10 ** (noiseDb / 20) * Math.sqrt(3), drawn)
    if (echo) {
      const gain = 10 ** (echo.gainDb / 20)
      const at = samplesIn(BEFORE_MS + echo.lagMs)
      for (let i = at; i < microphone.length; i++)
        microphone[i] = microphone[i]! + gain * room[from + i - at]!
    }
    const userAt = samplesIn(end - userMs)
    for (let i = userAt; i < microphone.length; i++) {
      microphone[i] = microphone[i]! + speech[Math.floor(userFrom) + i - userAt]!
    }
    const sentinel = new EchoSentinel()
    const level = (sound: Float32Array, atMs: number, ms: number) => {
      const part = sound.subarray(samplesIn(atMs - ms), samplesIn(atMs))
      return levelOf(energyOf(part), part.length)
    }
    for (let ms = 100; ms <= end; ms += 5) {
      if (ms % INPUT_MS === 0) sentinel.input(level(microphone, ms, INPUT_MS), ms)
      if (ms % OUTPUT_MS === 0) sentinel.output(level(agent, ms, OUTPUT_MS), ms)
    }
    return sentinel.interrupted()
  }

  /** @returns In how many of a hundred scenes it says echo. */
  function percent(scene: () => Scene): number {
    let count = 0
    for (let i = 0; i < TRIALS; i++) if (isEcho(scene())) count++
    return (100 * count) / TRIALS
  }

  for (const gainDb of [-6, -15, -24]) {
    it(`interrupted() knows an echo of ${gainDb} dB in a room, after a second and a half`, () => {
      const scene = () => ({ agentMs: 1500, echo: { lagMs: draw(20, 400), gainDb }, noiseDb: -60 })
      expect(percent(scene)).to.be.at.least(90)
    })
  }

  for (const agentMs of [600, 1000, 1500, 2500]) {
    it(`interrupted() does not take a user for an echo, ${agentMs} ms into an answer`, () => {
      const scene = () => ({ agentMs, userMs: draw(200, Math.min(800, agentMs)), noiseDb: -60 })
      expect(percent(scene)).to.be.at.most(5)
    })
  }

  it('interrupted() does not blame an echo for a user who speaks over it', () => {
    const scene = () => ({
      agentMs: 2000,
      echo: { lagMs: draw(20, 400), gainDb: -36 },
      userMs: draw(200, 800),
      noiseDb: -60,
    })
    expect(percent(scene)).to.be.at.most(10)
  })

  it('interrupted() says nothing of what it has heard too little of', () => {
    const sentinel = new EchoSentinel()
    expect(sentinel.interrupted()).to.equal(false)
    expect(percent(() => ({ agentMs: 300, echo: { lagMs: 50, gainDb: -6 }, noiseDb: -60 }))).to.equal(0)
  })

  it('output() need not be called while the agent is silent', () => {
    const sentinel = new EchoSentinel()
    for (let ms = 0; ms <= 2400; ms += 20) {
      const speaking = ms % 800 > 300
      const level = 0.5 + 0.2 * Math.sin(ms / 40)
      sentinel.input(speaking ? level : 0, ms)
      if (speaking || ms % 800 === 0) sentinel.output(speaking ? level : 0, ms)
    }
    expect(sentinel.interrupted()).to.equal(true)
  })

  it('interrupted() says nothing of silence, and of a clock that jumped', () => {
    const sentinel = new EchoSentinel()
    for (const start of [0, 1e6]) {
      for (let ms = start; ms < start + 2000; ms += 20) {
        sentinel.input(0, ms)
        sentinel.output(0.6, ms)
      }
      expect(sentinel.interrupted()).to.equal(false)
    }
  })

  it('the recorded speech is what these figures are of', () => {
    expect(speech.length).to.be.within(10 * RATE, 12 * RATE)
    expect(decibels(Math.sqrt(energyOf(speech) / speech.length))).to.be.within(-30, -10)
  })
})
