import { Refusal } from '../codes.ts'
import type { LimitDecision, Limiter } from './registry.ts'

/** Takes what a limit said. */
export type RecordDecision = (limiter: Limiter, decision: LimitDecision) => void

/**
 * Asks a limit, and records what it said.
 *
 * @param ask Throws a `Refusal` where the limit refuses; whatever it throws is thrown on.
 */
export async function decide<T>(limiter: Limiter, record: RecordDecision, ask: () => Promise<T>): Promise<T> {
  try {
    const result = await ask()
    record(limiter, 'allowed')
    return result
  } catch (error) {
    if (error instanceof Refusal) record(limiter, error.code === 'blocked' ? 'blocked' : 'refused')
    throw error
  }
}
