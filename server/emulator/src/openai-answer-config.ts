import type { SessionConfig, WireFormat } from './openai-config.ts'
import { isObject, type JsonObject } from './schema.ts'

/** The configuration of one answer: the session's, with what `response.create` overrides. */
export interface AnswerConfig {
  readonly modality: 'audio' | 'text'
  readonly format: WireFormat
  readonly voice: SessionConfig['audio']['output']['voice']
  readonly maxTokens: number | 'inf'
  readonly tools: readonly JsonObject[]
  readonly toolChoice: unknown
  /** Whether it may call several tools. */
  readonly parallel: boolean
  readonly instructions: string
}

/** @param params Overrides from `response.create`, already checked. */
export function answerConfig(session: SessionConfig, params: JsonObject): AnswerConfig {
  const audio = isObject(params['audio']) ? params['audio'] : {}
  const output = { ...session.audio.output, ...(isObject(audio['output']) ? audio['output'] : {}) }
  const modalities = (params['output_modalities'] ?? session.output_modalities) as ('audio' | 'text')[]
  return {
    modality: modalities[0] ?? 'audio',
    format: output.format,
    voice: output.voice,
    maxTokens: (params['max_output_tokens'] ?? session.max_output_tokens) as number | 'inf',
    tools: (params['tools'] ?? session.tools) as JsonObject[],
    toolChoice: params['tool_choice'] ?? session.tool_choice,
    parallel: (params['parallel_tool_calls'] ?? session.parallel_tool_calls) !== false,
    instructions: String(params['instructions'] ?? session.instructions),
  }
}
