import type { AudioEncoding, AudioFormat } from '../audio/audio-format.ts'
import { isObject, type JsonObject } from '../util/json.ts'
import { toWire } from './openai-names.ts'
import type { OpenAIRealtimeUpdate } from './openai-options.ts'

/** Options and updates, whatever their kind. */
export interface SessionConfig extends OpenAIRealtimeUpdate {
  readonly kind?: 'conversation' | 'transcription' | undefined
  readonly modality?: 'audio' | 'text' | undefined
  readonly inputEncoding?: AudioEncoding | undefined
  readonly outputEncoding?: AudioEncoding | undefined
  readonly callId?: string | undefined
  readonly model?: string | undefined
}

/** The API's names for ways to write sound. 16-bit PCM of 24 kHz is its only linear one. */
const FORMATS: Readonly<Record<AudioEncoding, JsonObject>> = {
  pcm16: { type: 'audio/pcm', rate: 24_000 },
  mulaw: { type: 'audio/pcmu' },
  alaw: { type: 'audio/pcma' },
}

/** @throws {TypeError} If there is no such encoding. */
export function audioFormat(name: string, encoding: AudioEncoding = 'pcm16'): AudioFormat {
  const sampleRate = encoding === 'pcm16' ? 24_000 : 8000
  if (!FORMATS[encoding]) refuse(TypeError, name, 'pcm16, mulaw or alaw', encoding)
  return { encoding, sampleRate }
}

/**
 * @throws {RangeError} If a number is outside its range.
 * @throws {TypeError} If two options exclude each other.
 */
export function checkOptions({ callId, model, kind, speed = 1, maxOutputTokens }: SessionConfig): void {
  if (callId && (model || kind === 'transcription')) {
    refuse(TypeError, 'callId', 'without model and transcription', callId)
  }
  if (!(speed >= 0.25 && speed <= 1.5)) refuse(RangeError, 'speed', '0.25…1.5', speed)
  // `inf` is no number, and right.
  const tokens = Number(maxOutputTokens ?? 1)
  if (tokens < 1 || tokens > 4096) refuse(RangeError, 'maxOutputTokens', '1…4096 or inf', tokens)
}

function refuse(Kind: ErrorConstructor, name: string, must: string, value: unknown): never {
  throw new Kind(`Cannot use OpenAIRealtime as ${name} must be ${must}: current value is ${value}`)
}

/** @returns The whole session object for a new connection. */
export function wholeSession(config: SessionConfig): JsonObject {
  const { kind, modality, callId } = config
  // A call has its settings already, and some of them can no longer change.
  if (callId) return sessionFields(config)
  const listening: SessionConfig = {
    inputEncoding: 'pcm16',
    transcription: { model: 'gpt-4o-mini-transcribe' },
    turnDetection: { type: 'server_vad' },
  }
  const speaking: SessionConfig = { modality: 'audio', outputEncoding: 'pcm16', voice: 'marin' }
  const silent = kind === 'transcription' || modality === 'text'
  return sessionFields(merged(silent ? listening : { ...listening, ...speaking }, config))
}

/** @returns The session object with those fields alone that the configuration has. */
export function sessionFields(config: SessionConfig): JsonObject {
  const { kind, modality, instructions, toolChoice, parallelToolCalls, reasoningEffort, maxOutputTokens } =
    config
  const { truncation, include, prompt, tracing, tools, mcpServers, session = {} } = config
  const { transcription, turnDetection, noiseReduction, inputEncoding, outputEncoding, voice, speed } = config
  const functions = tools?.map(({ name, description, parameters }) => ({
    type: 'function',
    name,
    description,
    parameters,
  }))
  const servers = mcpServers?.map((server) => ({ type: 'mcp', ...server }))
  const fields = {
    type: kind === 'transcription' ? kind : 'realtime',
    outputModalities: modality && [modality],
    instructions,
    tools: functions || servers ? [...(functions ?? []), ...(servers ?? [])] : undefined,
    toolChoice,
    parallelToolCalls,
    reasoning: { effort: reasoningEffort },
    maxOutputTokens,
    truncation,
    include,
    prompt,
    tracing,
    audio: {
      input: {
        format: inputEncoding && FORMATS[inputEncoding],
        transcription,
        turnDetection,
        noiseReduction,
      },
      output: { format: outputEncoding && FORMATS[outputEncoding], voice, speed },
    },
  }
  return merged(toWire(fields), session)
}

/** @returns The first with the fields of the second, which win; only `session` and the groups of `audio` are joined. */
export function merged<T extends object>(first: T, second: object): T {
  const result = { ...first } as Record<string, unknown>
  for (const [name, value] of Object.entries(second)) {
    const old = result[name]
    const group = /^(session|audio|input|output)$/.test(name) && isObject(old) && isObject(value)
    if (value !== undefined) result[name] = group ? merged(old, value) : value
  }
  return result as T
}
