const STARTS = ['{"type":"input_audio_buffer.append","audio":"', '{"audio":"'].map((text) =>
  Buffer.from(text),
)
const ENDS = ['"}', '","type":"input_audio_buffer.append"}'].map((text) => Buffer.from(text))
const QUOTE = 0x22
const BACKSLASH = 0x5c

/**
 * Whether a message is sound and nothing else, in one of the two forms in which clients write it: so common that
 * it is not parsed. Its text ends at the first quote, and holds no escape that could hide another.
 */
export function isPlainAppend(payload: Buffer): boolean {
  return STARTS.some((start, form) => {
    if (!start.equals(payload.subarray(0, start.length))) return false
    const quote = payload.indexOf(QUOTE, start.length)
    return ENDS[form]!.equals(payload.subarray(quote)) && payload.indexOf(BACKSLASH, start.length) < 0
  })
}
