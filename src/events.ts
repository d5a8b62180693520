import type { MicrophoneSettings } from './audio/audio-format.ts'
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
