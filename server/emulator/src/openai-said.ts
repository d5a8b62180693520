import { type AudioFormat, durationMs } from './audio-format.ts'
import type { Item } from './openai-conversation.ts'
import { isObject } from './schema.ts'

/** What an answer is given to: words, and how long they took to say. */
export interface Said {
  readonly text: string | Promise<string>
  readonly speechMs: number | null
  readonly transcribed: boolean
}

/** Takes the sound out of a user's item, as events do not repeat it, and what it says to be answered. */
export function splitAudio(item: Item, format: AudioFormat) {
  const content = Array.isArray(item['content']) ? item['content'].filter(isObject) : null
  if (!content) return { shown: item, audio: null, said: null }
  const base64 = content.find(({ type }) => type === 'input_audio')?.['audio']
  const audio = typeof base64 === 'string' ? { bytes: Buffer.from(base64, 'base64'), format } : null
  const shown = content.map((part) =>
    part['type'] === 'input_audio' ? { type: 'input_audio', transcript: part['transcript'] ?? null } : part,
  )
  const text = content
    .map((part) => part['text'] ?? part['transcript'] ?? '')
    .join(' ')
    .trim()
  const speechMs = audio ? durationMs(audio.bytes.length, format) : null
  const said: Said = { text, speechMs: text === '' ? speechMs : null, transcribed: text !== '' }
  return { shown: { ...item, content: shown }, audio, said: item['role'] === 'user' ? said : null }
}
