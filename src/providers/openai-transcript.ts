import { type JsonObject, objectField, stringField } from '../util/json.ts'
import { detail, type OpenAIRealtimeDetail } from './openai-detail.ts'
import { contentParts, isReplayed } from './openai-items.ts'
import type { ProviderEvent } from './provider.ts'

/**
 * @param options.cut Whether the event is of an answer that was cut off, whose text stays as it was.
 * @param options.transcribed Whether the user's words are written down.
 * @returns What an event of the server says of the text of the conversation.
 */
export function* transcript(
  event: JsonObject,
  { cut, transcribed }: { cut: boolean; transcribed: boolean },
): Iterable<ProviderEvent<OpenAIRealtimeDetail>> {
  const id = stringField(event, 'item_id')
  const user = { type: 'transcript', id, role: 'user' } as const
  const agent = { type: 'transcript', id, role: 'assistant' } as const
  const delta = stringField(event, 'delta')
  switch (event['type']) {
    case 'conversation.item.added':
      yield* added(event, transcribed)
      break
    case 'conversation.item.input_audio_transcription.delta':
      yield { ...user, delta, final: false }
      if (event['logprobs']) yield detail(event)
      break
    case 'conversation.item.input_audio_transcription.completed':
      yield { ...user, text: stringField(event, 'transcript'), final: true }
      if (event['logprobs'] || event['languages']) yield detail(event)
      break
    case 'conversation.item.input_audio_transcription.failed':
      yield { ...user, final: true }
      yield {
        type: 'warning',
        code: 'transcription-failed',
        message: stringField(objectField(event, 'error'), 'message'),
      }
      break
    case 'response.output_audio_transcript.delta':
    case 'response.output_text.delta':
      if (!cut) yield { ...agent, delta, final: false }
      break
    case 'response.output_audio_transcript.done':
    case 'response.output_text.done':
      yield {
        ...agent,
        ...(!cut && { text: stringField(event, 'transcript') || stringField(event, 'text') }),
        final: true,
      }
      break
  }
}

/** A message takes its place, mostly before its text comes. */
function* added(event: JsonObject, transcribed: boolean): Iterable<ProviderEvent<never>> {
  const item = objectField(event, 'item')
  const id = stringField(item, 'id')
  const { role, type } = item as { role?: unknown; type?: unknown }
  if (type !== 'message' || isReplayed(id)) return
  if (role !== 'user' && role !== 'assistant') return
  const parts = contentParts(item)
  const text = parts.map((part) => stringField(part, 'text') || stringField(part, 'transcript')).join('')
  // A picture without words, and a spoken turn without transcription, never get a text, so they get no entry either.
  if (role === 'user' && !text && (!transcribed || parts.some((part) => part['type'] === 'input_image')))
    return
  const afterId = stringField(event, 'previous_item_id') || null
  yield {
    type: 'transcript',
    id,
    role,
    ...(text && { text }),
    final: role === 'user' && text !== '',
    afterId,
  }
}
