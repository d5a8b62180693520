import { randomly } from './random.ts'
import { lengthOf, type SignalOptions } from './signal.ts'

/** The first formants of men's vowels, in Hz: Peterson and Barney, 1952. */
const VOWELS = [
  [270, 2290, 3010],
  [530, 1840, 2480],
  [730, 1090, 2440],
  [570, 840, 2410],
  [300, 870, 2240],
] as const
/** How wide the formants are, in Hz, and how loud. */
const BANDWIDTHS = [80, 110, 170] as const
const GAINS = [1, 0.5, 0.25] as const
/** Pitch of the voice, in Hz, and how far it wanders. */
const PITCH_HZ = 115
const PITCH_RANGE_HZ = 20
/** What softens the pulses of the glottis: −12 dB an octave from here on, in Hz. */
const GLOTTIS_HZ = 600
const SYLLABLE_SECONDS = 0.2
const PAUSE_SECONDS = 0.4
const SYLLABLES_A_PHRASE = 5

/** One formant: a resonator of two poles. */
function resonator(frequency: number, bandwidth: number, sampleRate: number): (x: number) => number {
  const radius = Math.exp((-Math.PI * bandwidth) / sampleRate)
  const turn = 2 * radius * Math.cos((2 * Math.PI * frequency) / sampleRate)
  let [last, before] = [0, 0]
  return (x) => {
    const y = (1 - radius) * x + turn * last - radius * radius * before
    before = last
    last = y
    return y
  }
}

function lowPass(frequency: number, sampleRate: number): (x: number) => number {
  const keep = Math.exp((-2 * Math.PI * frequency) / sampleRate)
  let y = 0
  return (x) => {
    y = (1 - keep) * x + keep * y
    return y
  }
}

/**
 * A voice that says nothing: vowels of a wandering pitch, five syllables a second, a pause of silence after every
 * fifth. It is what speech detectors take for speech, the same for the same seed. It begins at once.
 *
 * @param seed A whole number.
 * @param options.sampleRate 8000 Hz or more.
 * @param options.amplitude Of the loudest sample, 0…1; default 0.5.
 */
export function speechLike(
  seed: number,
  { amplitude = 0.5, ...extent }: SignalOptions & { readonly amplitude?: number },
): Float32Array<ArrayBuffer> {
  const { sampleRate } = extent
  const random = randomly(seed)
  const samples = new Float32Array(lengthOf(extent))
  for (let at = 0, count = 1; at < samples.length; count++) {
    const length = Math.round(sampleRate * SYLLABLE_SECONDS * (1 + 0.3 * random()))
    const pitch = PITCH_HZ + PITCH_RANGE_HZ * random()
    speak(samples.subarray(at, at + length), {
      sampleRate,
      length,
      // The lowest bits of such a generator are hardly random, so the highest choose.
      vowel: VOWELS[Math.floor(((random() + 1) / 2) * VOWELS.length)] ?? VOWELS[0],
      pitch: (i) => pitch * (1 - (0.15 * i) / length),
    })
    at += length
    if (count % SYLLABLES_A_PHRASE === 0) at += Math.round(sampleRate * PAUSE_SECONDS * (1 + 0.3 * random()))
  }
  const peak = samples.reduce((most, x) => Math.max(most, Math.abs(x)), Number.MIN_VALUE)
  return samples.map((x) => (x * amplitude) / peak)
}

interface Syllable {
  readonly sampleRate: number
  /** Of the whole syllable; the end of a sound may cut it. */
  readonly length: number
  readonly vowel: readonly number[]
  /** In Hz, at a sample. */
  readonly pitch: (i: number) => number
}

function speak(into: Float32Array, { sampleRate, length, vowel, pitch }: Syllable): void {
  const soft = [lowPass(GLOTTIS_HZ, sampleRate), lowPass(GLOTTIS_HZ, sampleRate)]
  const formants = vowel.map((frequency, k) => resonator(frequency, BANDWIDTHS[k] ?? 100, sampleRate))
  let phase = 0
  for (let i = 0; i < into.length; i++) {
    phase += pitch(i) / sampleRate
    const pulse = phase >= 1 ? 1 : 0
    phase -= pulse
    const source = soft.reduce((x, filter) => filter(x), pulse)
    const voiced = formants.reduce((sum, filter, k) => sum + (GAINS[k] ?? 0) * filter(source), 0)
    into[i] = voiced * Math.sin((Math.PI * i) / length) ** 2
  }
}
