import {
  anyOf,
  anything,
  array,
  boolean,
  isObject,
  nullable,
  number,
  object,
  oneOf,
  record,
  type Schema,
  string,
  tagged,
} from './schema.ts'

/** 15 MiB of sound, in characters of base64. */
const MAX_AUDIO_CHARACTERS = Math.ceil((15 * 1024 * 1024) / 3) * 4

const text = string()
const name = string({ min: 1, max: 64, pattern: /^[\w-]+$/ })
const positive = number({ integer: true, min: 1 })

/** Strict base64: whole groups of four, padded, no line breaks. */
const base64 = string({
  max: MAX_AUDIO_CHARACTERS,
  pattern: /^(?:[A-Za-z\d+/]{4})*(?:[A-Za-z\d+/]{2}==|[A-Za-z\d+/]{3}=)?$/,
})

const format = tagged('type', {
  'audio/pcm': object({ type: text }, { rate: oneOf(24000) }),
  'audio/pcmu': object({ type: text }),
  'audio/pcma': object({ type: text }),
})

const turnDetection = tagged('type', {
  server_vad: object(
    { type: text },
    {
      threshold: number({ min: 0, max: 1 }),
      prefix_padding_ms: number({ integer: true, min: 0 }),
      silence_duration_ms: number({ integer: true, min: 0 }),
      idle_timeout_ms: nullable(positive),
      create_response: boolean,
      interrupt_response: boolean,
    },
  ),
  semantic_vad: object(
    { type: text },
    {
      eagerness: oneOf('low', 'medium', 'high', 'auto'),
      create_response: boolean,
      interrupt_response: boolean,
    },
  ),
})

const transcription = object(
  {},
  {
    model: text,
    language: text,
    languages: array(text),
    prompt: text,
    keywords: array(text),
    delay: oneOf('minimal', 'low', 'medium', 'high', 'xhigh'),
  },
)

const audioInput = object(
  {},
  {
    format,
    noise_reduction: nullable(
      object({ type: oneOf('near_field', 'far_field') }, { strength: number({ min: 0, max: 1 }) }),
    ),
    transcription: nullable(transcription),
    turn_detection: nullable(turnDetection),
  },
)

const VOICES = ['alloy', 'ash', 'ballad', 'coral', 'echo', 'sage', 'shimmer', 'verse', 'marin', 'cedar']
const voice = anyOf(oneOf(...VOICES), object({ id: string({ pattern: /^voice_/ }) }))

const toolFilter = object({}, { read_only: boolean, tool_names: array(text) })

const tool = tagged('type', {
  function: object({ type: text, name }, { description: text, parameters: record(anything) }),
  mcp: object(
    { type: text, server_label: text },
    {
      allowed_callers: nullable(array(oneOf('direct', 'programmatic'))),
      allowed_tools: nullable(anyOf(array(text), toolFilter)),
      authorization: text,
      connector_id: string({ pattern: /^connector_/ }),
      defer_loading: boolean,
      headers: nullable(record(text)),
      require_approval: nullable(
        anyOf(oneOf('always', 'never'), object({}, { always: toolFilter, never: toolFilter })),
      ),
      server_description: text,
      server_url: text,
      tunnel_id: text,
    },
  ),
})

const toolChoice = anyOf(
  oneOf('auto', 'none', 'required'),
  tagged('type', {
    function: object({ type: text, name: text }),
    mcp: object({ type: text, server_label: text }, { name: nullable(text) }),
  }),
)

const modalities: Schema = (value, path) => {
  const wrong = array(oneOf('text', 'audio'), { min: 1 })(value, path)
  if (wrong || (value as unknown[]).length === 1) return wrong
  return { kind: 'value', path, expected: "['text'], ['audio']", value }
}

const reasoning = object({}, { effort: oneOf('minimal', 'low', 'medium', 'high', 'xhigh') })
const maxOutputTokens = anyOf(oneOf('inf'), number({ integer: true, min: 1, max: 4096 }))
const prompt = nullable(
  object({ id: text }, { version: nullable(text), variables: nullable(record(anything)) }),
)
const tracing = nullable(
  anyOf(oneOf('auto'), object({}, { workflow_name: text, group_id: text, metadata: anything })),
)
const truncation = anyOf(
  oneOf('auto', 'disabled'),
  object(
    { type: oneOf('retention_ratio'), retention_ratio: number({ min: 0, max: 1 }) },
    { token_limits: object({}, { post_instructions: number({ integer: true, min: 0 }) }) },
  ),
)
const include = nullable(array(oneOf('item.input_audio_transcription.logprobs')))

/** `session.update.session` and the session of a client secret. */
export const session: Schema = tagged('type', {
  realtime: object(
    { type: text },
    {
      model: text,
      output_modalities: modalities,
      instructions: text,
      audio: object(
        {},
        {
          input: audioInput,
          output: object({}, { format, voice, speed: number({ min: 0.25, max: 1.5 }) }),
        },
      ),
      tools: array(tool, { max: 128 }),
      tool_choice: toolChoice,
      parallel_tool_calls: boolean,
      reasoning,
      max_output_tokens: maxOutputTokens,
      truncation,
      include,
      prompt,
      tracing,
    },
  ),
  transcription: object({ type: text }, { audio: object({}, { input: audioInput }), include }),
})

const itemBase = { id: string({ min: 1 }), object: oneOf('realtime.item') }
const status = { status: oneOf('completed', 'incomplete', 'in_progress') }
const inputText = object({ type: text, text })

const message = tagged('role', {
  system: object(
    { type: text, role: text, content: array(tagged('type', { input_text: inputText })) },
    { ...itemBase, ...status },
  ),
  user: object(
    {
      type: text,
      role: text,
      content: array(
        tagged('type', {
          input_text: inputText,
          input_audio: object({ type: text, audio: base64 }, { transcript: nullable(text) }),
          input_image: object(
            { type: text, image_url: string({ pattern: /^data:/ }) },
            { detail: oneOf('auto', 'low', 'high') },
          ),
        }),
      ),
    },
    { ...itemBase, ...status },
  ),
  assistant: object(
    { type: text, role: text, content: array(tagged('type', { output_text: inputText })) },
    { ...itemBase, ...status },
  ),
})

const items: Readonly<Record<string, Schema>> = {
  message,
  function_call: object(
    { type: text, name: text, arguments: text },
    { ...itemBase, ...status, call_id: text },
  ),
  function_call_output: object({ type: text, call_id: text, output: text }, { ...itemBase, ...status }),
  mcp_approval_response: object(
    { type: text, approval_request_id: text, approve: boolean },
    { ...itemBase, reason: nullable(text) },
  ),
}

const response = object(
  {},
  {
    instructions: text,
    tools: array(tool, { max: 128 }),
    tool_choice: toolChoice,
    output_modalities: modalities,
    audio: object({}, { output: object({}, { format, voice }) }),
    max_output_tokens: maxOutputTokens,
    metadata: nullable(metadata()),
    conversation: oneOf('auto', 'none'),
    input: array(tagged('type', { ...items, item_reference: object({ type: text, id: text }) })),
    parallel_tool_calls: boolean,
    reasoning,
    prompt,
  },
)

function metadata(): Schema {
  const values = record(string({ max: 512 }), { max: 16 })
  return (value, path) => {
    const wrong = values(value, path)
    const key = !wrong && isObject(value) && Object.keys(value).find((candidate) => candidate.length > 64)
    if (!key) return wrong
    return { kind: 'value', path, expected: 'keys of at most 64 characters', value: key }
  }
}

const event = (
  required: Readonly<Record<string, Schema>> = {},
  optional: Readonly<Record<string, Schema>> = {},
) => object({ type: text, ...required }, { event_id: string({ max: 512 }), ...optional })

/** Every event that a client may send, by its `type`. */
export const clientEvents: Readonly<Record<string, Schema>> = {
  'session.update': event({ session }),
  'input_audio_buffer.append': event({ audio: base64 }),
  'input_audio_buffer.clear': event(),
  'input_audio_buffer.commit': event(),
  'output_audio_buffer.clear': event(),
  'conversation.item.create': event({ item: tagged('type', items) }, { previous_item_id: nullable(text) }),
  'conversation.item.delete': event({ item_id: text }),
  'conversation.item.retrieve': event({ item_id: text }),
  'conversation.item.truncate': event({
    item_id: text,
    content_index: oneOf(0),
    audio_end_ms: number({ integer: true, min: 0 }),
  }),
  'response.create': event({}, { response }),
  'response.cancel': event({}, { response_id: text }),
}
/** Judges a client event: its `type` decides which table row applies. */
export const clientEvent: Schema = tagged('type', clientEvents)

/** The body of `POST /v1/realtime/client_secrets`. */
export const clientSecretRequest: Schema = object(
  {},
  {
    expires_after: object(
      {},
      { anchor: oneOf('created_at'), seconds: number({ integer: true, min: 10, max: 7200 }) },
    ),
    session,
  },
)
