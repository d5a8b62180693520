import type { MicrophoneSettings } from '../audio/audio-format.ts'
import type { AudioTap } from '../audio/audio-tap.ts'
import type { SpeechDetector } from '../audio/speech-detector.ts'
import type { UsageTotal } from '../events.ts'
import type { HistoryEntry, Provider } from '../providers/provider.ts'
import type { ReconnectOptions } from '../transport/reconnecting-websocket.ts'
import type { SessionAuth } from './auth.ts'
import type { Tool } from './define-tool.ts'
import type { ConnectTimings } from './latency.ts'
import type { TranscriptStorage } from './transcript-storage.ts'

/** What a session needs besides its credentials. */
export interface SessionOptions<P extends Provider = Provider> {
  provider: P
  /** Where the user's voice comes from; `none` for a conversation in text. Default `microphone`. */
  input?: 'microphone' | 'none' | MediaStream
  /** What the agent may call; see `defineTool`. */
  tools?: readonly Tool[]
  /** What was said before, to go on with: the agent is told of it and does not greet again. */
  history?: readonly HistoryEntry[]
  /** Where the conversation is kept, to go on after the page was loaded anew; default nowhere. See `webStorage`. */
  storage?: TranscriptStorage
  /** Constraints on the microphone, over the defaults (echo cancellation, noise suppression, automatic gain). */
  microphone?: MediaTrackConstraints
  /** Sound in one message to the provider, in ms, 10…100; default 20. */
  chunkMs?: number
  /** Bounds of how long the agent's voice is held back against an uneven line, in ms, 0…1000; default 40…200. */
  jitterBuffer?: { minMs?: number; maxMs?: number }
  /** Whether the microphone hears silence while the agent is to be heard, for devices that echo; default false. */
  halfDuplex?: boolean
  /** Notices here and now that the user speaks, such as a `LocalSpeechDetector`; see `speechchange`. */
  speechDetector?: SpeechDetector
  /** Whether the agent grows quiet as soon as `speechDetector` hears the user, before the provider has said so. */
  ducking?: boolean
  /** What listens to the sound of the session, such as a `Recorder` or a `Spectrum`. */
  taps?: readonly AudioTap[]
  /** Whether the screen is kept on while the session lasts; default false. */
  wakeLock?: boolean
  /** Ends the conversation when nobody has said anything for so long, in ms: see `IdleGuard`. Default: never. */
  idleTimeoutMs?: number
  /** Ends the conversation when it has lasted for so long, in ms. Default: never. */
  maxDurationMs?: number
  /** What happens while the page's tab is hidden; default `continue`. */
  whenHidden?: 'continue' | 'mute' | 'stop'
  /** How a lost connection is restored. */
  reconnect?: ReconnectOptions
  /** Where the worklets are served, for pages whose bundler or CSP needs it told. */
  workletUrls?: { readonly capture?: string | URL; readonly playback?: string | URL }
  /** A context of your own; it is not closed with the session. */
  audioContext?: AudioContext
  /** How long a dial may take, in ms; default 10 000. */
  connectTimeoutMs?: number
  /** From the open socket to the agent's readiness, in ms; default 15 000. */
  readyTimeoutMs?: number
  /** How long the provider may be silent after it was asked for something, in ms, before the line is dialled anew; default 20 000. */
  stallTimeoutMs?: number
  /** Default the global one. */
  WebSocket?: typeof WebSocket
  /** The time in ms since the epoch; default `Date.now`. */
  now?: () => number
}

export type VoiceSessionOptions<P extends Provider = Provider> = SessionOptions<P> & SessionAuth

export interface SessionStats {
  /** Loudness now, 0…1. */
  readonly inputLevel: number
  readonly outputLevel: number
  /** Sound received and not yet played, in ms. */
  readonly bufferedMs: number
  /** How much sound the jitter buffer holds back now, in ms. */
  readonly delayMs: number
  /** How often playback ran dry in the middle of an answer. */
  readonly underruns: number
  /** Silence that this put in, in ms. */
  readonly gapMs: number
  /** What the microphone was really granted; null while there is none. */
  readonly microphone: MicrophoneSettings | null
  /** Microphone audio given up as there was no line that took it, in ms. */
  readonly droppedMs: number
  readonly bytesSent: number
  readonly bytesReceived: number
  /** How long the stages of the newest connect took; null before the first. */
  readonly connect: ConnectTimings | null
  /** What the session has cost so far. */
  readonly usage: UsageTotal
}
