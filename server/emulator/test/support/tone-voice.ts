import type { Speech } from '../../src/index.ts'

/** Speaks at once: 50 ms of a 440 Hz tone for every character. */
export const toneVoice: Speech = {
  synthesize({ text, sampleRate }) {
    const length = Math.round(text.length * 0.05 * sampleRate)
    const tone = (i: number) => 8000 * Math.sin((2 * Math.PI * 440 * i) / sampleRate)
    return Promise.resolve(Int16Array.from({ length }, (_, i) => Math.round(tone(i))))
  },
  close: () => Promise.resolve(),
}
