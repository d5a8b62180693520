import { Refusal } from '../codes.ts'
import type { LimitDecision, Limiter } from './registry.ts'

/** Takes what a limit said. */
export type RecordDecision = (limiter: Limiter, decision: LimitDecision) => void

/**
 * Asks a limit, and records what it said.
 *
 * @param ask Throws a `Refusal` where the limit refuses; whatever it throws is thrown on.
 */
export function decide<T>(limiter: Limiter, record: RecordDecision, ask: () => T): T {
  try {
    const result = ask()
    record(limiter, 'allowed')
    return result
  } catch (error) {
    if (error instanceof Refusal) record(limiter, error.code === 'blocked' ? 'blocked' : 'refused')
    throw error
  }
}
