import type { AudioFormat } from '../audio/audio-format.ts'
import type { VoiceError } from '../errors.ts'

/** The payload of one WebSocket message: text, or bytes that go out as they are. */
export type WireData = string | ArrayBuffer | Uint8Array<ArrayBuffer>

/** What a direct connection shows the provider, or a relayed one shows the relay. */
export interface Credential {
  /** `api-key`: the provider's long-lived key. `token`: a short-lived token or a relay's ticket. */
  readonly type: 'api-key' | 'token'
  readonly value: string
}

/** Where to connect, and what to offer as `Sec-WebSocket-Protocol`. */
export interface Endpoint {
  /** An absolute `wss:` URL; what follows its origin (path and query) is also what a relay is asked for. */
  readonly url: string
  readonly protocols: readonly string[]
}

/** One earlier utterance, replayed to a provider when a conversation is resumed. */
export interface HistoryEntry {
  readonly role: 'user' | 'assistant'
  readonly text: string
}

/** What a connection starts from: empty on the first one, the conversation so far on a later one. */
export interface SessionContext {
  /** Utterances to replay, oldest first. */
  readonly history: readonly HistoryEntry[]
  /** Whether this connection continues a conversation; a greeting is then not repeated. */
  readonly resumed: boolean
}

/** What of one answer was heard when it was cut off. Lengths are whole milliseconds of sound. */
export interface HeardItem {
  readonly itemId: string
  /** Heard from the speaker: 0…`receivedMs`. */
  readonly heardMs: number
  /** Received from the provider. */
  readonly receivedMs: number
}

/** What the session asks a provider to say on the wire. */
export type Command =
  /** A message typed by the user. */
  | { readonly type: 'text'; readonly text: string }
  /** A sentence that the agent is to speak as its own. */
  | { readonly type: 'say'; readonly text: string }
  /** The agent was cut off. `bySpeech`: the provider itself reported the user's speech. */
  | { readonly type: 'interrupt'; readonly bySpeech: boolean; readonly items: readonly HeardItem[] }

/** What a wire message means. Zero, one or several follow from one message. */
export type ProviderEvent =
  /** Send this back, as part of the handshake or of keeping the protocol's order. */
  | { readonly type: 'reply'; readonly data: WireData }
  /** The handshake is complete: audio and commands may be sent. */
  | { readonly type: 'ready' }
  /** The user began to speak. */
  | { readonly type: 'speech-start' }
  /** The user stopped speaking. */
  | { readonly type: 'speech-end' }
  /** The agent works on an answer. */
  | { readonly type: 'thinking' }
  /** A piece of the agent's voice in `outputFormat`; any number of bytes. */
  | { readonly type: 'audio'; readonly itemId: string; readonly data: Uint8Array<ArrayBuffer> }
  /** No more audio follows for this item: it is complete, or was cut off by the provider. */
  | { readonly type: 'audio-end'; readonly itemId: string }
  /**
   * Part of an utterance. `delta` is appended, `text` replaces what there was. A new id opens an entry,
   * after the entry `afterId` where that is known, else at the end.
   */
  | {
      readonly type: 'transcript'
      readonly id: string
      readonly role: 'user' | 'assistant'
      readonly delta?: string
      readonly text?: string
      readonly final: boolean
      readonly afterId?: string | null
    }
  /** The answer is finished or was given up. */
  | { readonly type: 'response-end'; readonly status: 'completed' | 'cancelled' | 'failed' | 'incomplete' }
  /** Nothing is lost, but the developer should know. */
  | { readonly type: 'warning'; readonly code: string; readonly message: string }
  /** `fatal`: the session cannot go on over this connection; `error.retryable` says whether a new one may. */
  | { readonly type: 'error'; readonly error: VoiceError; readonly fatal: boolean }

/**
 * The one seam between the session and a vendor's wire protocol. A provider does no I/O and keeps no clock:
 * it turns messages into events and commands into messages. It may keep state for the connection at hand,
 * which `open` resets. Anyone can write one.
 */
export interface Provider {
  /** A short name for logs and errors, such as `openai-realtime`. */
  readonly name: string
  /** What the microphone must deliver. */
  readonly inputFormat: AudioFormat
  /** What the agent's voice arrives as; null for speech to text alone. */
  readonly outputFormat: AudioFormat | null
  /** Sent after `intervalMs` in which no audio was sent; absent where the protocol needs none. */
  readonly keepAlive?: { readonly intervalMs: number; readonly data: WireData }
  /**
   * @param credential Null where the relay needs none.
   * @returns The provider's own address, and the subprotocols that carry the credential in its style.
   */
  endpoint(credential: Credential | null): Endpoint
  /** Starts the handshake of a new connection and forgets the one before. */
  open(context: SessionContext): Iterable<ProviderEvent>
  /**
   * @param data A text message, or the bytes of a binary one.
   * @returns What it means; nothing for a message that has no meaning here. Never throws on unknown input.
   */
  decode(data: string | ArrayBuffer): Iterable<ProviderEvent>
  /** @returns The messages to send, in order; none where the protocol has no word for the command. */
  encode(command: Command): Iterable<WireData>
  /** @param pcm One chunk at `inputFormat.sampleRate`; never empty. */
  encodeAudio(pcm: Int16Array<ArrayBuffer>): WireData
  /** Whether a close code means that a new attempt is pointless; default: the session's own table. */
  isFatalClose?(code: number): boolean | undefined
}
