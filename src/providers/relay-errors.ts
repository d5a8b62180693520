import { VoiceError, type VoiceErrorCode } from '../errors.ts'
import type { ProviderEvent } from './provider.ts'

const LOST = 'connection-lost'

/**
 * With what a relay refuses or ends a session for reasons of its own, in the shape of the provider's error message.
 * A relay whose server cannot refuse an upgrade with a status accepts it first, and then says the same.
 */
const CODES: Readonly<Record<string, VoiceErrorCode>> = {
  bad_request: 'protocol-error',
  ticket_missing: 'unauthorized',
  ticket_invalid: 'unauthorized',
  ticket_expired: 'unauthorized',
  ticket_used: 'unauthorized',
  session_unknown: 'unauthorized',
  unauthenticated: 'unauthorized',
  revoked: 'unauthorized',
  origin_forbidden: 'forbidden',
  provider_forbidden: 'forbidden',
  model_forbidden: 'forbidden',
  session_forbidden: 'forbidden',
  refresh_limit: 'forbidden',
  direct_forbidden: 'forbidden',
  not_found: 'protocol-error',
  function_unknown: 'protocol-error',
  method_not_allowed: 'protocol-error',
  body_too_big: 'protocol-error',
  unsupported_media_type: 'protocol-error',
  upgrade_required: 'protocol-error',
  rate_limited: 'rate-limited',
  blocked: 'rate-limited',
  too_many_connections: 'rate-limited',
  budget_spent: 'quota-exceeded',
  internal_error: 'provider-error',
  function_timeout: 'provider-error',
  at_capacity: LOST,
  draining: LOST,
  provider_not_configured: 'provider-error',
  authentication_unavailable: LOST,
  sessions_unavailable: LOST,
  protocol_error: 'protocol-error',
  too_many_fragments: 'protocol-error',
  policy_violation: 'protocol-error',
  too_fast: 'protocol-error',
  message_too_big: 'protocol-error',
  slow_consumer: LOST,
  inactivity_timeout: 'session-expired',
  session_limit: 'session-expired',
  message_forbidden: 'configuration-rejected',
  upstream_unauthorized: 'unauthorized',
  upstream_rate_limited: 'rate-limited',
  upstream_refused: 'provider-error',
  upstream_unavailable: LOST,
  upstream_timeout: LOST,
  upstream_lost: LOST,
  upstream_protocol_error: 'provider-error',
}

/** After it the session goes on: only one message was dropped. */
const HARMLESS = 'message_forbidden'

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
  const known = Object.hasOwn(CODES, code) ? CODES[code] : undefined
  if (!known) return null
  const hint = HINTS[code]
  const error = new VoiceError(known, message, {
    phase: 'session',
    retryable: known === LOST || known === 'rate-limited',
    ...(hint !== undefined && { hint }),
  })
  return { type: 'error', fatal: code !== HARMLESS, error }
}
