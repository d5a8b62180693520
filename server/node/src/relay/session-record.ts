import type { RelayCode } from '../codes.ts'
import type { Leg } from './leg.ts'
import type { SessionTraffic } from './session-meter.ts'
import type { SessionSummary } from './session-options.ts'

/** What is remembered of a session for the time when it is over. */
export class SessionRecord {
  readonly #startedAt = performance.now()
  endedBy: SessionSummary['endedBy'] = 'relay'
  code: RelayCode | null = null
  upstreamStatus: number | null = null
  #connectMs: number | null = null

  /** The provider has taken the handshake or refused it. @returns How long it took, in ms. */
  dialled(): number {
    const connectMs = performance.now() - this.#startedAt
    this.#connectMs = Math.round(connectMs)
    return connectMs
  }

  summary({ bufferedBytes, ...passed }: SessionTraffic, client: Leg, upstream: Leg | null): SessionSummary {
    return {
      durationMs: Math.round(performance.now() - this.#startedAt),
      connectMs: this.#connectMs,
      ...passed,
      endedBy: this.endedBy,
      code: this.code,
      clientCloseCode: closeCodeOf(client),
      upstreamCloseCode: closeCodeOf(upstream),
      upstreamStatus: this.upstreamStatus,
    }
  }
}

function closeCodeOf(leg: Leg | null): number {
  return leg?.received?.code ?? leg?.sent?.code ?? 1006
}
