import { VoiceError, type VoiceErrorCode } from '../errors.ts'
import type { ProviderEvent } from './provider.ts'

const LOST = 'connection-lost'

/** With what a relay ends a session for reasons of its own, in the shape of the provider's error message. */
const CODES: Readonly<Record<string, VoiceErrorCode>> = {
  draining: LOST,
  slow_consumer: LOST,
  upstream_lost: LOST,
  upstream_timeout: LOST,
  upstream_unavailable: LOST,
  upstream_rate_limited: 'rate-limited',
  upstream_unauthorized: 'unauthorized',
  upstream_refused: 'provider-error',
  upstream_protocol_error: 'provider-error',
  budget_spent: 'quota-exceeded',
  revoked: 'forbidden',
  inactivity_timeout: 'session-expired',
  session_limit: 'session-expired',
  message_too_big: 'protocol-error',
  protocol_error: 'protocol-error',
  too_many_fragments: 'protocol-error',
}

/** What to do, where the relay knows it better than the error's code does. */
const HINTS: Readonly<Record<string, string>> = {
  upstream_unauthorized: "Check the provider's key at the relay",
  budget_spent: "The user's budget at the relay begins anew at midnight UTC",
  revoked: "Sign in again: the relay's operator withdrew what the user was given",
}

/**
 * @param code Of an error message.
 * @returns What it means where it is a relay's; null where it is the provider's own. A lost line is worth a
 *   new one; what the relay's operator decided, such as the length of a session, is not.
 */
export function relayError(code: string, message: string): Extract<ProviderEvent, { type: 'error' }> | null {
  const known = CODES[code]
  if (!known) return null
  const hint = HINTS[code]
  const error = new VoiceError(known, message, {
    phase: 'session',
    retryable: known === LOST || known === 'rate-limited',
    ...(hint !== undefined && { hint }),
  })
  return { type: 'error', fatal: true, error }
}
