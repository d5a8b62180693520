import type { RelayCode } from '../codes.ts'
import type { Leg } from './leg.ts'
import type { SessionSummary } from './session-options.ts'

/** What is remembered of a session for the time when it is over. */
export class SessionRecord {
  readonly #startedAt = performance.now()
  endedBy: SessionSummary['endedBy'] = 'relay'
  code: RelayCode | null = null
  upstreamStatus: number | null = null

  summary(client: Leg, upstream: Leg | null): SessionSummary {
    return {
      durationMs: Math.round(performance.now() - this.#startedAt),
      bytesUp: client.bytesIn,
      bytesDown: upstream?.bytesIn ?? 0,
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
