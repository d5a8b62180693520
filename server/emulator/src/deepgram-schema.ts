import {
  anyOf,
  anything,
  array,
  boolean,
  type Issue,
  nullable,
  number,
  object,
  oneOf,
  record,
  type Schema,
  string,
  tagged,
} from './schema.ts'

const text = string()
const filled = string({ min: 1 })
const rate = number({ integer: true, min: 8000, max: 96000 })

const INPUT_ENCODINGS = [
  ...[
    'linear16',
    'linear32',
    'flac',
    'alaw',
    'mulaw',
    'amr-nb',
    'amr-wb',
    'opus',
    'ogg-opus',
    'speex',
    'g729',
  ],
]
const OUTPUT_ENCODINGS = ['linear16', 'mulaw', 'alaw', 'mp3', 'opus', 'flac', 'aac']
/** The rates that each encoding of the agent's voice can have. */
const OUTPUT_RATES: Readonly<Record<string, readonly number[]>> = {
  linear16: [8000, 16000, 24000, 32000, 48000],
  mulaw: [8000, 16000],
  alaw: [8000, 16000],
}

const audioOutput: Schema = (value, path) => {
  const wrong = object(
    {},
    {
      encoding: oneOf(...OUTPUT_ENCODINGS),
      sample_rate: rate,
      bitrate: number({ integer: true, min: 1 }),
      container: oneOf('none', 'wav', 'ogg'),
    },
  )(value, path)
  if (wrong) return wrong
  const { encoding = 'linear16', sample_rate } = value as { encoding?: string; sample_rate?: number }
  const rates = OUTPUT_RATES[encoding]
  if (!rates || sample_rate === undefined) return null
  return oneOf(...rates)(sample_rate, `${path}.sample_rate`)
}

const listenV1 = object(
  { type: oneOf('deepgram') },
  { version: oneOf('v1'), model: filled, language: filled, keyterms: array(text), smart_format: boolean },
)
const listenV2 = object(
  {
    type: oneOf('deepgram'),
    version: oneOf('v2'),
    model: oneOf('flux-general-en', 'flux-general-multi'),
  },
  {
    language_hints: array(text),
    language_hint: anyOf(text, array(text)),
    eot_threshold: number({ min: 0.5, max: 1 }),
    eager_eot_threshold: number({ min: 0.3, max: 0.9 }),
    eot_timeout_ms: number({ integer: true, min: 500, max: 60_000 }),
    keyterms: array(text),
  },
)

/** Flux is only served by version 2; asked for without it, it fails. */
const listenProvider: Schema = (value, path) => {
  const { version, model } = (value ?? {}) as { version?: unknown; model?: unknown }
  if (version === 'v2') return listenV2(value, path)
  const wrong = listenV1(value, path)
  if (wrong || !String(model ?? '').startsWith('flux-')) return wrong
  return { kind: 'missing', path: `${path}.version`, expected: "'v2' for a Flux model", value: version }
}

const endpoint = object({}, { url: filled, headers: record(text) })
const temperature = number({ min: 0, max: 2 })
const reasoningMode = oneOf('none', 'minimal', 'low', 'medium', 'high')
const managed = (extra: Readonly<Record<string, Schema>> = {}) =>
  object({ type: text, model: filled }, { version: filled, temperature, ...extra })

const credentials = object(
  {},
  {
    type: oneOf('sts', 'iam'),
    region: text,
    access_key_id: text,
    secret_access_key: text,
    session_token: text,
  },
)

const thinkProvider = tagged('type', {
  open_ai: managed({ reasoning_mode: reasoningMode }),
  anthropic: managed(),
  google: managed(),
  nvidia: managed(),
  groq: managed({ reasoning_mode: reasoningMode }),
  aws_bedrock: managed({ credentials }),
})

const functionDefinition = object(
  { name: string({ min: 1, max: 64, pattern: /^[\w-]+$/ }) },
  {
    description: text,
    parameters: record(anything),
    defer_until_eot: boolean,
    endpoint: object({}, { url: filled, method: text, headers: record(text) }),
  },
)

const thinkOne: Schema = (value, path) => {
  const wrong = object(
    { provider: thinkProvider },
    {
      endpoint,
      functions: array(functionDefinition),
      prompt: text,
      context_length: anyOf(oneOf('max'), number({ integer: true, min: 1 })),
    },
  )(value, path)
  if (wrong) return wrong
  const { provider, endpoint: own } = value as { provider: { type: string }; endpoint?: unknown }
  const needsEndpoint = provider.type === 'groq' || provider.type === 'aws_bedrock'
  if (!needsEndpoint || own !== undefined) return null
  return { kind: 'missing', path: `${path}.endpoint`, expected: `present for ${provider.type}`, value: own }
}

const speakOne = object(
  {
    provider: tagged('type', {
      deepgram: object(
        { type: text, model: string({ pattern: /^(aura|flux)-/ }) },
        { version: text, speed: number({ min: 0.5, max: 2 }), expressivity: number({ min: 0, max: 2 }) },
      ),
      eleven_labs: object(
        { type: text, model_id: filled },
        { version: text, language: text, language_code: text },
      ),
      cartesia: object(
        { type: text, model_id: filled, voice: object({ mode: filled, id: filled }) },
        { version: text, language: text, volume: number({ min: 0 }) },
      ),
      open_ai: object({ type: text, model: filled, voice: filled }, { version: text }),
      aws_polly: object(
        { type: text, voice: filled, language: filled, engine: filled, credentials },
        { language_code: text },
      ),
    }),
  },
  { endpoint },
)

/** `think` and `speak` may be a chain: the next is asked when one fails. */
const chain = (one: Schema): Schema => {
  const many = array(one, { min: 1 })
  return (value, path) => (Array.isArray(value) ? many(value, path) : one(value, path))
}

/** One earlier utterance, or calls that were made; what `History` messages say too. */
const historyMessage: Schema = (value, path) => {
  const calls = typeof value === 'object' && value !== null && 'function_calls' in value
  return (calls ? historyCalls : historyText)(value, path)
}
const historyText = object({ type: oneOf('History'), role: oneOf('user', 'assistant'), content: text })
const historyCalls = object({
  type: oneOf('History'),
  function_calls: array(
    object(
      { id: text, name: text, client_side: boolean, arguments: text, response: text },
      { thought_signature: nullable(text) },
    ),
  ),
})

/** The `agent` of a Settings message, where it is not the UUID of a stored one. */
export const agentSettings = object(
  {},
  {
    language: filled,
    context: object({}, { messages: array(historyMessage) }),
    listen: object({}, { provider: listenProvider }),
    think: chain(thinkOne),
    speak: chain(speakOne),
    greeting: text,
  },
)

const agent: Schema = (value, path) => (typeof value === 'string' ? null : agentSettings(value, path))

/** A Settings message: its audio, its agent, and nothing that is not in the table. */
export const settings: Schema = (value, path) =>
  object(
    {
      type: text,
      audio: object(
        {},
        {
          input: object({ encoding: oneOf(...INPUT_ENCODINGS), sample_rate: rate }),
          output: audioOutput,
        },
      ),
      agent,
    },
    {
      tags: array(text),
      experimental: boolean,
      flags: object({}, { history: boolean }),
      mip_opt_out: boolean,
    },
  )(value, path) ?? fluxVoice(value as FluxVoiceSettings, path)

interface FluxVoiceSettings {
  readonly audio: { readonly output?: { readonly encoding?: string; readonly container?: string } }
  readonly agent: string | { readonly speak?: unknown }
}

/** Flux voices, the default among them, come as bare samples only. */
function fluxVoice({ audio: { output = {} }, agent: given }: FluxVoiceSettings, path: string): Issue | null {
  if (typeof given === 'string') return null
  const first = Array.isArray(given.speak) ? given.speak[0] : given.speak
  const model: unknown = first === undefined ? 'flux-kit-en' : first.provider.model
  if (!String(model ?? '').startsWith('flux-')) return null
  const at = `${path}${path ? '.' : ''}audio.output`
  return (
    oneOf('linear16', 'mulaw', 'alaw')(output.encoding ?? 'linear16', `${at}.encoding`) ??
    oneOf('none')(output.container ?? 'none', `${at}.container`)
  )
}

const message = (
  required: Readonly<Record<string, Schema>> = {},
  optional: Readonly<Record<string, Schema>> = {},
) => object({ type: text, ...required }, optional)

/** Every message that a client may send after Settings, by its `type`. */
export const clientMessages: Readonly<Record<string, Schema>> = {
  Settings: anything,
  UpdateListen: message({ listen: object({ provider: listenProvider }) }),
  UpdateThink: message({ think: chain(thinkOne) }),
  UpdateSpeak: message({ speak: chain(speakOne) }),
  UpdatePrompt: message({ prompt: text }),
  InjectUserMessage: message({ content: text }),
  InjectAgentMessage: message({ message: text }, { behavior: oneOf('default', 'queue', 'interrupt') }),
  FunctionCallResponse: message(
    { name: text, content: text },
    { id: text, thought_signature: nullable(text) },
  ),
  ForceEndTurn: message(),
  KeepAlive: message(),
  __customToThinkProvider: message({ content: anything }),
}
/** Judges a client message by its `type`. */
export const clientMessage: Schema = tagged('type', clientMessages)

/** The body of `POST /v1/auth/grant`; `ttl` is taken and ignored. */
export const grantRequest: Schema = object(
  {},
  { ttl_seconds: number({ integer: true, min: 1, max: 3600 }), ttl: anything },
)

/** What is wrong, in a sentence that names the field. */
export function sayIssue({ kind, path, expected, value }: Issue): string {
  switch (kind) {
    case 'missing':
      return `Field '${path}' is missing: it must be ${expected}`
    case 'unknown':
      return `Field '${path}' is unknown`
    case 'type':
    case 'value':
      return `Field '${path}' must be ${expected}: current value is ${JSON.stringify(value)?.slice(0, 64)}`
  }
}
