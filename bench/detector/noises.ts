/** Sounds that are not speech, made here so that every run has the same. */
import { randomly } from '../../src/testing/random.ts'

function generate(length: number, sample: (i: number) => number): Float32Array {
  return Float32Array.from({ length }, (_, i) => sample(i))
}

function white(length: number): Float32Array {
  return generate(length, randomly(1))
}

/** Three one-pole filters that together fall by 3 dB an octave. */
function pink(length: number): Float32Array {
  const random = randomly(2)
  let [low, middle, high] = [0, 0, 0]
  return generate(length, () => {
    const x = random()
    low = 0.997_65 * low + 0.099 * x
    middle = 0.963 * middle + 0.2965 * x
    high = 0.57 * high + 1.0526 * x
    return low + middle + high + 0.1848 * x
  })
}

function hum(length: number, sampleRate: number): Float32Array {
  const random = randomly(3)
  const harmonics = [1, 2, 3, 4, 6]
  return generate(length, (i) => {
    const sum = harmonics.reduce((s, k) => s + Math.sin((2 * Math.PI * 50 * k * i) / sampleRate) / k, 0)
    return sum + 0.05 * random()
  })
}

/** Air, low in frequency, and the blades. */
function fan(length: number, sampleRate: number): Float32Array {
  const random = randomly(4)
  let air = 0
  return generate(length, (i) => {
    air = 0.97 * air + random()
    return air + 0.5 * Math.sin((2 * Math.PI * 123 * i) / sampleRate)
  })
}

/** Bursts of 20 ms, three to six a second. */
function keyboard(length: number, sampleRate: number): Float32Array {
  const random = randomly(5)
  const sound = new Float32Array(length)
  for (let at = 0; at < length; at += Math.floor(sampleRate * (0.25 + 0.08 * random()))) {
    for (let i = 0; i < sampleRate / 50 && at + i < length; i++) {
      sound[at + i] = 4 * random() * Math.exp((-250 * i) / sampleRate)
    }
  }
  return sound
}

/** Three voices of a piano-like tone, a chord in 0.8 s: what a detector of pitch must take for speech. */
function chords(length: number, sampleRate: number): Float32Array {
  const notes = [
    [262, 330, 392],
    [220, 262, 330],
    [349, 440, 523],
    [392, 494, 587],
  ]
  const bar = Math.floor(0.8 * sampleRate)
  return generate(length, (i) => {
    const chord = notes[Math.floor(i / bar) % notes.length] ?? []
    const sum = chord.reduce((s, hz) => s + Math.sin((2 * Math.PI * hz * i) / sampleRate), 0)
    return sum * Math.exp((-2 * (i % bar)) / sampleRate)
  })
}

export const NOISES: Readonly<Record<string, (length: number, sampleRate: number) => Float32Array>> = {
  white,
  pink,
  hum,
  fan,
  keyboard,
  chords,
}
