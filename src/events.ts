import type { MicrophoneSettings } from './audio/audio-format.ts'
import type { VoiceError } from './errors.ts'

/** `closed → connecting → open → closing → closed`, with `reconnecting` in between when the line drops. */
export type SessionState = 'closed' | 'connecting' | 'open' | 'reconnecting' | 'closing'

/** What the agent does. `speaking` lasts until the last sample has been heard. */
export type AgentState = 'idle' | 'listening' | 'thinking' | 'speaking'

/** One word of the user; times in ms from the first sound of its connection. */
export interface Word {
  readonly text: string
  readonly startMs: number
  readonly endMs: number
  /** 0…1. */
  readonly confidence: number
  /** Which of several people, counted from 0, where the provider tells them apart. */
  readonly speaker?: number
}

/** What something cost, in the provider's units. */
export interface Usage {
  readonly source: 'response' | 'transcription'
  readonly inputTokens: number
  readonly outputTokens: number
  /** Part of `inputTokens`. */
  readonly cachedTokens: number
  /** Part of `inputTokens`. */
  readonly inputAudioTokens: number
  /** Part of `outputTokens`. */
  readonly outputAudioTokens: number
  /** Where time is counted instead, in s. */
  readonly seconds: number
}

/** How long the provider's own stages took, in ms; absent where it does not tell. */
export interface ProviderLatency {
  readonly speechToTextMs?: number
  readonly thinkMs?: number
  readonly textToSpeechMs?: number
  readonly totalMs?: number
}

/** Something that one provider alone has; `name` tells which. */
export interface ProviderDetail {
  readonly name: string
}

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
  /** Where the provider tells the words of the user with their times. */
  readonly words?: readonly Word[]
}

/** What became of a call: `running` while its handler runs, then one of the others. */
export interface ToolCallEvent {
  readonly callId: string
  readonly name: string
  readonly status: 'running' | 'done' | 'failed' | 'cancelled' | 'declined'
  /** As validated; as the model wrote it where it is not valid, null where that is no JSON object. */
  readonly input?: unknown
  /** What the model is told; absent for `running` and `cancelled`. */
  readonly output?: string
  /** Why it failed; the model is not told. */
  readonly error?: unknown
}

/** What one step cost, and all together. */
export interface UsageEvent {
  readonly usage: Usage
  readonly total: UsageTotal
}

/** What a session has cost so far, in the provider's units. */
export type UsageTotal = Omit<Usage, 'source'>

/** The devices in use. */
export interface DeviceChange {
  /** What was granted of the microphone; null while there is none. */
  readonly input: MicrophoneSettings | null
  /** The id of the output device; empty for the system's own choice. */
  readonly output: string
}

/**
 * Something worth a developer's attention that does not end the session.
 *
 * | code | what happened |
 * |---|---|
 * | `uplink-congested` | The line is slower than speech; the oldest microphone audio is dropped |
 * | `playback-overflow` | More than ten minutes of sound wait to be played; the rest is refused |
 * | `echo-suspected` | The agent was cut off by its own voice |
 * | `echo-cancellation-unlikely` | Echo is not cancelled, by setting or by the browser |
 * | `microphone-replaced` | The device went away and another one took its place |
 * | `microphone-ended` | The device went away and there is no other; silence is sent until there is |
 * | `microphone-muted` | The system or a switch on the device mutes it |
 * | `microphone-silent` | The device has given nothing but zeros for some seconds |
 * | `capture-restarted` | The capture worklet failed and was made anew |
 * | `output-device-replaced` | The output device went away and the system chose another one |
 * | `audio-interrupted` | The system holds sound back, as for a call |
 * | `audio-suspended` | The browser lets no sound begin before a gesture |
 * | `audio-stalled` | Sound stood still and was set going again |
 * | `tool-failed` | A tool threw, or gave what cannot be sent; the model was told only that it failed |
 * | `tool-missing` | The model called a tool that there is not |
 * | `tool-timeout` | A tool took longer than its `timeoutMs` |
 * | `tool-busy` | More than 32 calls at once |
 * | `storage-failed` | The conversation could not be loaded from, or saved to, `storage` |
 * | `wake-lock-refused` | The screen may turn off |
 * | `tap-failed` | What was given in `taps` could not listen |
 * | `speech-detector-failed` | The given detector threw, and is not asked again |
 *
 * Others are a `VoiceErrorCode`, where a failure did not end the session, or the provider's own.
 */
export interface VoiceWarning {
  readonly code: string
  readonly message: string
  /** What to do about it, as one sentence; empty where nothing needs doing. */
  readonly hint: string
}

/**
 * How long the parts of one finished turn took, in ms, from the end of the user's turn as the provider told it, or as
 * the page sent it; null where the agent began by itself.
 */
export interface TurnEvent {
  /** To the first sample of the answer on its way to the loudspeaker; null for an answer without sound. */
  readonly responseMs: number | null
  /** To the first text or sound of the answer. */
  readonly firstByteMs: number | null
  /** What the provider told of its own stages; null where it does not. */
  readonly provider: ProviderLatency | null
}

/** The payloads of a session's events, by name. */
export interface VoiceEventMap<Detail extends ProviderDetail = ProviderDetail> {
  statechange: { readonly state: SessionState; readonly previous: SessionState }
  agentstatechange: { readonly state: AgentState; readonly previous: AgentState }
  /** `entry` is new or has changed; `entries` is the whole conversation in order. */
  transcript: { readonly entry: TranscriptEntry; readonly entries: readonly TranscriptEntry[] }
  /** The agent was cut off: the transcript's entry, and how much of its sound was received and heard, in ms. */
  interrupt: { readonly entryId: string; readonly heardMs: number; readonly receivedMs: number }
  turn: TurnEvent
  /** A tool began, or has ended. */
  toolcall: ToolCallEvent
  usage: UsageEvent
  /** What this provider tells and others do not. */
  detail: Detail
  /** The local `speechDetector` noticed that the user began or ceased to speak. */
  speechchange: { readonly speaking: boolean }
  /** Another device is used, what it was granted has changed, or devices were plugged in or out. */
  devicechange: DeviceChange
  warning: VoiceWarning
  error: VoiceError
  /** Every wire message, as it is. */
  message: { readonly direction: 'in' | 'out'; readonly data: string | ArrayBuffer | Uint8Array<ArrayBuffer> }
}

export type VoiceEventName = keyof VoiceEventMap
