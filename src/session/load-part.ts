import { VoiceError } from '../errors.ts'

/**
 * @param name Of the part, for people.
 * @param part Its `import()`.
 * @throws {VoiceError} If it cannot be had: `audio-failed` for the audio engine, else `connection-failed`.
 */
export async function loadPart<T>(name: string, part: Promise<T>): Promise<T> {
  try {
    return await part
  } catch (cause) {
    const code = name === 'audio engine' ? 'audio-failed' : 'connection-failed'
    throw new VoiceError(code, `Cannot load the ${name}`, {
      hint: 'Serve the whole of dist/, and check the network',
      cause,
    })
  }
}
