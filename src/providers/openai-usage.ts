import { isObject, type JsonObject, objectField } from '../util/json.ts'
import type { ProviderEvent, Usage } from './provider.ts'

/** @returns What an answer or a transcription cost; nothing where that is not told. */
export function* usage(source: Usage['source'], { usage }: JsonObject): Iterable<ProviderEvent<never>> {
  if (!isObject(usage)) return
  const input = objectField(usage, 'input_token_details')
  yield {
    type: 'usage',
    usage: {
      source,
      inputTokens: number(usage, 'input_tokens'),
      outputTokens: number(usage, 'output_tokens'),
      cachedTokens: number(input, 'cached_tokens'),
      inputAudioTokens: number(input, 'audio_tokens'),
      outputAudioTokens: number(objectField(usage, 'output_token_details'), 'audio_tokens'),
      seconds: number(usage, 'seconds'),
    },
  }
}

function number(object: JsonObject, name: string): number {
  return Number(object[name] ?? 0)
}
