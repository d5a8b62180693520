import type { AudioEncoding } from '../audio/audio-format.ts'
import type { JsonObject } from '../util/json.ts'
import type { SessionUpdate } from './provider.ts'

/** A voice by name, or one of the account's own by its id. Recommended: `marin`, `cedar`. */
export type OpenAIVoice =
  | 'alloy'
  | 'ash'
  | 'ballad'
  | 'cedar'
  | 'coral'
  | 'echo'
  | 'marin'
  | 'sage'
  | 'shimmer'
  | 'verse'
  | (string & {})
  | { readonly id: string }

/** What writes down the user's words. */
export interface OpenAITranscription {
  readonly model: string
  /** ISO 639-1, without a region. */
  readonly language?: string | undefined
  /** Languages to expect, where the model takes several. */
  readonly languages?: readonly string[]
  readonly prompt?: string
  readonly keywords?: readonly string[]
  /** How long a model that writes along may wait for more sound, such as `low`. */
  readonly delay?: string
}

interface TurnDetection {
  /** Whether the end of a turn is answered by itself; default true. */
  readonly createResponse?: boolean
  /** Whether speech interrupts the agent by itself; default true. */
  readonly interruptResponse?: boolean
}

/** A turn ends with silence. */
export interface OpenAIServerVad extends TurnDetection {
  readonly type: 'server_vad'
  /** How loud speech must be, 0…1; default 0.5. */
  readonly threshold?: number
  /** Sound kept from before speech began; default 300. */
  readonly prefixPaddingMs?: number
  /** Silence that ends a turn; default 500. */
  readonly silenceDurationMs?: number
  /** Silence after an answer that makes the agent speak again; default null, never. */
  readonly idleTimeoutMs?: number | null
}

/** A turn ends where the words say so. */
export interface OpenAISemanticVad extends TurnDetection {
  readonly type: 'semantic_vad'
  /** How soon the agent takes its turn: `low` waits up to 8 s, `medium` 4 s, `high` 2 s; default `auto`, as `medium`. */
  readonly eagerness?: 'low' | 'medium' | 'high' | 'auto'
}

/** Tools of a server that the provider calls by itself. */
export interface OpenAIMcpServer {
  readonly serverLabel: string
  /** Either this or `connectorId`. */
  readonly serverUrl?: string
  readonly connectorId?: string
  readonly serverDescription?: string
  readonly allowedTools?:
    | readonly string[]
    | { readonly toolNames?: readonly string[]; readonly readOnly?: boolean }
  readonly authorization?: string
  readonly headers?: Readonly<Record<string, string>>
  /** An item of type `mcp_approval_request` is answered by `create-item` with one of `mcp_approval_response`. */
  readonly requireApproval?: 'always' | 'never' | JsonObject
}

interface HearingConfig {
  /**
   * What writes down the user's words; null turns the user's transcript off.
   * Default `{ model: 'gpt-4o-mini-transcribe' }`.
   */
  readonly transcription?: OpenAITranscription | null
  /**
   * When a turn of the user ends, and whether speech interrupts; default `{ type: 'server_vad' }`. Null is push to
   * talk: the page says when a turn is over.
   */
  readonly turnDetection?: OpenAIServerVad | OpenAISemanticVad | null
  /** `near_field` for headsets, `far_field` for the microphones of laptops and rooms; default none. */
  readonly noiseReduction?: {
    readonly type: 'near_field' | 'far_field'
    readonly strength?: number
  } | null
  /** What else to tell, such as `item.input_audio_transcription.logprobs`. */
  readonly include?: readonly string[]
  readonly tracing?:
    | 'auto'
    | { readonly workflowName?: string; readonly groupId?: string; readonly metadata?: JsonObject }
    | null
  /** Further fields of the session object, as the API writes them; they win over those above. */
  readonly session?: JsonObject
}

interface ThinkingConfig {
  /** What the agent is and how it behaves. */
  readonly instructions?: string
  readonly toolChoice?:
    | 'auto'
    | 'none'
    | 'required'
    | { readonly type: 'function'; readonly name: string }
    | { readonly type: 'mcp'; readonly serverLabel: string; readonly name?: string }
  readonly parallelToolCalls?: boolean
  readonly mcpServers?: readonly OpenAIMcpServer[]
  /** For models that reason. */
  readonly reasoningEffort?: 'minimal' | 'low' | 'medium' | 'high' | 'xhigh'
  /** Of one answer, 1…4096; default `inf`. */
  readonly maxOutputTokens?: number | 'inf'
  /** What is forgotten where the conversation is too long for the model; `retentionRatio` 0…1 is what stays. */
  readonly truncation?:
    | 'auto'
    | 'disabled'
    | {
        readonly type: 'retention_ratio'
        readonly retentionRatio: number
        readonly tokenLimits?: { readonly postInstructions: number }
      }
  /** A prompt that is kept at the provider. */
  readonly prompt?: {
    readonly id: string
    readonly version?: string
    readonly variables?: JsonObject
  } | null
}

interface VoiceConfig {
  /** Default `marin`. It cannot change once the agent has spoken. */
  readonly voice?: OpenAIVoice
  /** 0.25…1.5; default 1. It changes between turns. */
  readonly speed?: number
}

/** What `update` changes here. */
export interface OpenAIRealtimeUpdate
  extends Omit<SessionUpdate, 'voice'>,
    HearingConfig,
    ThinkingConfig,
    VoiceConfig {}

interface ConnectionOptions extends HearingConfig {
  /** How the microphone's sound is written: `pcm16` of 24 kHz, or G.711 of 8 kHz. Default `pcm16`. */
  readonly inputEncoding?: AudioEncoding
  /** Where a direct connection goes; default `wss://api.openai.com/v1/realtime`. */
  readonly url?: string
  /** Of the account that pays, where the key belongs to several; offered as a subprotocol. */
  readonly organization?: string
  readonly project?: string
}

/** Names that must not be given. */
type None<T> = { readonly [K in keyof T]?: never }

interface SpeechOptions extends VoiceConfig {
  /** Whether the agent speaks or writes; default `audio`. */
  readonly modality?: 'audio'
  /** How the agent's voice is written; default `pcm16` of 24 kHz. */
  readonly outputEncoding?: AudioEncoding
}

interface ModelOption {
  /** Default `gpt-realtime-2.1`. */
  readonly model?: string
}

interface CallOption {
  /** A call over WebRTC or SIP to listen in on; what is not given here stays as the call has it. */
  readonly callId?: string
}

interface AgentOptions extends ConnectionOptions, ThinkingConfig {
  readonly kind?: 'conversation'
  /** What the agent says first; without it the agent waits to be spoken to. */
  readonly greeting?: string
}

/** An agent that speaks or writes, or, of kind `transcription`, one that only writes down what it hears. */
export type OpenAIRealtimeOptions =
  | (AgentOptions &
      (SpeechOptions | ({ readonly modality: 'text' } & None<Omit<SpeechOptions, 'modality'>>)) &
      ((ModelOption & None<CallOption>) | (Required<CallOption> & None<ModelOption>)))
  | (ConnectionOptions & { readonly kind: 'transcription' } & None<
        Omit<AgentOptions & SpeechOptions & ModelOption & CallOption, keyof ConnectionOptions | 'kind'>
      >)

/** What OpenAI can be asked beyond what every provider can; responses and items are as the API writes them. */
export type OpenAIRealtimeCommand =
  | { readonly type: 'update'; readonly id: number; readonly config: OpenAIRealtimeUpdate }
  /**
   * Asks for an answer, with fields for it alone. With `conversation: 'none'` it stays out of the conversation, may
   * run beside another one, and is told as `detail` events `response-…`.
   */
  | { readonly type: 'create-response'; readonly response?: JsonObject }
  /** `afterId` names the item before; `root` is the front, default the end. */
  | { readonly type: 'create-item'; readonly item: JsonObject; readonly afterId?: string }
  | { readonly type: 'delete-item'; readonly itemId: string }
  /** Told as `detail` event `item-retrieved`. */
  | { readonly type: 'retrieve-item'; readonly itemId: string }
  /** Forgets the sound that was sent and is no turn yet. */
  | { readonly type: 'clear-input' }
  /** Makes a turn of the sound that was sent, without an answer; it must be 100 ms at least. */
  | { readonly type: 'commit-input' }
