/** Compiled, never run: what must and what must not type-check. */
import {
  type CommandOf,
  type DetailOf,
  OpenAIRealtime,
  type OwnCommandOf,
  type UpdateOf,
} from '../../src/index.ts'

new OpenAIRealtime()
new OpenAIRealtime({ turnDetection: { type: 'server_vad', threshold: 0.6, idleTimeoutMs: null } })
new OpenAIRealtime({ turnDetection: { type: 'semantic_vad', eagerness: 'low', createResponse: false } })
new OpenAIRealtime({ turnDetection: null, voice: { id: 'voice_1' }, outputEncoding: 'alaw' })
new OpenAIRealtime({ modality: 'text', model: 'gpt-realtime-2.1', instructions: 'Be brief' })
new OpenAIRealtime({ kind: 'transcription', transcription: { model: 'gpt-transcribe' }, turnDetection: null })
new OpenAIRealtime({ callId: 'rtc_1', instructions: 'Be brief' })

// @ts-expect-error Silence is not what this detection waits for
new OpenAIRealtime({ turnDetection: { type: 'semantic_vad', silenceDurationMs: 300 } })
// @ts-expect-error There is no such detection
new OpenAIRealtime({ turnDetection: { type: 'vad' } })
// @ts-expect-error Text has no voice
new OpenAIRealtime({ modality: 'text', voice: 'marin' })
// @ts-expect-error Nor a format
new OpenAIRealtime({ modality: 'text', outputEncoding: 'mulaw' })
// @ts-expect-error A call has its model
new OpenAIRealtime({ callId: 'rtc_1', model: 'gpt-realtime-2.1' })
// @ts-expect-error Nobody answers
new OpenAIRealtime({ kind: 'transcription', instructions: 'Be brief' })
// @ts-expect-error Nor greets
new OpenAIRealtime({ kind: 'transcription', greeting: 'Hello!' })
// @ts-expect-error The model is that of the transcription
new OpenAIRealtime({ kind: 'transcription', model: 'gpt-realtime-2.1' })
// @ts-expect-error There are three encodings
new OpenAIRealtime({ inputEncoding: 'opus' })
// @ts-expect-error An unknown option is a typing mistake
new OpenAIRealtime({ instruction: 'Be brief' })

type Own = OwnCommandOf<OpenAIRealtime>
const own: Own = { type: 'retrieve-item', itemId: 'item_1' }
// @ts-expect-error Every provider knows this one
const common: Own = { type: 'text', text: 'Hi' }
// @ts-expect-error An item has a name
const nameless: CommandOf<OpenAIRealtime> = { type: 'delete-item' }
const update: UpdateOf<OpenAIRealtime> = { speed: 1.2, toolChoice: 'none', turnDetection: null }
// @ts-expect-error It is fixed with the connection
const model: UpdateOf<OpenAIRealtime> = { model: 'gpt-realtime-2.1' }
export const values = [own, common, nameless, update, model]

export function limits(detail: DetailOf<OpenAIRealtime>): number[] {
  // @ts-expect-error There is no such detail
  if (detail.name === 'rate_limits.updated') return []
  return detail.name === 'rate-limits-updated' ? detail.rateLimits.map(({ remaining }) => remaining) : []
}
