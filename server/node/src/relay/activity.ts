import type { ProviderName } from './routes.ts'

/** Enough to see a message's type where a client writes it first or second, as all known clients do. */
export const PEEK_BYTES = 96

/**
 * Whether a client's message shows that somebody is there. Sound alone does not: a microphone sends as much
 * in an empty room, and when there is speech in it the provider says so. Nor do messages that only keep the
 * line open.
 *
 * @param binary Whether it is a binary message: sound, at Deepgram.
 * @param start The first `PEEK_BYTES` of the message, or as many as are at hand.
 */
export function showsActivity(provider: ProviderName, binary: boolean, start: string): boolean {
  if (binary) return provider === 'openai'
  return !start.includes(provider === 'openai' ? '"input_audio_buffer.append"' : '"KeepAlive"')
}
