import type { AudioFormat } from './audio-format.ts'
import { OpenAIError } from './openai-error.ts'
import type { Tool } from './reply.ts'
import { isObject, type JsonObject } from './schema.ts'

/** `audio/pcm` is 16-bit little-endian at 24 kHz, the others are G.711 at 8 kHz. */
export interface WireFormat {
  readonly type: 'audio/pcm' | 'audio/pcmu' | 'audio/pcma'
  readonly rate?: 24000
}

/** When the server takes a turn for over. */
export type TurnDetection =
  | {
      readonly type: 'server_vad'
      readonly threshold: number
      readonly prefix_padding_ms: number
      readonly silence_duration_ms: number
      readonly idle_timeout_ms: number | null
      readonly create_response: boolean
      readonly interrupt_response: boolean
    }
  | {
      readonly type: 'semantic_vad'
      readonly eagerness: 'low' | 'medium' | 'high' | 'auto'
      readonly create_response: boolean
      readonly interrupt_response: boolean
    }

/** The `audio.input` of a session. */
export interface InputConfig {
  readonly format: WireFormat
  readonly noise_reduction: JsonObject | null
  readonly transcription: { readonly model?: string } | null
  readonly turn_detection: TurnDetection | null
}

/** The `audio.output` of a session. */
export interface OutputConfig {
  readonly format: WireFormat
  readonly voice: string | { readonly id: string }
  readonly speed: number
}

/** The effective configuration of a session, as `session.created` and `session.updated` tell it. */
export interface SessionConfig extends JsonObject {
  readonly type: 'realtime' | 'transcription'
  readonly id: string
  readonly model?: string
  readonly output_modalities: readonly ('audio' | 'text')[]
  readonly instructions: string
  readonly tools: readonly JsonObject[]
  readonly tool_choice: unknown
  readonly parallel_tool_calls: boolean
  readonly include: readonly string[] | null
  readonly max_output_tokens: number | 'inf'
  readonly audio: { readonly input: InputConfig; readonly output: OutputConfig }
}

const PCM: WireFormat = { type: 'audio/pcm', rate: 24000 }
const SERVER_VAD: TurnDetection = {
  type: 'server_vad',
  threshold: 0.5,
  prefix_padding_ms: 300,
  silence_duration_ms: 500,
  idle_timeout_ms: null,
  create_response: true,
  interrupt_response: true,
}
const SEMANTIC_VAD: TurnDetection = {
  type: 'semantic_vad',
  eagerness: 'auto',
  create_response: true,
  interrupt_response: true,
}
const INSTRUCTIONS = 'You are a helpful voice assistant. Answer briefly.'

/** The configuration of a new session. */
export function defaultConfig(
  type: SessionConfig['type'],
  { id, model, expiresAt }: { id: string; model: string | null; expiresAt: number },
): SessionConfig {
  const input = { format: PCM, noise_reduction: null, transcription: null, turn_detection: SERVER_VAD }
  const output = { format: PCM, voice: 'marin', speed: 1 }
  return {
    type,
    object: type === 'realtime' ? 'realtime.session' : 'realtime.transcription_session',
    id,
    ...(model ? { model } : {}),
    output_modalities: ['audio'],
    instructions: INSTRUCTIONS,
    tools: [],
    tool_choice: 'auto',
    parallel_tool_calls: true,
    max_output_tokens: 'inf',
    truncation: 'auto',
    prompt: null,
    tracing: null,
    include: null,
    expires_at: expiresAt,
    audio: { input, output },
  }
}

/** What of a configuration is shown: a transcription session has no voice, tools or instructions. */
export function shownConfig(config: SessionConfig): JsonObject {
  if (config.type === 'realtime') return config
  const { type, object, id, include, expires_at, audio } = config
  return { type, object, id, include, expires_at, audio: { input: audio.input } }
}

/**
 * Applies a valid partial update: what it names changes, everything else stays.
 *
 * @throws {OpenAIError} If it changes the kind of session or its model.
 */
export function mergeConfig(config: SessionConfig, update: JsonObject): SessionConfig {
  if (update['type'] !== config.type) {
    const kinds = `a ${update['type']} update to a ${config.type} session`
    throw new OpenAIError('invalid_value', `Passing ${kinds} is not allowed.`, 'session.type')
  }
  if (update['model'] !== undefined && update['model'] !== config.model) {
    throw new OpenAIError('invalid_value', 'The model of a session cannot be changed.', 'session.model')
  }
  const audio = isObject(update['audio']) ? update['audio'] : {}
  const merged: SessionConfig = {
    ...config,
    ...update,
    audio: {
      input: mergeInput(config.audio.input, isObject(audio['input']) ? audio['input'] : {}),
      output: {
        ...config.audio.output,
        ...normalizeFormat(isObject(audio['output']) ? audio['output'] : {}),
      },
    },
  } as SessionConfig
  checkTranscriptionModel(merged.audio.input)
  return merged
}

function mergeInput(current: InputConfig, update: JsonObject): InputConfig {
  const merged = { ...current, ...normalizeFormat(update) } as InputConfig
  const transcription = update['transcription']
  const detection = update['turn_detection']
  return {
    ...merged,
    ...(isObject(transcription)
      ? { transcription: { ...(current.transcription ?? {}), ...transcription } }
      : {}),
    ...(isObject(detection) ? { turn_detection: completeDetection(current.turn_detection, detection) } : {}),
  } as InputConfig
}

/** Fields that an update leaves out keep their value, or take the default when the kind of detection changes. */
function completeDetection(current: TurnDetection | null, update: JsonObject): TurnDetection {
  const defaults = update['type'] === 'server_vad' ? SERVER_VAD : SEMANTIC_VAD
  const base = current?.type === update['type'] ? current : defaults
  return { ...base, ...update } as TurnDetection
}

function normalizeFormat(part: JsonObject): JsonObject {
  const format = part['format']
  return isObject(format) && format['type'] === 'audio/pcm' ? { ...part, format: PCM } : part
}

function checkTranscriptionModel({ transcription, turn_detection }: InputConfig): void {
  if (transcription?.model !== 'gpt-realtime-whisper' || turn_detection === null) return
  const message = "Turn detection must be null with the transcription model 'gpt-realtime-whisper'."
  throw new OpenAIError('invalid_value', message, 'session.audio.input.turn_detection')
}

/** How a wire format is written as bytes. */
export function audioFormatOf({ type }: WireFormat): AudioFormat {
  switch (type) {
    case 'audio/pcm':
      return { encoding: 'linear16', sampleRate: 24000 }
    case 'audio/pcmu':
      return { encoding: 'mulaw', sampleRate: 8000 }
    case 'audio/pcma':
      return { encoding: 'alaw', sampleRate: 8000 }
  }
}

/** The silence that ends a turn and the padding before it, for either kind of detection. */
export function detectionTimes(detection: TurnDetection): {
  threshold: number
  silenceMs: number
  paddingMs: number
} {
  if (detection.type === 'server_vad') {
    const { threshold, silence_duration_ms, prefix_padding_ms } = detection
    return { threshold, silenceMs: silence_duration_ms, paddingMs: prefix_padding_ms }
  }
  // Semantic detection listens for the end of a thought, which silence can only approximate.
  const silenceMs = { low: 1600, medium: 800, auto: 800, high: 400 }[detection.eagerness]
  return { threshold: 0.5, silenceMs, paddingMs: 300 }
}

/** The function tools of a list, as an answer is thought of with them. */
export function functionTools(tools: readonly JsonObject[]): Tool[] {
  return tools
    .filter(({ type }) => type === 'function')
    .map(({ name, description, parameters }) => ({
      name: String(name),
      description: String(description ?? ''),
      parameters: isObject(parameters) ? parameters : {},
    }))
}
