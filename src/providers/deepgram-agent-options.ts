import type { AudioEncoding } from '../audio/audio-format.ts'
import type { JsonObject } from '../util/json.ts'
import type { DeepgramRegion } from './deepgram-auth.ts'
import type { SessionUpdate } from './provider.ts'

/** What a part of the agent is made of: a model by name, or a whole block as the API writes it. */
type Block = string | JsonObject

/** The same, or several that take each other's place where one fails. */
type Blocks = Block | readonly JsonObject[]

interface AgentParts {
  /** What the agent is and how it behaves. */
  readonly instructions?: string
  /** The language model: a model of OpenAI by name, or a block. Default `gpt-4o-mini`. */
  readonly think?: Blocks
  /** The agent's voice: a model of Deepgram by name, or a block. Default `aura-2-thalia-en`. */
  readonly speak?: Blocks
  /** What hears the user: a model of Deepgram by name, Flux too, or a block. Default `nova-3`. */
  readonly listen?: Block
  /** What the agent says first; without it the agent waits to be spoken to. */
  readonly greeting?: string
}

interface Wire {
  /** What the microphone is sent as; default `pcm16`. */
  readonly inputEncoding?: AudioEncoding
  /** Rate of the microphone on the wire, in Hz; default 16 000, of G.711 8000. */
  readonly inputSampleRate?: number
  /** What the agent's voice comes as; default `pcm16`. */
  readonly outputEncoding?: AudioEncoding
  /** Rate of the agent's voice, in Hz; default 24 000, of G.711 8000. */
  readonly outputSampleRate?: 8000 | 16_000 | 24_000 | 32_000 | 48_000
  /** For Deepgram's reports of what was used. */
  readonly tags?: readonly string[]
  /** Whether Deepgram may not learn from the conversation; default false. */
  readonly mipOptOut?: boolean
  /** Whether Deepgram repeats the conversation as `history` details; default true. */
  readonly history?: boolean
  /** Further top-level fields of `Settings`, as the API writes them; they win over those above. */
  readonly settings?: JsonObject
  /** Where a direct connection goes, for those who are not Deepgram; default Deepgram's address in `region`. */
  readonly url?: string
  readonly region?: DeepgramRegion
}

/** The parts of an agent, or the id of one that is kept at Deepgram and has them all. */
export type DeepgramAgentOptions = Wire &
  (
    | (AgentParts & { readonly agentId?: never })
    | ({ readonly agentId: string } & { readonly [Name in keyof AgentParts]?: never })
  )

/** What can be changed in the middle of a conversation; each takes the place of what was. */
export interface DeepgramAgentUpdate extends SessionUpdate {
  /** Is added to the instructions. */
  readonly addInstructions?: string
  readonly think?: Blocks
  readonly speak?: Blocks
  readonly listen?: Block
}

/** What Deepgram's agent can be asked besides. */
export type DeepgramAgentOwnCommand =
  | {
      readonly type: 'inject-agent'
      readonly message: string
      /**
       * Where somebody is speaking: `default` is refused, `queue` waits for the agent, `interrupt` cuts in.
       */
      readonly behavior?: 'default' | 'queue' | 'interrupt'
    }
  /** Experimental: something for the language model's service. */
  | { readonly type: 'custom-to-think'; readonly content: unknown }

/** What Deepgram's agent tells and others do not. */
export type DeepgramAgentDetail =
  /** What the agent is thinking, where the model tells. */
  | { readonly name: 'thinking'; readonly content: string }
  /** What the user spoke, and what was expected, with `flux-general-multi`; `entry` as in the transcript's events. */
  | {
      readonly name: 'languages'
      readonly languages: readonly string[]
      readonly languagesHinted: readonly string[]
    }
  /** A tool that Deepgram runs itself was called, */
  | {
      readonly name: 'server-call'
      readonly callId: string
      readonly tool: string
      readonly arguments: string
    }
  /** and answered. */
  | {
      readonly name: 'server-call-answered'
      readonly callId: string
      readonly tool: string
      readonly output: string
    }
  /** What was said or called, as Deepgram would take it back. */
  | { readonly name: 'history'; readonly message: JsonObject }
  | { readonly name: 'injection-refused'; readonly message: string }
  /** Experimental: something from the language model's service. */
  | { readonly name: 'custom-from-think'; readonly content: unknown }
