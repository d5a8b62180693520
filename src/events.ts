import type { VoiceError } from './errors.ts'

/** `closed → connecting → open → closing → closed`, with `reconnecting` in between when the line drops. */
export type SessionState = 'closed' | 'connecting' | 'open' | 'reconnecting' | 'closing'

/** What the agent does. `speaking` lasts until the last sample has been heard. */
export type AgentState = 'idle' | 'listening' | 'thinking' | 'speaking'

/** One utterance of the conversation. */
export interface TranscriptEntry {
  /** Unique for the life of the session, across reconnects too. */
  readonly id: string
  readonly role: 'user' | 'assistant'
  readonly text: string
  /** False while more may be added. */
  readonly final: boolean
  /** True where the user cut the agent off. */
  readonly interrupted: boolean
  /** When the entry was opened, in ms since the epoch. */
  readonly startedAt: number
}

/** Something worth a developer's attention that does not end the session. */
export interface VoiceWarning {
  readonly code: string
  readonly message: string
  /** What to do about it, as one sentence; empty where nothing needs doing. */
  readonly hint: string
}

/** How long the parts of one finished turn took, in ms; null where the provider does not tell. */
export interface TurnEvent {
  /** From the end of the user's speech to the first sample of the answer given to the speaker. */
  readonly responseMs: number | null
}

/** The payloads of a session's events, by name. */
export interface VoiceEventMap {
  statechange: { readonly state: SessionState; readonly previous: SessionState }
  agentstatechange: { readonly state: AgentState; readonly previous: AgentState }
  /** `entry` is new or has changed; `entries` is the whole conversation in order. */
  transcript: { readonly entry: TranscriptEntry; readonly entries: readonly TranscriptEntry[] }
  /** The agent was cut off: the transcript's entry, and how much of its sound was received and heard, in ms. */
  interrupt: { readonly entryId: string; readonly heardMs: number; readonly receivedMs: number }
  turn: TurnEvent
  warning: VoiceWarning
  error: VoiceError
  /** Every wire message, as it is. */
  message: { readonly direction: 'in' | 'out'; readonly data: string | ArrayBuffer | Uint8Array<ArrayBuffer> }
}

export type VoiceEventName = keyof VoiceEventMap
