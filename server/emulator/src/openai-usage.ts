import type { JsonObject } from './schema.ts'

/** Tokens by what they stand for. */
export interface TokenCount {
  text: number
  audio: number
  image: number
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
  const cached = {
    text: Math.min(read.text, input.text),
    audio: Math.min(read.audio, input.audio),
    image: Math.min(read.image, input.image),
  }
  const all = input.text + input.audio + input.image
  return {
    total_tokens: all + output.text + output.audio,
    input_tokens: all,
    output_tokens: output.text + output.audio,
    input_token_details: {
      text_tokens: input.text,
      audio_tokens: input.audio,
      image_tokens: input.image,
      cached_tokens: cached.text + cached.audio + cached.image,
      cached_tokens_details: {
        text_tokens: cached.text,
        audio_tokens: cached.audio,
        image_tokens: cached.image,
      },
    },
    output_token_details: { text_tokens: output.text, audio_tokens: output.audio },
  }
}
