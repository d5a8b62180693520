import type { AudioFormat } from '../audio/audio-format.ts'
import type { VoiceError } from '../errors.ts'
import type { ProviderDetail, ProviderLatency, Usage, Word } from '../events.ts'
import type { JsonObject } from '../util/json.ts'

export type { ProviderDetail, ProviderLatency, Usage, Word } from '../events.ts'

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
export interface Utterance {
  readonly role: 'user' | 'assistant'
  readonly text: string
}

/** A tool that was called and answered, replayed so that it is not called again. */
export interface AnsweredCall {
  readonly role: 'tool'
  readonly callId: string
  readonly name: string
  /** JSON text, as the model wrote it. */
  readonly arguments: string
  readonly output: string
}

export type HistoryEntry = Utterance | AnsweredCall

/** What a model is told of a tool. */
export interface ToolDeclaration {
  readonly name: string
  readonly description: string
  /** JSON Schema of an object. */
  readonly parameters: JsonObject
  /** Where a provider may call ahead of the end of the user's turn: whether it must not. */
  readonly deferUntilEndOfTurn?: boolean
}

/** What a connection starts from: empty on the first one, the conversation so far on a later one. */
export interface SessionContext {
  /** What was said and called, oldest first. */
  readonly history: readonly HistoryEntry[]
  /** Whether this connection continues a conversation; a greeting is then not repeated. */
  readonly resumed: boolean
  /** The tools that the model may call; default none. */
  readonly tools?: readonly ToolDeclaration[]
}

/** What `update` changes on every provider that can; each may know more. */
export interface SessionUpdate {
  /** Takes the place of the instructions so far. */
  readonly instructions?: string
  readonly voice?: string
  /** Takes the place of all tools so far. */
  readonly tools?: readonly ToolDeclaration[]
}

/** What a provider can do. A method that it has no word for throws; see the method. */
export interface Capabilities {
  /** It speaks; else it is text alone. */
  readonly speech: boolean
  /** `sendText`. */
  readonly text: boolean
  /** `sendImage`. */
  readonly images: boolean
  /** `say`. */
  readonly say: boolean
  readonly tools: boolean
  /** `update`. */
  readonly update: boolean
  /** `endTurn`. */
  readonly endTurn: boolean
  /** A conversation is continued over a new connection. */
  readonly history: boolean
  /** Words of the user with their times. */
  readonly words: boolean
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
  /** A picture shown by the user, as `data:` or `https:` URL, and what is said about it. */
  | { readonly type: 'image'; readonly url: string; readonly text: string }
  /** A sentence that the agent is to speak as its own. */
  | { readonly type: 'say'; readonly text: string }
  /** The user has said all, says the page: push to talk. */
  | { readonly type: 'end-turn' }
  /** Answered with an `updated` or `update-rejected` of the same `id`. */
  | { readonly type: 'update'; readonly id: number; readonly config: SessionUpdate }
  /** What a tool gave; each call is answered once. */
  | {
      readonly type: 'tool-result'
      readonly callId: string
      readonly name: string
      readonly output: string
    }
  /** The conversation is to end: what the provider wants to be told, if it has results to wait for; see `closed`. */
  | { readonly type: 'close' }
  /** The agent was cut off. `bySpeech`: the provider itself reported the user's speech. */
  | { readonly type: 'interrupt'; readonly bySpeech: boolean; readonly items: readonly HeardItem[] }

/** What a wire message means. Zero, one or several follow from one message. */
export type ProviderEvent<Detail extends ProviderDetail = ProviderDetail> =
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
      readonly words?: readonly Word[]
    }
  /** The model wants a tool run; `arguments` is JSON text as the model wrote it. */
  | { readonly type: 'tool-call'; readonly callId: string; readonly name: string; readonly arguments: string }
  /** Calls that are withdrawn: they are aborted and not answered. */
  | { readonly type: 'tool-cancel'; readonly callIds: readonly string[] }
  /** An `update` is in force. */
  | { readonly type: 'updated'; readonly id: number }
  /** An `update` was refused; what was in force stays. */
  | { readonly type: 'update-rejected'; readonly id: number; readonly error: VoiceError }
  | { readonly type: 'usage'; readonly usage: Usage }
  | { readonly type: 'latency'; readonly latency: ProviderLatency }
  /** The provider ends this connection in so many ms; a new one continues the conversation. */
  | { readonly type: 'expiring'; readonly inMs: number }
  /** All results that `close` asked for have come. */
  | { readonly type: 'closed' }
  /** What others do not have, as it is. */
  | { readonly type: 'detail'; readonly detail: Detail }
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
  /** What it can do; default everything, where `encode` gives nothing for what it has no word for. */
  readonly capabilities?: Capabilities
  /** Sound in one message that suits it, in ms; default 20. */
  readonly chunkMs?: number
  /** What it hears from a muted microphone: `nothing` where the page says itself when a turn is over. Default `silence`. */
  readonly whileMuted?: 'silence' | 'nothing'
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
  /** @param samples One chunk in `inputFormat`, never empty: 16-bit samples, or the bytes of G.711. */
  encodeAudio(samples: Int16Array<ArrayBuffer> | Uint8Array<ArrayBuffer>): WireData
  /** Whether a close code means that a new attempt is pointless; default: the session's own table. */
  isFatalClose?(code: number): boolean | undefined
}

/** Everything that a provider of type `P` can be asked. */
export type CommandOf<P extends Provider> = Parameters<P['encode']>[0]

/** What a provider of type `P` can be asked and others cannot. */
export type OwnCommandOf<P extends Provider> = Exclude<CommandOf<P>, { type: Command['type'] }>

/** What a provider of type `P` tells and others do not. */
export type DetailOf<P extends Provider> =
  ReturnType<P['decode']> extends Iterable<infer E>
    ? E extends { type: 'detail'; detail: infer D }
      ? D
      : never
    : never

/** What `update` takes for a provider of type `P`. */
export type UpdateOf<P extends Provider> = Extract<CommandOf<P>, { type: 'update' }>['config']
