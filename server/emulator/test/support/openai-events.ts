/** The fields that every server event of OpenAI must have, and the JSON type of each. */
export const REQUIRED_FIELDS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'conversation.item.deleted': { event_id: 'string', item_id: 'string' },
  'conversation.item.input_audio_transcription.completed': {
    content_index: 'number',
    event_id: 'string',
    item_id: 'string',
    transcript: 'string',
    usage: 'object',
  },
  'conversation.item.input_audio_transcription.delta': { event_id: 'string', item_id: 'string' },
  'conversation.item.input_audio_transcription.failed': {
    content_index: 'number',
    error: 'object',
    event_id: 'string',
    item_id: 'string',
  },
  'conversation.item.retrieved': { event_id: 'string', item: 'object' },
  'conversation.item.truncated': {
    audio_end_ms: 'number',
    content_index: 'number',
    event_id: 'string',
    item_id: 'string',
  },
  error: { error: 'object', event_id: 'string' },
  'input_audio_buffer.cleared': { event_id: 'string' },
  'input_audio_buffer.committed': { event_id: 'string', item_id: 'string' },
  'input_audio_buffer.speech_started': { audio_start_ms: 'number', event_id: 'string', item_id: 'string' },
  'input_audio_buffer.speech_stopped': { audio_end_ms: 'number', event_id: 'string', item_id: 'string' },
  'rate_limits.updated': { event_id: 'string', rate_limits: 'array' },
  'response.output_audio.delta': {
    content_index: 'number',
    delta: 'string',
    event_id: 'string',
    item_id: 'string',
    output_index: 'number',
    response_id: 'string',
  },
  'response.output_audio.done': {
    content_index: 'number',
    event_id: 'string',
    item_id: 'string',
    output_index: 'number',
    response_id: 'string',
  },
  'response.output_audio_transcript.delta': {
    content_index: 'number',
    delta: 'string',
    event_id: 'string',
    item_id: 'string',
    output_index: 'number',
    response_id: 'string',
  },
  'response.output_audio_transcript.done': {
    content_index: 'number',
    event_id: 'string',
    item_id: 'string',
    output_index: 'number',
    response_id: 'string',
    transcript: 'string',
  },
  'response.content_part.added': {
    content_index: 'number',
    event_id: 'string',
    item_id: 'string',
    output_index: 'number',
    part: 'object',
    response_id: 'string',
  },
  'response.content_part.done': {
    content_index: 'number',
    event_id: 'string',
    item_id: 'string',
    output_index: 'number',
    part: 'object',
    response_id: 'string',
  },
  'response.created': { event_id: 'string', response: 'object' },
  'response.done': { event_id: 'string', response: 'object' },
  'response.function_call_arguments.delta': {
    call_id: 'string',
    delta: 'string',
    event_id: 'string',
    item_id: 'string',
    output_index: 'number',
    response_id: 'string',
  },
  'response.function_call_arguments.done': {
    arguments: 'string',
    call_id: 'string',
    event_id: 'string',
    item_id: 'string',
    name: 'string',
    output_index: 'number',
    response_id: 'string',
  },
  'response.output_item.added': {
    event_id: 'string',
    item: 'object',
    output_index: 'number',
    response_id: 'string',
  },
  'response.output_item.done': {
    event_id: 'string',
    item: 'object',
    output_index: 'number',
    response_id: 'string',
  },
  'response.output_text.delta': {
    content_index: 'number',
    delta: 'string',
    event_id: 'string',
    item_id: 'string',
    output_index: 'number',
    response_id: 'string',
  },
  'response.output_text.done': {
    content_index: 'number',
    event_id: 'string',
    item_id: 'string',
    output_index: 'number',
    response_id: 'string',
    text: 'string',
  },
  'session.created': { event_id: 'string', session: 'object' },
  'session.updated': { event_id: 'string', session: 'object' },
  'conversation.item.added': { event_id: 'string', item: 'object' },
  'conversation.item.done': { event_id: 'string', item: 'object' },
  'input_audio_buffer.timeout_triggered': {
    audio_end_ms: 'number',
    audio_start_ms: 'number',
    event_id: 'string',
    item_id: 'string',
  },
}

/** What is wrong with an event, or `null`. */
export function faultOf(event: Readonly<Record<string, unknown>>): string | null {
  const fields = REQUIRED_FIELDS[String(event['type'])]
  if (!fields) return `unknown event ${event['type']}`
  for (const [name, type] of Object.entries(fields)) {
    const value = event[name]
    const actual = Array.isArray(value) ? 'array' : typeof value
    if (value === null || actual !== type) return `${event['type']}.${name} is ${actual}`
  }
  return null
}
