import type { JsonObject } from './schema.ts'

/** Tokens by what they stand for. */
export interface TokenCount {
  text: number
  audio: number
}

/** What an answer was made of, in tokens. */
export interface AnswerTokens {
  /** The whole conversation, which is read again for every answer. */
  readonly input: Readonly<TokenCount>
  readonly output: Readonly<TokenCount>
  /** What was read for the answer before, and now comes from the cache at a discount. */
  readonly read: Readonly<TokenCount>
}

/** @returns The `usage` of a response, as `response.done` tells it. */
export function usageOf({ input, output, read }: AnswerTokens): JsonObject {
  const cached = { text: Math.min(read.text, input.text), audio: Math.min(read.audio, input.audio) }
  return {
    total_tokens: input.text + input.audio + output.text + output.audio,
    input_tokens: input.text + input.audio,
    output_tokens: output.text + output.audio,
    input_token_details: {
      text_tokens: input.text,
      audio_tokens: input.audio,
      image_tokens: 0,
      cached_tokens: cached.text + cached.audio,
      cached_tokens_details: { text_tokens: cached.text, audio_tokens: cached.audio, image_tokens: 0 },
    },
    output_token_details: { text_tokens: output.text, audio_tokens: output.audio },
  }
}
