import { isObject, type JsonObject, numberField, objectField } from '../util/json.ts'
import type { ProviderEvent, Usage } from './provider.ts'

/** @returns What an answer or a transcription cost; nothing where that is not told. */
export function* usage(source: Usage['source'], { usage }: JsonObject): Iterable<ProviderEvent<never>> {
  if (!isObject(usage)) return
  const input = objectField(usage, 'input_token_details')
  yield {
    type: 'usage',
    usage: {
      source,
      inputTokens: numberField(usage, 'input_tokens'),
      outputTokens: numberField(usage, 'output_tokens'),
      cachedTokens: numberField(input, 'cached_tokens'),
      inputAudioTokens: numberField(input, 'audio_tokens'),
      outputAudioTokens: numberField(objectField(usage, 'output_token_details'), 'audio_tokens'),
      seconds: numberField(usage, 'seconds'),
    },
  }
}
