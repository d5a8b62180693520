import type { JsonObject } from '../util/json.ts'
import { fromWire } from './openai-names.ts'
import type { ProviderDetail } from './provider.ts'

/** Where in an answer something belongs. */
interface Place {
  readonly responseId: string
  readonly itemId: string
  readonly outputIndex: number
}

interface PartPlace extends Place {
  readonly contentIndex: number
}

/** How sure the model was of a piece of text. */
export interface OpenAILogprob {
  readonly token: string
  readonly logprob: number
  readonly bytes: readonly number[]
}

/**
 * What OpenAI tells and others do not. Names follow those of the API's events, fields are theirs in camelCase;
 * items, parts and responses too.
 */
export type OpenAIRealtimeDetail =
  | {
      readonly name: 'rate-limits-updated'
      readonly rateLimits: readonly {
        readonly name: 'requests' | 'tokens'
        readonly limit: number
        readonly remaining: number
        readonly resetSeconds: number
      }[]
    }
  /** Nobody spoke for `idleTimeoutMs`: an empty turn follows, and an answer. */
  | {
      readonly name: 'input-timeout-triggered'
      readonly itemId: string
      readonly audioStartMs: number
      readonly audioEndMs: number
    }
  | { readonly name: 'input-cleared' }
  | { readonly name: 'input-committed'; readonly itemId: string; readonly previousItemId?: string | null }
  /** A key of the telephone; `receivedAt` in s since the epoch. */
  | { readonly name: 'input-dtmf-event-received'; readonly event: string; readonly receivedAt: number }
  | { readonly name: 'item-deleted'; readonly itemId: string }
  | { readonly name: 'item-retrieved'; readonly item: JsonObject }
  | {
      readonly name: 'item-truncated'
      readonly itemId: string
      readonly contentIndex: number
      readonly audioEndMs: number
    }
  /** An item of MCP is complete: `mcp_list_tools`, `mcp_call`, `mcp_approval_request` or `mcp_approval_response`. */
  | { readonly name: 'item-done'; readonly item: JsonObject; readonly previousItemId?: string | null }
  /** Who said what; `start` and `end` in s. */
  | {
      readonly name: 'transcription-segment'
      readonly id: string
      readonly itemId: string
      readonly contentIndex: number
      readonly speaker: string
      readonly start: number
      readonly end: number
      readonly text: string
    }
  /** Where there are `logprobs`. */
  | {
      readonly name: 'transcription-delta'
      readonly itemId: string
      readonly contentIndex?: number
      readonly delta?: string
      readonly logprobs: readonly OpenAILogprob[]
    }
  /** Where there are `logprobs` or `languages`. */
  | {
      readonly name: 'transcription-completed'
      readonly itemId: string
      readonly contentIndex: number
      readonly transcript: string
      readonly logprobs?: readonly OpenAILogprob[] | null
      readonly languages?: readonly JsonObject[]
    }
  | {
      readonly name: 'mcp-list-tools-in-progress' | 'mcp-list-tools-completed' | 'mcp-list-tools-failed'
      readonly itemId: string
    }
  | {
      readonly name:
        | 'response-mcp-call-in-progress'
        | 'response-mcp-call-completed'
        | 'response-mcp-call-failed'
      readonly itemId: string
      readonly outputIndex: number
    }
  | ({ readonly name: 'response-mcp-call-arguments-delta'; readonly delta: string } & Place)
  | ({ readonly name: 'response-mcp-call-arguments-done'; readonly arguments: string } & Place)
  // All that follows is of responses outside the conversation.
  | { readonly name: 'response-created' | 'response-done'; readonly response: JsonObject }
  | {
      readonly name: 'response-output-item-added' | 'response-output-item-done'
      readonly responseId: string
      readonly outputIndex: number
      readonly item: JsonObject
    }
  | ({
      readonly name: 'response-content-part-added' | 'response-content-part-done'
      readonly part: JsonObject
    } & PartPlace)
  /** `delta` of `response-output-audio-delta` is base64. */
  | ({
      readonly name:
        | 'response-output-text-delta'
        | 'response-output-audio-delta'
        | 'response-output-audio-transcript-delta'
      readonly delta: string
    } & PartPlace)
  | ({ readonly name: 'response-output-text-done'; readonly text: string } & PartPlace)
  | ({ readonly name: 'response-output-audio-done' } & PartPlace)
  | ({ readonly name: 'response-output-audio-transcript-done'; readonly transcript: string } & PartPlace)
  | ({
      readonly name: 'response-function-call-arguments-delta'
      readonly callId: string
      readonly delta: string
    } & Place)
  | ({
      readonly name: 'response-function-call-arguments-done'
      readonly callId: string
      readonly arguments: string
    } & Place)

/** Events that have no word of their own at the seam. */
const DETAILS =
  /^(rate_limits|mcp_|response\.mcp_|conversation\.item\.(deleted|retrieved|truncated|.*segment)|input_audio_buffer\.(timeout|cleared|committed|dtmf))/

export function isDetail(type: string): boolean {
  return DETAILS.test(type)
}

/** @returns A server's event as it is, in the words of this library. */
export function detail(event: JsonObject): { type: 'detail'; detail: OpenAIRealtimeDetail } {
  const { type, event_id: _, ...fields } = event as { type: string; event_id?: unknown }
  const name = type
    .replace(/^conversation\.|item\.input_audio_(?=t)|audio_buffer\./g, '')
    .replace(/\W|_/g, '-')
  const own: ProviderDetail = { ...fromWire(fields), name }
  return { type: 'detail', detail: own as OpenAIRealtimeDetail }
}
