import { EchoSentinel } from '../../src/audio/echo-sentinel.ts'
import { energyOf, levelOf } from '../../src/audio/level.ts'
import { randomly } from '../../src/testing/random.ts'
import { readWav } from '../../test/support/signal.ts'
import { table } from '../support/report.ts'

const FIXTURE = new URL('../../test/fixtures/speech-44k1.wav', import.meta.url).pathname
const RATE = 44_100
const BEFORE_MS = 1000
const TRIALS = 200

const { samples } = readWav(FIXTURE)
const speech = Float32Array.from(samples)
const samplesIn = (ms: number) => Math.floor((ms * RATE) / 1000)

/** Sixty reflections that die away within a quarter of a second. */
function reverberate(dry: Float32Array): Float32Array {
  const random = randomly(11)
  const wet = dry.slice()
  for (let k = 0; k < 60; k++) {
    const delay = Math.floor(((random() + 1) / 8) * RATE)
    const gain = 0.35 * random() * Math.exp(-delay / (0.06 * RATE))
    for (let i = delay; i < wet.length; i++) wet[i] = (wet[i] ?? 0) + gain * (dry[i - delay] ?? 0)
  }
  return wet
}

const room = reverberate(speech)

interface Scene {
  readonly agentMs: number
  /** In dB; no echo without. */
  readonly echoDb?: number
  readonly user: boolean
  readonly noiseDb: number
}

/** Lets a sentinel hear one scene, from a place of the recording and with a lag that the chance chooses. */
function isEcho(
  { agentMs, echoDb, user, noiseDb }: Scene,
  draw: (from: number, to: number) => number,
): boolean {
  const end = BEFORE_MS + agentMs
  const from = Math.floor(draw(0, speech.length - samplesIn(4000)))
  const random = randomly(from)
  const agent = new Float32Array(samplesIn(end))
  agent.set(speech.subarray(from, from + samplesIn(agentMs)), samplesIn(BEFORE_MS))
  const loudness = 10 ** (noiseDb / 20) * Math.sqrt(3)
  const microphone = Float32Array.from(agent, () => loudness * random())
  if (echoDb !== undefined) {
    const at = samplesIn(BEFORE_MS + draw(20, 400))
    const gain = 10 ** (echoDb / 20)
    for (let i = at; i < microphone.length; i++) {
      microphone[i] = (microphone[i] ?? 0) + gain * (room[from + i - at] ?? 0)
    }
  }
  if (user) {
    const other = Math.floor((from + speech.length / 2 + draw(0, RATE)) % (speech.length - samplesIn(3000)))
    const at = samplesIn(end - draw(200, Math.min(800, agentMs)))
    for (let i = at; i < microphone.length; i++) {
      microphone[i] = (microphone[i] ?? 0) + (speech[other + i - at] ?? 0)
    }
  }
  const sentinel = new EchoSentinel()
  const level = (sound: Float32Array, ms: number, length: number) => {
    const part = sound.subarray(samplesIn(ms - length), samplesIn(ms))
    return levelOf(energyOf(part), part.length)
  }
  for (let ms = 100; ms <= end; ms += 20) {
    sentinel.input(level(microphone, ms, 20), ms)
    sentinel.output(level(agent, ms, 20), ms)
  }
  return sentinel.interrupted()
}

const SCENES: Readonly<Record<string, Omit<Scene, 'agentMs'>>> = {
  'echo of −6 dB': { echoDb: -6, user: false, noiseDb: -60 },
  'echo of −15 dB': { echoDb: -15, user: false, noiseDb: -60 },
  'echo of −30 dB': { echoDb: -30, user: false, noiseDb: -60 },
  'echo of −15 dB in noise of −45 dB': { echoDb: -15, user: false, noiseDb: -45 },
  'a user, no echo': { user: true, noiseDb: -60 },
  'a user, no echo, noise of −45 dB': { user: true, noiseDb: -45 },
  'a user over an echo of −36 dB': { echoDb: -36, user: true, noiseDb: -60 },
}

const LENGTHS = [400, 600, 1000, 1500, 2500]

/** @returns How often an interruption is blamed on the agent's own voice. */
export function describeEcho(): string {
  const rows = Object.entries(SCENES).map(([name, scene]) => [
    name,
    ...LENGTHS.map((agentMs) => {
      const random = randomly(23)
      const draw = (from: number, to: number) => from + ((random() + 1) / 2) * (to - from)
      let count = 0
      for (let i = 0; i < TRIALS; i++) if (isEcho({ ...scene, agentMs }, draw)) count++
      return `${Math.round((100 * count) / TRIALS)} %`
    }),
  ])
  return `### Echo sentinel

How often an interruption is blamed on the agent's own voice, by how long the agent had spoken before: ${TRIALS} scenes each,
from the recorded speech, with a lag of 20…400 ms through a room; a user speaks for the last 200…800 ms.

${table([['what the microphone hears', ...LENGTHS.map((ms) => `${ms} ms`)], ...rows])}`
}
