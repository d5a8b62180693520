import type { Agent } from 'node:http'
import type { RelayCode } from '../codes.ts'
import type { MessageFilter } from './message-filter.ts'
import type { Route } from './routes.ts'
import type { SessionMeter, SessionTraffic } from './session-meter.ts'
import type { TimerWheel } from './timer-wheel.ts'

/** A session's bounds. Times are ms. */
export interface SessionLimits {
  readonly heartbeatMs: number
  /** 0: no limit. */
  readonly inactivityMs: number
  readonly connectTimeoutMs: number
  /** How long a side may refuse to read before the session ends. */
  readonly stallMs: number
  readonly maxMessageBytes: number
  readonly maxFragments: number
  /** What a client may send before the provider has answered. */
  readonly maxEarlyBytes: number
  /** How fast a client may send before it is slowed; 0: no limit. */
  readonly maxBytesPerSecond: number
  /** How long it is slowed before it is sent away. */
  readonly maxSlowedMs: number
}

/** Where to dial, and as whom. */
export interface UpstreamRequest {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly protocols: readonly string[]
  readonly agent: Agent
  /** The provider's key, which no close reason may carry to a client. */
  readonly secret: string
}

export interface SessionOptions {
  readonly route: Route
  readonly upstream: UpstreamRequest
  readonly limits: SessionLimits
  /** 0: no limit. */
  readonly maxSessionMs: number
  readonly wheel: TimerWheel
  /** Judges every message; null: they are passed on untouched. */
  readonly filter: MessageFilter | null
  /** Called with the tokens of each of OpenAI's responses; without it nobody counts them. */
  readonly onUsage?: (usage: { readonly tokens: number }) => void
  /** Measures chunks as they pass. */
  readonly meter?: SessionMeter
  /** How the provider took the handshake; null: well. Not called where the client left before it did. */
  readonly onDial?: (code: RelayCode | null, connectMs: number) => void
  /** Called once, when both connections are gone. */
  readonly onEnd: (summary: SessionSummary) => void
}

/** What a session was, once it is over. */
export interface SessionSummary extends Omit<SessionTraffic, 'bufferedBytes'> {
  readonly durationMs: number
  /** The handshake with the provider, refused or not; null where the client left before its end. */
  readonly connectMs: number | null
  readonly endedBy: 'client' | 'upstream' | 'relay'
  /** Why, where it was the relay's doing or a connection was lost. */
  readonly code: RelayCode | null
  /** What each side closed with, else what it was closed with; 1006 where neither came about. */
  readonly clientCloseCode: number
  readonly upstreamCloseCode: number
  /** The HTTP status with which the provider refused. */
  readonly upstreamStatus: number | null
}
