/** One word and when it was said, in seconds since the stream began. */
export interface TimedWord {
  readonly word: string
  readonly start: number
  readonly end: number
}

/** How sure the emulator is of every word. */
export const CONFIDENCE = 0.99
/** A word takes about this long: 200 words a minute. */
const WORD_MS = 300

/** The words of a text. */
export function wordsOf(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== '')
}

/** How many of `all` words have been heard after `ms` milliseconds of speech: the first one at once. */
export function heardWords(all: readonly string[], ms: number): string[] {
  return all.slice(0, Math.max(1, Math.floor(ms / WORD_MS)))
}

/** Spreads words evenly from one second of the stream to another. */
export function spread(words: readonly string[], { from, to }: { from: number; to: number }): TimedWord[] {
  const each = Math.max(0, to - from) / words.length
  return words.map((word, i) => ({
    word,
    start: roundSeconds(from + i * each),
    end: roundSeconds(from + (i + 1) * each),
  }))
}

/** Seconds to the millisecond. */
export function roundSeconds(seconds: number): number {
  return Math.round(seconds * 1000) / 1000
}

/** A word as it is told where neither capitals nor punctuation were asked for. */
export function plainWord(word: string): string {
  return word.toLowerCase().replaceAll(/^[^\p{L}\p{N}]+|[^\p{L}\p{N}]+$/gu, '')
}
