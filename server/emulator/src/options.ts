import type { ApiKeys } from './credentials.ts'
import type { Fault } from './faults.ts'
import type { Respond } from './reply.ts'
import type { Speech } from './voice.ts'

/** What a user said, for whoever turns it into text. */
export interface UserSpeech {
  /** One channel at `sampleRate`, from the padding before the first word to the silence after the last. */
  readonly pcm: Int16Array
  readonly sampleRate: number
  /** Milliseconds in which there was speech, without padding and silence. */
  readonly ms: number
}

/** How fast the agent answers and talks. */
export interface Pace {
  /** How many times faster than real time sound is sent; `Infinity` for at once. Default 4. */
  readonly speed: number
  /** Milliseconds before the agent begins to answer. Default 60. */
  readonly thinkMs: number
  /** Milliseconds of sound in one `response.output_audio.delta`. Default 160. */
  readonly openaiChunkMs: number
  /** Milliseconds of sound in one binary message of Deepgram. Default 60. */
  readonly deepgramChunkMs: number
  /**
   * Bytes of Deepgram's binary messages, taken in turn, in place of `deepgramChunkMs`; odd numbers are fine
   * and split samples, as the network may.
   */
  readonly deepgramChunkBytes: readonly number[] | null
  /** Milliseconds between a commit and OpenAI's transcript of it, which may well come after the answer began. Default 150. */
  readonly transcriptMs: number
}

/** How long the emulator waits, in milliseconds. */
export interface Timeouts {
  /** The longest session of OpenAI. Default 3,600,000. */
  readonly openaiSessionMs: number
  /** The patience of Deepgram's agent without sound or `KeepAlive`. Default 12,000. */
  readonly deepgramSilenceMs: number
  /** The patience of Deepgram's `/v1/listen` without sound or `KeepAlive`. Default 10,000. */
  readonly listenSilenceMs: number
  /** The patience of Flux without sound. Default 10,000. */
  readonly fluxSilenceMs: number
  /** The longest session of Deepgram's agent. Default 7,200,000. */
  readonly deepgramSessionMs: number
  /** When Deepgram warns of it. Default 6,900,000. */
  readonly deepgramWarningMs: number
}

/** Everything `createEmulator` can be told. All of it is optional. */
export interface EmulatorOptions {
  /** Default `127.0.0.1`. */
  readonly host?: string
  /** 0 takes a free one. Default 8787. */
  readonly port?: number
  /** A certificate and its key, in PEM: the emulator then speaks `https:` and `wss:`. */
  readonly tls?: { readonly key: string; readonly cert: string }
  /** The keys that count; without a list, any that looks right. Tokens minted here always count until they expire. */
  readonly apiKeys?: ApiKeys
  /** The ids of calls that `?call_id=` can attach to; without a list, any that begins with `rtc_`. */
  readonly calls?: readonly string[]
  /** Deepgram's stored agents: the `agent` of a Settings message by its UUID. */
  readonly agents?: Readonly<Record<string, unknown>>
  /** The agent's voice; default: a `FliteVoice`, closed with the emulator. One that is passed in stays open. */
  readonly speech?: Speech
  /** What each utterance of a connection is taken to say, in turn; afterwards the default says how long it was. */
  readonly transcripts?: readonly string[]
  /** Turns an utterance into text, in place of `transcripts`. */
  readonly transcribe?: (speech: UserSpeech) => string | Promise<string>
  /** Thinks of answers; default: `defaultReply`. */
  readonly respond?: Respond
  readonly pace?: Partial<Pace>
  readonly timeouts?: Partial<Timeouts>
  /** Misfortunes to begin with; more can be added while it runs. */
  readonly faults?: readonly Fault[]
  /** Milliseconds since the epoch, for expiry dates. Default `Date.now`. */
  readonly now?: () => number
  /** Milliseconds of the user's sound that are kept for each connection. Default 900,000. */
  readonly keepAudioMs?: number
  /** How many closed connections are kept. Default 200. */
  readonly keepConnections?: number
}

export const DEFAULT_PACE: Pace = {
  speed: 4,
  thinkMs: 60,
  openaiChunkMs: 160,
  deepgramChunkMs: 60,
  deepgramChunkBytes: null,
  transcriptMs: 150,
}

export const DEFAULT_TIMEOUTS: Timeouts = {
  openaiSessionMs: 3_600_000,
  deepgramSilenceMs: 12_000,
  listenSilenceMs: 10_000,
  fluxSilenceMs: 10_000,
  deepgramSessionMs: 7_200_000,
  deepgramWarningMs: 6_900_000,
}
