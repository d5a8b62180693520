import { randomUUID } from 'node:crypto'
import type { RelayCode } from '../codes.ts'
import type { ProviderName } from './routes.ts'

/**
 * The error message that the client's provider would send, with a code of the relay's.
 *
 * @param message One sentence for the developer, with no secret and nothing of the provider's own text.
 * @returns The JSON text of one message.
 */
export function errorNotice(provider: ProviderName, code: RelayCode, message: string): string {
  if (provider === 'deepgram') return JSON.stringify({ type: 'Error', code, description: message })
  const error = { type: errorType(code), code, message, param: null, event_id: null }
  return JSON.stringify({ type: 'error', event_id: eventId(), error })
}

/**
 * Says that the session will end soon, in a shape that no official client takes for a failure: Deepgram's own
 * `Warning`, and for OpenAI, which has none, a type of the relay's.
 *
 * @returns The JSON text of one message.
 */
export function warningNotice(provider: ProviderName, code: RelayCode, message: string): string {
  if (provider === 'deepgram') return JSON.stringify({ type: 'Warning', code, description: message })
  return JSON.stringify({ type: 'relay.warning', event_id: eventId(), warning: { code, message } })
}

/**
 * Says that one message of the client was dropped, in a shape that ends no session: OpenAI's error, which names
 * the message by its `event_id`, and Deepgram's warning.
 *
 * @returns The JSON text of one message.
 */
export function messageNotice(provider: ProviderName, message: string, clientEventId: string | null): string {
  const code = 'message_forbidden'
  if (provider === 'deepgram') return warningNotice(provider, code, message)
  const error = { type: errorType(code), code, message, param: null, event_id: clientEventId }
  return JSON.stringify({ type: 'error', event_id: eventId(), error })
}

function eventId(): string {
  return `event_${randomUUID().replaceAll('-', '')}`
}

/** OpenAI's own three types: the client's fault, a limit, or the server's. */
function errorType(code: RelayCode): string {
  switch (code) {
    case 'protocol_error':
    case 'too_many_fragments':
    case 'message_too_big':
    case 'message_forbidden':
    case 'policy_violation':
    case 'too_fast':
    case 'inactivity_timeout':
    case 'session_limit':
    case 'revoked':
      return 'invalid_request_error'
    case 'budget_spent':
    case 'upstream_rate_limited':
      return 'rate_limit_error'
    default:
      return 'server_error'
  }
}
